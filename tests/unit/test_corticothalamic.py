"""The closed form against the complex one, published peaks and gains, polynomial roots and the cortex's wave sum."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from braintwin.models.corticothalamic import (
    GAMMA,
    INHIBITION,
    RETICULAR,
    dispersion_floor,
    emg_shape,
    is_stable,
    network_power,
    transfer_power,
)
from braintwin.models.gains import LoopGains, cortical_waves, full_transfer_power, instant_transfer_power, loop_gains

FREQ = np.arange(0.25, 45.01, 0.05)
WAKE = {"alpha": 83.33, "beta": 769.2, "t0": 0.085}
SLEEP = {"alpha": 45.0, "beta": 185.0, "t0": 0.085}

PUBLISHED = {
    "closed": (
        {"e": 5.25, "r": 15.40, "s": 8.79},
        {"ee": 1.525, "ei": -3.023, "es": 0.5675, "se": 3.447, "sr": -1.465, "re": 0.1696, "rs": 0.0507},
        (2.074, -4.110, 5.994, -1.671, -0.647),
        WAKE,
        (0.406, 0.513, 0.057),
    ),
    "wake": (
        {"e": 7.59, "r": 19.85, "s": 5.06},
        {"ee": 1.347, "ei": -2.320, "es": 1.177, "se": 2.662, "sr": -1.177, "re": 0.2584, "rs": 0.0776},
        (2.631, -4.532, 8.018, -4.507, -0.589),
        WAKE,
        (0.476, 0.399, 0.052),
    ),
    "spindle": (
        {"e": 8.46, "r": 27.84, "s": 0.535},
        {"ee": 3.062, "ei": -3.241, "es": 0.9211, "se": 4.726, "sr": -1.950, "re": 0.2597, "rs": 2.876},
        (6.646, -7.034, 1.328, -0.957, -5.300),
        SLEEP,
        (0.827, 0.007, 0.834),
    ),
}


def complex_power(freq, X, Y, Z, t0, alpha, beta, k2r2):
    """Return the model as papers write it, with complex numbers; its loops go through dendrites once or twice."""
    w = 2 * np.pi * freq
    low = 1 / ((1 - 1j * w / alpha) * (1 - 1j * w / beta))
    z = Z * (alpha + beta) ** 2 / (alpha * beta)
    thalamus, cortex = 1 + z * low**2, (1 + INHIBITION * low) / (1 + INHIBITION)
    loop = Y * (1 + z) * ((1 + RETICULAR) * low**2 - RETICULAR * low**3) * np.exp(1j * w * t0)
    q2r2 = (1 - 1j * w / GAMMA) ** 2 - (low * X + loop / thalamus) / cortex
    return np.abs(low**2 / (thalamus * cortex * (k2r2 + q2r2))) ** 2


def wave_sum(freq, power):
    k2r2, weight = cortical_waves()
    return sum(f * power(freq, k) for k, f in zip(k2r2, weight, strict=True))


def peaks(spectrum, above=4.0):
    at = FREQ[find_peaks(np.log(spectrum))[0]]
    return at[at > above]


def test_real_form_equals_complex_form():
    rng = np.random.default_rng(1)
    for _ in range(50):
        x, y, z = rng.uniform(0, 1), rng.uniform(-1, 1), rng.uniform(0, 1)
        loop = {"t0": rng.uniform(0.03, 0.14), "alpha": rng.uniform(10, 100), "beta": rng.uniform(100, 800)}
        coupling = rng.uniform(0, 4)
        ours = transfer_power(FREQ, X=x, Y=y, Z=z, coupling=coupling, **loop)
        np.testing.assert_allclose(ours, complex_power(FREQ, x, y, z, k2r2=coupling, **loop), rtol=1e-10)


@pytest.mark.parametrize("state", ["closed", "spindle"])
def test_real_form_equals_complex_form_at_published_sets(state):
    *_, rates, (x, y, z) = PUBLISHED[state]
    for coupling in (0.0, 1.17):
        ours = transfer_power(FREQ, X=x, Y=y, Z=z, coupling=coupling, **rates)
        np.testing.assert_allclose(ours, complex_power(FREQ, x, y, z, k2r2=coupling, **rates), rtol=1e-12)


@pytest.mark.parametrize("state", PUBLISHED)
def test_gains_of_published_states(state):
    rates, strengths, gains, dendrites, xyz = PUBLISHED[state]
    found = loop_gains(rates, strengths)
    np.testing.assert_allclose((found.ee, found.ei, found.ese, found.esre, found.srs), gains, rtol=4e-3)
    np.testing.assert_allclose(found.reduced(dendrites["alpha"], dendrites["beta"]), xyz, atol=2e-3)


@pytest.mark.parametrize(("state", "expected"), [("closed", (7.9, 16.0)), ("spindle", (13.7,))])
def test_peaks_of_the_form_without_dendrites_in_the_cortex(state, expected):
    *_, dendrites, (x, y, z) = PUBLISHED[state]
    found = peaks(wave_sum(FREQ, lambda f, k: instant_transfer_power(f, X=x, Y=y, Z=z, coupling=k, **dendrites)))
    np.testing.assert_allclose(found[: len(expected)], expected, atol=0.15)


def test_it_is_the_full_model_of_its_inhibition_and_reticular_share():
    for *_, (ee, _, ese, _, srs), dendrites, _ in PUBLISHED.values():
        gains = LoopGains(ee, -INHIBITION, ese, -ese * RETICULAR / (1 + RETICULAR), srs)
        x, y, z = gains.reduced(dendrites["alpha"], dendrites["beta"])
        for coupling in (0.0, 1.17):
            ours = transfer_power(FREQ, X=x, Y=y, Z=z, coupling=coupling, **dendrites)
            full = full_transfer_power(FREQ, gains, dendrites["t0"], dendrites["alpha"], dendrites["beta"], coupling)
            np.testing.assert_allclose(ours / ours[0], full / full[0], rtol=1e-10)


@pytest.mark.parametrize("state", PUBLISHED)
def test_published_gains_and_delays_give_the_spectra_of_the_full_model(state):
    _, _, gains, d, (x, y, z) = PUBLISHED[state]
    fitted = (FREQ >= 1) & (FREQ <= 40)
    full = full_transfer_power(FREQ, LoopGains(*gains), d["t0"], d["alpha"], d["beta"], 0.0)

    def missed(power):
        log = np.log(power / full)[fitted]
        return np.sqrt(np.mean((log - log.mean()) ** 2))

    ours, instant = (form(FREQ, X=x, Y=y, Z=z, **d) for form in (transfer_power, instant_transfer_power))
    assert missed(ours) < 0.5 * missed(instant)
    np.testing.assert_allclose(peaks(ours)[0], peaks(full)[0], atol=0.8)


@pytest.mark.parametrize(
    ("state", "expected"), [("closed", (8.9, 18.2, 27.3)), ("wake", (9.2, 18.5, 27.9)), ("spindle", (13.8,))]
)
def test_peaks_of_the_full_model(state, expected):
    _, _, gains, dendrites, _ = PUBLISHED[state]
    d = dendrites
    found = peaks(
        wave_sum(FREQ, lambda f, k: full_transfer_power(f, LoopGains(*gains), d["t0"], d["alpha"], d["beta"], k))
    )
    np.testing.assert_allclose(found[: len(expected)], expected, atol=0.15)


def test_published_states_are_stable_and_the_tent_has_its_face():
    for *_, dendrites, (x, y, z) in PUBLISHED.values():
        assert is_stable(x, y, z, **dendrites)
    x = np.linspace(0.05, 0.95, 19)
    assert not is_stable(x, 1.0 - x, 0.1, **WAKE).any()
    assert not is_stable(x, 1.05 - x, 0.1, **WAKE).any()
    assert is_stable(x, 0.0, 0.1, **WAKE).all()
    assert not is_stable(0.4, 0.3, 1.15, **SLEEP)
    assert is_stable(np.full((3, 2), 0.4), 0.0, 0.1, **WAKE).shape == (3, 2)


def unstable_roots(X, Y, Z, alpha, beta):
    """Return how many roots of 1/H lie in the growing half plane when there is no delay: then it is a polynomial."""
    z = Z * (alpha + beta) ** 2 / (alpha * beta)
    s = np.polynomial.Polynomial([0, 1])  # s = -iω, growing where its real part is positive
    dendrite, spread = (1 + s / alpha) * (1 + s / beta), (1 + s / GAMMA) ** 2
    # times 1/L, which has no growing roots
    cortex = (dendrite + INHIBITION) / (1 + INHIBITION) * spread - X
    loop = Y * (1 + z) * ((1 + RETICULAR) * dendrite - RETICULAR)
    p = (dendrite**2 + z) * cortex - loop
    return int(np.sum(p.roots().real > 0))


def test_stability_equals_polynomial_roots_without_delay():
    rng = np.random.default_rng(2)
    n = 400
    x, y, z = rng.uniform(0, 1, n), rng.uniform(-3, 1, n), rng.uniform(0, 1.3, n)
    alpha = rng.uniform(20, 100, n)
    beta = alpha * rng.uniform(3, 10, n)
    ours = is_stable(x, y, z, 0.0, alpha, beta)
    exact = np.array([unstable_roots(*row) == 0 for row in zip(x, y, z, alpha, beta, strict=True)])
    assert 50 < exact.sum() < 350
    assert np.array_equal(ours, exact)


def test_graph_of_a_torus_gives_the_wave_sum():
    k2r2, weight = cortical_waves()
    kappa = 2.6
    loop = {"X": 0.48, "Y": 0.3, "Z": 0.08, "alpha": 83.0, "beta": 769.0, "t0": 0.06}
    graph = network_power(FREQ, weight[None, :], k2r2 / kappa, kappa, **loop)
    direct = wave_sum(FREQ, lambda f, k: transfer_power(f, coupling=k, **loop))
    np.testing.assert_allclose(graph[0], direct, rtol=1e-12)


def test_network_power_of_many_draws_equals_each_alone():
    rng = np.random.default_rng(3)
    draws = {"X": rng.uniform(0.3, 0.9, 5), "Y": rng.uniform(-0.1, 0.1, 5), "Z": rng.uniform(0, 0.5, 5)}
    modes, lam, kappa = rng.uniform(0, 1, (4, 3)), np.array([0.0, 0.5, 1.2]), rng.uniform(1, 4, 5)
    rest = {"t0": 0.07, "alpha": 50.0, "beta": 205.0}
    many = network_power(FREQ, modes, lam, kappa, **draws, **rest)
    for i in range(5):
        one = network_power(FREQ, modes, lam, kappa[i], **{k: v[i] for k, v in draws.items()}, **rest)
        np.testing.assert_allclose(many[i], one, rtol=1e-12)


def test_emg_has_unit_area_and_its_peak():
    fine = np.linspace(1, 40, 40001)
    assert np.trapezoid(emg_shape(fine, 1.0, 40.0), fine) == pytest.approx(1, rel=1e-7)
    wide = np.linspace(1, 200, 19901)
    assert wide[np.argmax(emg_shape(wide, 1.0, 200.0))] == pytest.approx(40.0, abs=0.02)


def test_distance_to_the_edge_shrinks_towards_it():
    near = [dispersion_floor(FREQ, X=x, Y=0.1, Z=0.1, **WAKE).min() for x in (0.5, 0.7, 0.85)]
    assert near[0] > near[1] > near[2] > 0
    at_zero = dispersion_floor(np.array([0.0]), X=0.9, Y=0.1, Z=0.1, **WAKE)
    assert at_zero[0] == pytest.approx(0, abs=1e-20)


def test_pytensor_gives_the_same_numbers():
    pt = pytest.importorskip("pytensor.tensor")
    loop = {"X": 0.48, "Y": 0.3, "Z": 0.08, "alpha": 83.0, "beta": 769.0, "t0": 0.06, "coupling": 0.4}
    symbols = {name: pt.as_tensor(np.float64(value)) for name, value in loop.items()}
    symbolic = transfer_power(pt.as_tensor(FREQ), xp=pt, **symbols).eval()
    np.testing.assert_allclose(symbolic, transfer_power(FREQ, **loop), rtol=1e-12)
