"""The Wishart of coherency: its density against scipy's formula by hand, its gradient against differences, its data."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import dblquad
from scipy.optimize import fsolve
from scipy.signal import csd, welch
from scipy.special import multigammaln
from scipy.stats import kstest

import coherent_people
from braintwin.contracts.stages import STAGES
from braintwin.inference import spectral, spectral_coordinates
from braintwin.inference.coherency import (
    Coherency,
    balanced,
    block_density,
    coherency_of,
    mixing_operator,
    model_coherency,
)
from braintwin.inference.coherency_kernel import log_likelihood
from braintwin.inference.person_spectra import average_coherency
from braintwin.models.corticothalamic import emg_shape, transfer_power
from braintwin.signals.graphs import laplacian_modes
from braintwin.signals.spectra import cross_spectra
from differences import slopes

FREQ = np.arange(1.0, 40.1, 0.5)
PLACE = np.array([[5, 6, 7], [17, 18, 19], [39, 40, 41]])
BLOCKS = len(PLACE)
ONE = np.arange(BLOCKS)[:, None]
NAMES = ("X", "Y", "Z", "alpha", "t0", "kappa", "emg_fraction", "log_share", "log_loss")
CHANNELS, PAIRS = 4, 6


def complex_wishart(mean, windows, rng):
    """Return a draw of the mean of `windows` outer products of complex normals with covariance `mean`."""
    root = np.linalg.cholesky(mean)
    size = (mean.shape[0], round(windows))
    noise = root @ (rng.standard_normal(size) + 1j * rng.standard_normal(size)) / np.sqrt(2)
    return noise @ noise.conj().T / size[1]


def case(seed, blur=0.0):
    rng = np.random.default_rng(seed)
    draws = spectral_coordinates.prior_draws(rng, 1)
    weights = rng.uniform(0.1, 1, (CHANNELS, CHANNELS))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    eigenvalues, vectors = laplacian_modes(weights)
    places = rng.normal(0, 60, (CHANNELS, 3))
    mixing = mixing_operator(CHANNELS, "average" if blur else "none", places=places, blur_mm=blur) @ vectors
    alpha, beta = spectral_coordinates.dendrites(draws)
    values = {name: draws[name][0] for name in ("X", "Y", "Z", "t0", "kappa", "emg_fraction")}
    values |= {"alpha": alpha[0], "log_share": np.log(0.3), "log_loss": rng.normal(np.log(0.1), 0.3, PAIRS)}
    windows = np.full((len(STAGES), BLOCKS), 60.0)
    windows[2, 1] = windows[4] = 0
    cross = np.array([[complex_wishart(np.eye(CHANNELS) * 0.7 + 0.3, 60, rng) for _ in FREQ] for _ in STAGES])
    data = coherency_of(cross, np.full(len(STAGES), 60.0), PLACE)
    data = Coherency(data.place, data.real, data.log_det, windows)
    return values, (beta / alpha)[0], mixing, eigenvalues, data


def evaluate(values, ratio, mixing, eigenvalues, data):
    fixed = ratio, FREQ, spectral.band_weights(FREQ), emg_shape(FREQ, 1.0, 40.0)
    plain = [float(values[n]) if np.ndim(values[n]) == 0 else np.asarray(values[n], float) for n in NAMES]
    rest = data.place.astype(float), data.real, data.log_det, data.windows, mixing, eigenvalues, float(CHANNELS)
    return log_likelihood(*plain, *fixed, *rest)


def modelled(values, ratio, mixing, eigenvalues):
    """Return the coherency of the model in the blocks (stage, block, channel, channel), by numpy."""
    loop = {n: values[n][:, None, None] for n in ("X", "Y", "Z", "alpha")} | {"t0": values["t0"]}
    power = transfer_power(
        FREQ, beta=(ratio * values["alpha"])[:, None, None], coupling=values["kappa"] * eigenvalues[:, None], **loop
    )
    muscle = emg_shape(FREQ, 1.0, 40.0)
    weight, loss = spectral.band_weights(FREQ), np.exp(values["log_loss"])
    return model_coherency(power, values["emg_fraction"], weight, muscle, mixing, PLACE, loss)


@pytest.mark.parametrize("blur", [0.0, 40.0])
def test_value(blur):
    values, ratio, mixing, eigenvalues, data = case(1, blur)
    model, expected = modelled(values, ratio, mixing, eigenvalues), 0.0
    blocks = block_density(data, model[None], np.array([0.3]))
    for s, b in zip(*np.nonzero(data.windows), strict=True):
        gamma, n = model[s, b], CHANNELS + 0.3 * data.windows[s, b]
        product = np.linalg.inv(gamma) * data.real[s, b]
        scale = fsolve(lambda d, m=product: d * (m @ d) - 1, np.ones(CHANNELS), xtol=1e-13)
        fit = -np.linalg.slogdet(gamma)[1] + 2 * np.log(scale).sum() - CHANNELS
        # the complex multivariate gamma function, from gamma functions of n, n - 1, ...
        gammas = CHANNELS * (CHANNELS - 1) / 2 * np.log(np.pi) + sum(multigammaln(n - i, 1) for i in range(CHANNELS))
        bend = 2 * (product * np.outer(scale, scale) + np.eye(CHANNELS))
        laplace = CHANNELS * np.log(2) + 0.5 * (CHANNELS * np.log(2 * np.pi / n) - np.linalg.slogdet(bend)[1])
        one = n * fit + (n - CHANNELS) * data.log_det[s, b] + CHANNELS * n * np.log(n) - gammas + laplace
        assert blocks[0, s, b] == pytest.approx(one, rel=1e-10)
        expected += one
    assert (blocks[0][data.windows == 0] == 0).all()
    assert evaluate(values, ratio, mixing, eigenvalues, data)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("seed", range(2))
def test_gradient(seed):
    values, *rest = case(seed)
    gradient = dict(zip(NAMES, evaluate(values, *rest)[1:], strict=True))
    for name in NAMES:
        for index, slope in slopes(lambda v: evaluate(v, *rest)[0], values, name, 1e-7 if name == "t0" else 1e-5):
            assert np.atleast_1d(gradient[name])[index] == pytest.approx(slope, rel=1e-4, abs=1e-3), (name, index)


def test_density_is_one_over_the_wishart():
    # with the windows all counted, draws of the model's own coherency are likeliest at its own coupling on average
    values, ratio, mixing, eigenvalues, _ = case(3)
    model = modelled(values, ratio, mixing, eigenvalues)
    rng = np.random.default_rng(0)
    better = 0
    for _ in range(20):
        cross = np.array([[complex_wishart(model[s, b], 400, rng) for b in range(BLOCKS)] for s in range(len(STAGES))])
        held = coherency_of(cross, np.full(len(STAGES), 400.0), ONE)
        data = Coherency(PLACE, held.real, held.log_det, held.windows)
        heights = [
            evaluate(values | {"kappa": values["kappa"] * factor}, ratio, mixing, eigenvalues, data)[0]
            for factor in (0.7, 1.0, 1.4)
        ]
        better += int(np.argmax(heights) == 1)
    assert better >= 15


def two_channels(model, seen, n):
    """Return the log density of the coherency of two channels, and that of the Wishart integrated over both powers."""
    held = Coherency(
        np.array([[0]]), np.array([[[[1, seen.real], [seen.real, 1]]]]), np.array([[np.log1p(-abs(seen) ** 2)]]),
        np.array([[n - 2.0]]),
    )  # fmt: skip
    gamma = np.array([[1, model], [model, 1.0]])
    found = block_density(held, gamma[None, None, None], np.ones(1))[0, 0, 0]
    inverse = np.linalg.inv(gamma)

    def wishart(b, a):
        """The powers are exp a and exp b, which changes the density by its Jacobian."""
        trace = inverse[0, 0] * np.exp(a) + inverse[1, 1] * np.exp(b)
        trace += 2 * inverse[0, 1] * seen.real * np.exp((a + b) / 2)
        return np.exp(n * (a + b - trace + 2))

    gammas = np.log(np.pi) + multigammaln(n, 1) + multigammaln(n - 1, 1)
    rest = -n * np.log1p(-(model**2)) + (n - 2) * held.log_det[0, 0] + 2 * n * np.log(n) - gammas - 2 * n
    middle = -np.log(inverse[0, 0] + inverse[0, 1] * seen.real)  # where the rows balance: both powers are equal
    low, high = middle - 9 / np.sqrt(n), middle + 9 / np.sqrt(n)
    return found, rest + np.log(dblquad(wishart, low, high, low, high)[0])


@pytest.mark.parametrize(("model", "seen"), [(0.0, 0.1 + 0.1j), (0.5, 0.4 - 0.2j), (0.9, 0.95 + 0.05j), (0.6, -0.3j)])
def test_powers_are_integrated_out(model, seen):
    for n, error in ((12.0, 0.02), (60.0, 0.004)):
        found, exact = two_channels(model, seen, n)
        assert found == pytest.approx(exact, abs=error)


@pytest.mark.parametrize("model", [0.0, 0.5, 0.9])
def test_density_of_two_channels_adds_to_one(model):
    n, radius, angle = 20.0, np.linspace(0, 1, 801)[1:-1], np.linspace(0, 2 * np.pi, 400, endpoint=False)
    seen = (radius[:, None] * np.exp(1j * angle)).ravel()
    real = np.ones((len(seen), 1, 2, 2))
    real[:, 0, 0, 1] = real[:, 0, 1, 0] = seen.real
    held = Coherency(np.array([[0]]), real, np.log1p(-(abs(seen) ** 2))[:, None], np.full((len(seen), 1), n - 2))
    gamma = np.broadcast_to([[1, model], [model, 1.0]], (1, len(seen), 1, 2, 2))
    density = np.exp(block_density(held, gamma, np.ones(1))[0, :, 0])
    area = np.repeat(radius, angle.size) * (radius[1] - radius[0]) * (angle[1] - angle[0])
    assert (density * area).sum() == pytest.approx(1, abs=0.02)


def test_balance_is_found_from_anywhere():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((200, 5, 5)) * np.exp(rng.normal(0, 2, (200, 5, 1)))
    product = np.einsum("nij,nkj->nik", root, root)
    scale = balanced(product)
    assert (scale > 0).all()
    assert scale * np.einsum("nij,nj->ni", product, scale) == pytest.approx(1, abs=1e-8)


def test_coupling_ranks_uniformly_among_its_density_and_did_not_with_unit_powers():
    def places(seed, densities):
        truth, spectra, graph = coherent_people.person(seed)
        grid = truth["kappa"][0] * np.exp(np.linspace(-0.25, 0.25, 41))
        model = coherent_people.modelled(truth, graph, grid)
        for density in densities:
            height = density(spectra.coherency, model, np.ones(len(grid))).sum(axis=(1, 2))
            weight = np.exp(height - height.max())
            yield (np.cumsum(weight) - weight / 2)[20] / weight.sum()

    def unit_powers(found, model, share):
        n = CHANNELS + share[:, None, None] * found.windows
        return -n * (np.linalg.slogdet(model)[1] + np.einsum("...ii->...", np.linalg.solve(model, found.real[None])))

    right, wrong = np.array([list(places(seed, (block_density, unit_powers))) for seed in range(300)]).T
    assert kstest(right, "uniform").pvalue > 0.01
    assert kstest(wrong, "uniform").pvalue < 1e-4


def test_reference_and_volume_conduction_are_explicit():
    pairs = np.array([[1.0, -1, 0], [0, 1, -1]])
    assert np.array_equal(mixing_operator(2, "bipolar", pairs=pairs), pairs)
    assert mixing_operator(5, "average").sum(axis=1) == pytest.approx(0)
    places = np.array([[0.0, 0, 0], [40, 0, 0], [400, 0, 0]])
    blurred = mixing_operator(3, "none", places=places, blur_mm=40.0)
    assert blurred.sum(axis=1) == pytest.approx(1)
    assert blurred[0, 1] / blurred[0, 0] == pytest.approx(np.exp(-0.5))
    # blur alone makes neighbours coherent, with no coupling at all
    assert (blurred @ blurred.T)[0, 1] > 0.3


def test_estimated_coherency_is_that_of_scipy_and_blocks_average_nights():
    rng = np.random.default_rng(4)
    eeg = rng.standard_normal((12, CHANNELS, 3000)) + rng.standard_normal((12, 1, 3000))
    kept = np.rint(FREQ * 4).astype(int)
    total = cross_spectra(eeg, 4.0, 100.0, kept)
    found = total / np.sqrt(np.einsum("fii->fi", total).real)[:, :, None]
    found = found / np.sqrt(np.einsum("fii->fi", total).real)[:, None]
    assert np.abs(np.einsum("fii->fi", found)) == pytest.approx(1)
    _, cross = csd(eeg[:, 0], eeg[:, 1], 100.0, nperseg=400, detrend="constant")
    auto = [welch(eeg[:, i], 100.0, nperseg=400, detrend="constant")[1].mean(axis=0) for i in (0, 1)]
    assert found[:, 1, 0] == pytest.approx((cross.mean(axis=0) / np.sqrt(auto[0] * auto[1]))[kept], abs=1e-9)

    dims = ("stage", "channel", "channel_to", "freq")
    names = ["F3", "F4", "C3", "C4"]
    value = np.full((len(STAGES), CHANNELS, CHANNELS, FREQ.size), np.nan, complex)
    value[2] = np.moveaxis(found, 0, -1)
    night = xr.Dataset(
        {
            "coherency_re": (dims, value.real), "coherency_im": (dims, value.imag),
            "coherency_windows": ("stage", np.array([0.0, 0, 90, 0, 0])),
        },
        {"stage": list(STAGES), "channel": names, "channel_to": names, "freq": FREQ},
    )  # fmt: skip
    one = average_coherency([night, night], names[:3], STAGES, FREQ)
    assert one.windows[2] == pytest.approx(4 * 180)  # four frequencies a block, two nights
    assert (one.windows[[0, 1, 3, 4]] == 0).all()
    assert one.real.shape == (5, len(one.place), 3, 3)
    assert 0.4 < one.real[2, :, 0, 1].mean() < 0.6
    assert (FREQ[one.place] <= 30).all()
    assert average_coherency([night], ["F3", "Oz"], STAGES, FREQ) is None
