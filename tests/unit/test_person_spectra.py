"""Nights are averaged with their spread, channels grouped by a stated rule, graphs built or refused."""

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.features import FEATURES
from braintwin.contracts.stages import STAGES
from braintwin.errors import NightExcluded, NothingToDo
from braintwin.inference.person_graph import functional_graph, graph_of, no_graph
from braintwin.inference.person_spectra import (
    average_nights,
    channel_groups,
    group_channels,
)

FREQ = np.arange(1.0, 40.1, 0.5)


def night(channels=("C3", "C4"), *, level=0.0, epochs=20, rng=None, noise=0.0, stages=STAGES, var=0.01):
    """Return features of one night with a 1/f log spectrum."""
    shape = (len(STAGES), len(channels), len(FREQ))
    log_psd = np.broadcast_to(level - 1.5 * np.log(FREQ), shape).copy()
    if rng is not None:
        log_psd += noise * rng.standard_normal(shape)
    missing = [i for i, s in enumerate(STAGES) if s not in stages]
    log_psd[missing] = np.nan
    n_epochs = np.full(shape[:2], epochs)
    n_epochs[missing] = 0
    sizes = {"stage": len(STAGES), "channel": len(channels), "freq": len(FREQ), "epoch": 0}
    found = FEATURES.empty(sizes).assign_coords(stage=list(STAGES), channel=list(channels), freq=FREQ)
    found["log_psd"][:] = log_psd
    found["log_psd_var"] = (found["log_psd"].dims, np.where(np.isfinite(log_psd), var, np.nan))
    found["n_epochs"] = (("stage", "channel"), n_epochs)
    return found


def test_weighted_mean_and_variance_of_two_nights():
    nights = [night(epochs=10, var=0.02), night(level=1.0, epochs=30, var=0.01)]
    spectra = average_nights(nights)
    np.testing.assert_allclose(spectra.log_psd, np.broadcast_to(0.75 - 1.5 * np.log(FREQ), spectra.log_psd.shape))
    # a pure difference in gain is no spread of shape: only the sampling variances combine
    np.testing.assert_allclose(spectra.variance, 0.25**2 * 0.02 + 0.75**2 * 0.01)
    assert spectra.used.all()


def test_spread_between_nights_enters_the_variance():
    rng = np.random.default_rng(0)
    nights = [night(rng=rng, noise=0.3, var=1e-4) for _ in range(4)]
    variance = average_nights(nights).variance
    assert variance.mean() == pytest.approx(0.3**2 / 4, rel=0.15)


def test_one_night_keeps_its_values():
    one = night(var=0.03)
    spectra = average_nights([one])
    np.testing.assert_allclose(spectra.log_psd, one["log_psd"].values)
    np.testing.assert_allclose(spectra.variance, 0.03)


def test_missing_stages_channels_and_lines():
    first = night(("C3", "C4"), stages=("W", "N2"))
    first["masked"][0, 30:34] = 1
    second = night(("C4", "O1"), stages=("N2", "R"))
    spectra = average_nights([first, second])
    assert spectra.stages == ("W", "N2", "R")
    assert spectra.channels == ("C3", "C4", "O1")
    c3, c4, o1 = range(3)
    assert not spectra.used[0, c3, 30:34].any()
    assert spectra.used[1, c4].all()
    assert not spectra.used[2, c3].any()
    assert not spectra.used[0, o1].any()
    level = spectra.level()
    assert level[0, c3] == pytest.approx(level[0, c4], abs=0.01)  # a masked line is bridged


def test_nothing_usable_and_unlike_frequencies_are_refused():
    with pytest.raises(NothingToDo, match="no channel has a spectrum"):
        average_nights([night(stages=())])
    with pytest.raises(NightExcluded, match="different frequencies"):
        average_nights([night(), night().isel(freq=slice(0, 60))])


def test_groups_of_many_channels():
    assert channel_groups(["C3-A2", "weird"], 2) == {"C3-A2": [0], "weird": [1]}
    names = ["Fp1", "F3", "Fz", "F4", "C3", "Cz", "C4", "T7", "T8", "P3", "Pz", "P4", "O1", "O2"]
    groups = channel_groups(names, 8)
    assert groups["F-left"] == [0, 1]
    assert groups["P-right"] == [names.index("P4"), names.index("O2")]
    assert len(groups) == 8
    assert not any(names[i].endswith("z") for members in groups.values() for i in members)
    assert len(channel_groups(names, 4)) == 4
    numbered = channel_groups([f"E{i}" for i in range(1, 257)], 8)
    assert len(numbered) == 8
    assert all(len(members) == 1 for members in numbered.values())


def test_grouping_averages_what_is_there():
    one = night(("F3", "F7", "C4"))
    one["log_psd"][:, 1] += 1.0
    one["masked"][1, 5] = 1
    spectra = average_nights([one])
    grouped = group_channels(spectra, {"F-left": [0, 1], "C-right": [2]})
    assert grouped.channels == ("F-left", "C-right")
    assert grouped.log_psd[0, 0, 0] == pytest.approx(spectra.log_psd[0, 0, 0] + 0.5)
    assert grouped.log_psd[0, 0, 5] == pytest.approx(spectra.log_psd[0, 0, 5])
    np.testing.assert_allclose(grouped.variance, spectra.variance[:, [0, 2]])


def coupling(weights, channels, stage="N2"):
    """Return a connectome with one matrix in it."""
    n = len(channels)
    return xr.Dataset(
        {
            "connectivity": (("stage", "band", "measure", "node", "node_to"), weights.reshape(1, 1, 1, n, n)),
            "standard_error": (("stage", "band", "measure", "node", "node_to"), np.full((1, 1, 1, n, n), 0.01)),
        },
        {"stage": [stage], "band": ["sigma"], "measure": ["aec_orth"], "node": channels, "node_to": channels},
    )


CHOSEN = {"measure": "aec_orth", "bands": ["sigma"], "stages": ["N2"]}


def test_functional_graph():
    rng = np.random.default_rng(1)
    channels = ["F3", "F4", "C3", "C4"]
    weights = rng.uniform(0.1, 1, (4, 4))
    weights = weights + weights.T
    weights[0, 1] = weights[1, 0] = -0.4
    own = {name: [i] for i, name in enumerate(channels)}
    graph = functional_graph([coupling(weights, channels)], channels, own, channels, **CHOSEN)
    assert graph.source == "functional"
    assert "1 negative" in graph.note
    assert graph.eigenvalues[0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(graph.modes.sum(axis=1), 1)
    twice = functional_graph([coupling(weights, channels)] * 2, channels, own, channels, **CHOSEN)
    np.testing.assert_allclose(twice.eigenvalues, graph.eigenvalues)
    swapped = functional_graph([coupling(weights, channels)], channels, own, channels[::-1], **CHOSEN)
    np.testing.assert_allclose(swapped.eigenvalues, graph.eigenvalues, atol=1e-12)


def test_graphs_that_cannot_be_built_say_why():
    channels = ["F3", "F4", "C3", "C4"]
    own = {name: [i] for i, name in enumerate(channels)}
    none = functional_graph([coupling(np.ones((4, 4)), channels, "W")], channels, own, channels, **CHOSEN)
    assert none.source == "none"
    assert "N2" in none.note
    assert functional_graph([], channels, own, channels, **CHOSEN).source == "none"
    assert graph_of(-np.ones((4, 4)), "functional").source == "none"
    assert np.array_equal(no_graph(3, "").modes, np.ones((3, 1)))
