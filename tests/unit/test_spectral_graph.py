"""The spectral graph model against the matrix equation it solves."""

import numpy as np
import pytest

from braintwin.models.spectral_graph import BOUNDS, delayed_network, spectrum

FREQ = np.arange(1.0, 40.1, 0.5)
MIDDLE = {name: (low + high) / 2 for name, (low, high) in BOUNDS.items()}


def ring(nodes):
    """Return a ring whose neighbours are 30 mm apart."""
    apart = np.abs(np.arange(nodes)[:, None] - np.arange(nodes))
    apart = np.minimum(apart, nodes - apart)
    return (apart == 1).astype(float), 30.0 * apart


def test_eigenmodes_give_what_solving_the_network_gives():
    rng = np.random.default_rng(1)
    weights = rng.exponential(size=(7, 7))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    lengths = rng.uniform(20, 120, (7, 7))
    lengths = lengths + lengths.T
    sensor = rng.uniform(size=7)
    found = spectrum(delayed_network(FREQ, weights, lengths, 8.0, sensor), **MIDDLE)
    p = MIDDLE
    iw = 2j * np.pi * FREQ
    f_e, f_i, f_g = ((1 / p[t]) ** 2 / (iw + 1 / p[t]) ** 2 for t in ("tau_e", "tau_i", "tau_g"))
    loop_i = p["tau_i"] * (iw + f_i * p["gii"] / p["tau_i"])
    loop_e = p["tau_e"] * (iw + f_e / p["tau_e"])
    squared = (f_e * f_i * p["gei"]) ** 2 / (p["tau_e"] * p["tau_i"])
    h_e = (1 + f_e * f_i * p["gei"] / loop_i * p["tau_i"] / p["tau_e"]) / (
        iw + f_e / p["tau_e"] + squared / (loop_i / p["tau_i"])
    )
    h_i = (1 - f_e * f_i * p["gei"] / loop_e * p["tau_e"] / p["tau_i"]) / (
        iw + f_i * p["gii"] / p["tau_i"] + squared / (loop_e / p["tau_e"])
    )
    strength = weights.sum(axis=1)
    direct = np.empty(FREQ.size)
    for k, w in enumerate(iw):
        delayed = weights / np.sqrt(np.outer(strength, strength)) * np.exp(-w * lengths / 8000)
        matrix = w * np.eye(7) + f_g[k] / p["tau_g"] * (np.eye(7) - p["coupling"] * delayed)
        direct[k] = np.abs(sensor @ np.linalg.solve(matrix, np.ones(7)) * (h_e[k] + h_i[k])) ** 2
    assert found == pytest.approx(direct, rel=1e-9)


def test_a_regular_network_without_delays_is_one_mode():
    weights, _ = ring(8)
    network = delayed_network(FREQ, weights, np.zeros((8, 8)), 10.0, np.eye(8)[0])
    free = spectrum(network, **(MIDDLE | {"coupling": 1.0}))
    tied = spectrum(network, **(MIDDLE | {"coupling": 0.5}))
    # a uniform input has eigenvalue 1: with full coupling it only integrates, 1 / |iω|²
    iw = 2j * np.pi * FREQ
    far = 1 / (1 + iw * MIDDLE["tau_g"]) ** 2
    assert tied / free == pytest.approx(np.abs(iw / (iw + 0.5 * far / MIDDLE["tau_g"])) ** 2, rel=1e-9)


def test_slower_conduction_changes_the_spectrum():
    weights, lengths = ring(8)
    slow, fast = (
        np.log(spectrum(delayed_network(FREQ, weights, lengths, v, np.ones(8) / 8), **MIDDLE)) for v in (5, 20)
    )
    assert np.ptp(slow - fast) > 0.1
