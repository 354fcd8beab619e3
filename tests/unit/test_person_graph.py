"""The graph's error, and what channels share."""

import numpy as np
import pytest
import xarray as xr

from braintwin.inference.person_graph import _mean, functional_graph, graph_of, no_graph, shared_information

CHANNELS = ["F3", "F4", "C3", "C4"]
OWN = {name: [i] for i, name in enumerate(CHANNELS)}
FREQ = np.arange(1.0, 40.1, 0.5)


def night(weights, error, coherence, rng):
    """Return a connectome whose AEC scatters about `weights` by `error`, with one coherence for every pair."""
    n, bands = len(CHANNELS), ["delta", "alpha", "beta"]
    noise = np.triu(rng.normal(0, error, (2, 3, n, n)), 1)
    aec = weights + noise + np.swapaxes(noise, -1, -2)
    value = np.stack([aec, np.broadcast_to(coherence, aec.shape)], axis=2)
    dims = ("stage", "band", "measure", "node", "node_to")
    return xr.Dataset(
        {"connectivity": (dims, value), "standard_error": (dims, np.full(value.shape, error))},
        {
            "stage": ["N2", "N3"], "band": bands, "measure": ["aec_orth", "coherence"],
            "node": CHANNELS, "node_to": CHANNELS,
            "band_low": ("band", [1.0, 8.0, 15.0]), "band_high": ("band", [4.0, 12.0, 30.0]),
        },
    )  # fmt: skip


WEIGHTS = np.array([[0, 0.5, 0.4, 0.1], [0.5, 0, 0.1, 0.3], [0.4, 0.1, 0, 0.6], [0.1, 0.3, 0.6, 0]])


def test_averaging_over_bands_stages_and_nights_finds_the_weights_within_their_error():
    rng = np.random.default_rng(3)
    nights = [night(WEIGHTS, 0.05, 0.2, rng) for _ in range(2)]
    graph = functional_graph(nights, CHANNELS, OWN, CHANNELS, measure="aec_orth", bands=None, stages=["N2", "N3"])
    pairs = np.triu_indices(4, 1)
    # bands of one stage may err together, so two stages of two nights count as four
    assert graph.standard_error[pairs] == pytest.approx(0.05 / np.sqrt(4), rel=1e-6)
    assert np.abs((graph.weights - WEIGHTS)[pairs] / graph.standard_error[pairs]).max() < 4


def test_redrawn_graphs_scatter_by_the_error_and_stay_symmetric():
    error = np.full((4, 4), 0.02)
    graph = graph_of(WEIGHTS, "functional", error)
    rng = np.random.default_rng(5)
    drawn = np.stack([graph.redraw(rng).weights for _ in range(400)])
    pairs = np.triu_indices(4, 1)
    np.testing.assert_allclose(drawn, np.swapaxes(drawn, 1, 2))
    np.testing.assert_allclose(drawn.std(axis=0)[pairs], 0.02, rtol=0.2)
    np.testing.assert_allclose(drawn.mean(axis=0)[pairs], WEIGHTS[pairs], atol=0.005)


def test_a_graph_without_error_is_itself():
    graph = no_graph(3, "")
    assert graph.redraw(np.random.default_rng(1)) is graph


@pytest.mark.parametrize(("coherence", "expected"), [(0.0, 1.0), (1.0, 4.0), (0.5, 1.75)])
def test_channels_share_as_much_as_they_cohere(coherence, expected):
    nights = [night(WEIGHTS, 0.01, coherence, np.random.default_rng(1))]
    shared = shared_information(nights, CHANNELS, OWN, CHANNELS, ["N2", "N3"], FREQ)
    np.testing.assert_allclose(shared, expected)


def test_without_coherence_all_channels_count_as_one():
    nights = [night(WEIGHTS, 0.01, 0.0, np.random.default_rng(1))]
    shared = shared_information(nights, CHANNELS, OWN, CHANNELS, ["W", "N2"], FREQ)
    np.testing.assert_allclose(shared[0], 4.0)
    np.testing.assert_allclose(shared[1], 1.0)


N_BANDS, N_STAGES = 5, 2


def cells(rng, *, shared):
    """Return noise of standard deviation 1, (stage, band, 2, 2): one draw a stage, or one a stage and band."""
    noise = rng.standard_normal((N_STAGES, 1 if shared else N_BANDS, 1, 1))
    return np.broadcast_to(noise, (N_STAGES, N_BANDS, 2, 2)).copy()


def test_errors_that_bands_share_are_covered():
    rng = np.random.default_rng(3)
    pairs = [_mean(cells(rng, shared=True), np.ones((N_STAGES, N_BANDS, 2, 2))) for _ in range(2000)]
    z = np.array([mean[0, 1] / error[0, 1] for mean, error in pairs])
    assert 0.85 < z.std() < 1.05


def test_errors_that_bands_do_not_share_are_not_understated():
    rng = np.random.default_rng(4)
    pairs = [_mean(cells(rng, shared=False), np.ones((N_STAGES, N_BANDS, 2, 2))) for _ in range(2000)]
    z = np.array([mean[0, 1] / error[0, 1] for mean, error in pairs])
    assert z.std() < 1.0


def testcells_that_were_not_estimated_do_not_count():
    values, errors = np.full((2, N_BANDS, 2, 2), 0.3), np.full((2, N_BANDS, 2, 2), 0.1)
    values[1], errors[1] = np.nan, np.nan
    mean, error = _mean(values, errors)
    assert np.isclose(mean[0, 1], 0.3)
    assert np.isclose(error[0, 1], 0.1)
