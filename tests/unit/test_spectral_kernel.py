"""The likelihood written by hand against scipy's t on the numpy model, and its gradient against differences."""

import numpy as np
import pytest
from scipy import stats

from braintwin.contracts.stages import STAGES
from braintwin.inference import spectral
from braintwin.inference.person_graph import graph_of
from braintwin.inference.spectral_kernel import EDGE, EDGE_HEIGHT, EDGE_WIDTH, log_likelihood
from braintwin.models.corticothalamic import dispersion_floor, emg_shape
from differences import slopes

FREQ = np.arange(1.0, 40.1, 0.5)
NU = 4.0
NAMES = ("X", "Y", "Z", "alpha", "t0", "kappa", "emg_fraction", "scale", "residual_sd")


def case(seed, n_channels=4):
    """Return parameters, graph and data; some bins, one channel and one stage are masked."""
    rng = np.random.default_rng(seed)
    draws = spectral.prior_draws(rng, 1)
    weights = rng.uniform(0, 1, (n_channels, n_channels))
    graph = graph_of(weights, "functional")
    shape, _ = spectral.model_spectrum(FREQ, draws, graph)
    scale = rng.normal(3, 1, (len(STAGES), n_channels))
    seen = shape[0] + scale[:, :, None] + rng.normal(0, 0.3, shape[0].shape)
    used = (rng.uniform(size=seen.shape) > 0.2).astype(float)
    used[1, 2] = 0
    used[3] = 0
    data = (seen, rng.uniform(0.001, 0.02, seen.shape), used, graph.modes, graph.eigenvalues)
    alpha, beta = spectral.dendrites(draws)
    values = {name: draws[name][0] for name in ("X", "Y", "Z", "t0", "kappa", "emg_fraction", "residual_sd")}
    return values | {"alpha": alpha[0], "scale": scale}, (beta / alpha)[0], graph, draws, data


def evaluate(values, ratio, data):
    muscle = emg_shape(FREQ, 1.0, 40.0)
    fixed = (ratio, FREQ, spectral.band_weights(FREQ), muscle, NU)
    plain = [float(values[n]) if np.ndim(values[n]) == 0 else values[n] for n in NAMES]
    return log_likelihood(*plain, *fixed, *data)


@pytest.mark.parametrize("seed", range(3))
def test_value(seed):
    values, ratio, graph, draws, data = case(seed)
    seen, variance, used, *_ = data
    mean = spectral.model_spectrum(FREQ, draws, graph)[0][0] + values["scale"][:, :, None]
    s = np.sqrt(values["residual_sd"] ** 2 + variance)
    constant = stats.t.logpdf(0, NU)
    expected = np.sum(used * (stats.t.logpdf((seen - mean) / s, NU) - np.log(s) - constant))
    loop = {n: values[n][:, None] for n in "XYZ"} | {"t0": values["t0"], "alpha": values["alpha"][:, None]}
    floor = np.sqrt(dispersion_floor(FREQ, beta=(ratio * values["alpha"])[:, None], **loop).min(axis=1))
    margin = np.minimum(floor, 1 - values["X"] - values["Y"])
    expected -= EDGE_HEIGHT * np.sum(np.log1p(np.exp((EDGE - margin) / EDGE_WIDTH)))
    assert evaluate(values, ratio, data)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_gradient(seed):
    values, ratio, _, _, data = case(seed)
    if seed == 3:  # inside the wall
        values["X"] = np.full(len(STAGES), 0.985) - values["Y"]
    gradient = dict(zip(NAMES, evaluate(values, ratio, data)[1:], strict=True))
    for name in NAMES:
        for index, slope in slopes(lambda v: evaluate(v, ratio, data)[0], values, name, 1e-8 if name == "t0" else 1e-6):
            ours = np.atleast_1d(gradient[name])[index]
            assert ours == pytest.approx(slope, rel=2e-4, abs=2e-3), (name, index)


def test_masked_channels_have_no_pull():
    values, ratio, _, _, data = case(0)
    scale_gradient = evaluate(values, ratio, data)[8]
    assert scale_gradient[1, 2] == 0
    assert np.all(scale_gradient[3] == 0)
    assert np.all(scale_gradient[0] != 0)


def test_prior_draws_are_stable_and_where_the_cards_say():
    draws = spectral.prior_draws(np.random.default_rng(5), 500)
    assert spectral.stability(draws).all()
    assert np.all((draws["t0"] >= 0.035) & (draws["t0"] <= 0.120))
    assert np.median(draws["alpha_wake"]) == pytest.approx(80, rel=0.15)
    assert draws["X"].mean(axis=0)[STAGES.index("N3")] > draws["X"].mean(axis=0)[STAGES.index("W")]


def test_band_weights_integrate():
    assert spectral.band_weights(FREQ) @ FREQ**2 == pytest.approx(np.trapezoid(FREQ**2, FREQ))


def test_padding_depends_on_the_person_alone():
    assert [spectral.padded_channels(n) for n in (1, 2, 3, 4, 5, 6, 8)] == [1, 2, 4, 4, 8, 8, 8]
