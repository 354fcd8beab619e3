"""The likelihood written by hand against scipy's t on the numpy model, and its gradient against differences."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from braintwin.contracts.stages import STAGES
from braintwin.inference import spectral, spectral_coordinates
from braintwin.inference.lanes import logarithms
from braintwin.inference.person_graph import graph_of
from braintwin.inference.spectral_density import log_posterior
from braintwin.inference.spectral_kernel import EDGE, EDGE_HEIGHT, EDGE_WIDTH
from braintwin.inference.spectral_passes import log_likelihood
from braintwin.models import parameters as p
from braintwin.models import sleep_priors as fitted
from braintwin.models.corticothalamic import dispersion_floor, emg_shape
from differences import slopes

FREQ = np.arange(1.0, 40.1, 0.5)
NU = 4.0
NAMES = ("X", "Y", "Z", "alpha", "t0", "kappa", "emg_fraction", "scale", "residual_sd")


def case(seed, n_channels=4):
    """Return parameters, graph and data; some bins, one channel and one stage are masked."""
    rng = np.random.default_rng(seed)
    draws = spectral_coordinates.prior_draws(rng, 1)
    weights = rng.uniform(0, 1, (n_channels, n_channels))
    graph = graph_of(weights, "functional")
    shape, _ = spectral.model_spectrum(FREQ, draws, graph)
    scale = rng.normal(3, 1, (len(STAGES), n_channels))
    seen = shape[0] + scale[:, :, None] + rng.normal(0, 0.3, shape[0].shape)
    used = (rng.uniform(size=seen.shape) > 0.2).astype(float)
    used[1, 2] = 0
    used[3] = 0
    data = (seen, rng.uniform(0.001, 0.02, seen.shape), used, graph.modes, graph.eigenvalues)
    alpha, beta = spectral_coordinates.dendrites(draws)
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
    s = np.sqrt(values["residual_sd"][:, None, None] ** 2 + variance)
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
    draws = spectral_coordinates.prior_draws(np.random.default_rng(5), 500)
    assert spectral_coordinates.stability(draws).all()
    assert np.all((draws["t0"] >= p.T0_LOW) & (draws["t0"] <= p.T0_HIGH))
    prior = [fitted.STAGE_PRIORS[stage].alpha[0] for stage in STAGES]
    assert np.median(draws["alpha"], axis=0) == pytest.approx(prior, rel=0.15)
    assert draws["X"].mean(axis=0)[STAGES.index("N3")] > draws["X"].mean(axis=0)[STAGES.index("W")]


def test_band_weights_integrate():
    assert spectral.band_weights(FREQ) @ FREQ**2 == pytest.approx(np.trapezoid(FREQ**2, FREQ))


def test_padding_depends_on_the_person_alone():
    assert [spectral.padded_channels(n) for n in (1, 2, 3, 4, 5, 6, 8)] == [1, 2, 4, 4, 8, 8, 8]


def test_logarithms_are_those_of_the_library():
    rng = np.random.default_rng(0)
    values = np.concatenate([np.exp(rng.uniform(-700, 700, 500)), [1, 2**0.5, 0.5, 1e-310, 0, np.inf, np.nan]])
    found = np.empty(values.size)
    logarithms(values, found, np.empty((2, values.size)))
    with np.errstate(divide="ignore"):
        assert found == pytest.approx(np.log(values), rel=4e-16, abs=4e-16, nan_ok=True)


def density(white, centre, root, data, level):
    by_stage, shared = spectral_coordinates.prior_numbers(NU)
    band = np.array([FREQ, spectral.band_weights(FREQ), emg_shape(FREQ, 1.0, 40.0)])
    return log_posterior(white, centre, root, by_stage, shared, band, level, *data)


def priors(draws, offset):
    """Return the log prior of one draw on the scales of which the sampler knows, by scipy."""
    found = stats.norm.logpdf(offset).sum()
    for i, stage in enumerate(STAGES):
        prior = fitted.STAGE_PRIORS[stage].unbounded()
        x, z = (draws[name][0, i] / top for name, top in (("X", 1.0), ("Z", p.Z_MAX)))
        found += stats.norm.logpdf((np.log(x / (1 - x)) - prior["X"][0]) / prior["X"][1])
        found += stats.norm.logpdf((draws["Y"][0, i] - prior["Y"][0]) / prior["Y"][1])
        found += stats.norm.logpdf((np.log(z / (1 - z)) - prior["Z"][0]) / prior["Z"][1])
        found += stats.norm.logpdf((np.log(draws["alpha"][0, i]) - prior["alpha"][0]) / prior["alpha"][1])
        found += stats.beta.logpdf(draws["emg_fraction"][0, i], *fitted.STAGE_PRIORS[stage].emg)
    low, high, far = ((t - fitted.T0_MEAN) / fitted.T0_SD for t in (p.T0_LOW, p.T0_HIGH, draws["t0"][0]))
    way = (far - low) / (high - low)
    found += stats.truncnorm.logpdf(far, low, high) + np.log((high - low) * way * (1 - way))
    found += stats.norm.logpdf((np.log(draws["kappa"][0]) - p.LOG_KAPPA_MEAN) / p.LOG_KAPPA_SD)
    return found + stats.expon.logpdf(draws["residual_sd"][0], scale=p.RESIDUAL_SD_MEAN).sum()


@pytest.mark.parametrize("seed", range(3))
def test_density_is_prior_and_likelihood_in_any_coordinates(seed):
    values, ratio, _, draws, data = case(seed)
    layout, n_dim = spectral_coordinates.unconstrained_layout(4), 52
    twin = SimpleNamespace(model=SimpleNamespace(layout=layout, n_dim=n_dim), n_channels=4)
    point = spectral_coordinates.unconstrained(twin, draws)[0]
    back = spectral_coordinates.constrained(twin, point[None])
    assert all(back[name] == pytest.approx(draws[name], rel=1e-9) for name in draws)
    rng = np.random.default_rng([seed, 1])
    point[layout["offset_raw"][0]] = offset = rng.standard_normal(20)
    root = np.tril(rng.normal(0, 0.05, (n_dim, n_dim))) + np.eye(n_dim)
    white = rng.normal(0, 0.3, n_dim)
    level = values["scale"] - spectral_coordinates.OFFSET_SD * offset.reshape(5, 4)
    found, slope = density(white, point - root @ white, root, data, level)
    # the coordinate of Z is another one than the logit of its prior; shares of EMG and residuals are normal scores
    logit = np.log(draws["Z"][0] / (p.Z_MAX - draws["Z"][0]))
    spread = np.array([fitted.STAGE_PRIORS[stage].unbounded()["Z"][1] for stage in STAGES])
    shifted = point.copy()
    shifted[layout["Z_root"][0]] += 1e-6
    for name in ("emg_score", "residual_score"):
        shifted[layout[name][0]] += 1e-6
    moved = spectral_coordinates.constrained(twin, shifted[None])
    of_z = (np.log(moved["Z"][0] / (p.Z_MAX - moved["Z"][0])) - logit) / spread / 1e-6
    of_scores = np.array([(moved[name] - draws[name])[0] for name in ("emg_fraction", "residual_sd")]) / 1e-6
    jacobian = np.log(of_z).sum() + np.log(of_scores).sum()
    constant = (n_dim - 1) * 0.5 * np.log(2 * np.pi)
    expected = evaluate(values, ratio, data)[0] + priors(draws, offset) + jacobian + constant
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-4)
    for i in range(n_dim):
        step = np.zeros(n_dim)
        step[i] = 1e-6
        ends = [density(white + sign * step, point - root @ white, root, data, level)[0] for sign in (1, -1)]
        assert slope[i] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-4, abs=2e-2), i
