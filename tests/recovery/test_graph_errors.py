"""A graph that is an estimate bends all spectra smoothly; that is carried by the draws, not by wider intervals too."""

from dataclasses import replace

import numpy as np
import pytest

from braintwin.contracts.stages import STAGES
from braintwin.inference import spectral, spectral_coordinates
from braintwin.inference.person_graph import graph_of
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.spectral_search import weigh_neighbours
from braintwin.inference.starts import multistart
from braintwin.synthetic.spectrum import channel_graph
from coherent_people import CHANNELS, FREQ, NU
from spectral_people import within_the_wall

pytestmark = [pytest.mark.slow]
SAMPLING_SD, GRAPH_ERROR, REDRAWS = 0.03, 0.25, 32


@pytest.fixture(scope="module")
def twin():
    return spectral.compile_twin(FREQ, len(CHANNELS), NU)


def seen_under_another_graph(seed):
    """Return truth, spectra under the true graph with independent errors, and the graph as it was estimated."""
    rng = np.random.default_rng([seed, 34])
    true = graph_of(np.array(channel_graph(CHANNELS, rng).weights), "functional")
    error = GRAPH_ERROR * np.where(np.eye(len(CHANNELS), dtype=bool), 0.0, true.weights)
    estimate = replace(true, standard_error=error).redraw(rng)
    truth = within_the_wall(rng)
    truth["residual_sd"][:] = 0.005
    mean = spectral.model_spectrum(FREQ, truth, true)[0][0] + rng.normal(4, 1, (len(STAGES), len(CHANNELS), 1))
    log_psd = mean + SAMPLING_SD * rng.standard_normal(mean.shape)
    spectra = PersonSpectra(
        STAGES, CHANNELS, FREQ, log_psd, np.full(mean.shape, SAMPLING_SD**2), np.ones(mean.shape, bool)
    )
    return truth, spectra, replace(estimate, standard_error=error), rng


def test_what_the_errors_of_the_graph_explain_does_not_count_as_repetition(twin):
    blind, aware = [], []
    for seed in range(10):
        truth, spectra, graph, rng = seen_under_another_graph(seed)
        density = twin.model.density(spectral.padded_data(twin, spectra, graph))
        best = multistart(density, spectral_coordinates.unconstrained(twin, truth)).points[0]
        redrawn = [graph.redraw(rng) for _ in range(REDRAWS)]
        blind.append(weigh_neighbours(twin, spectra, graph, best).repeats.mean())
        aware.append(weigh_neighbours(twin, spectra, graph, best, redrawn).repeats.mean())
    assert np.median(blind) > 1.5, blind
    assert np.median(aware) < 1.25, aware


def test_a_graph_that_is_right_changes_nothing(twin):
    truth, spectra, graph, rng = seen_under_another_graph(20)
    exact = replace(graph, standard_error=np.zeros_like(graph.standard_error))
    best = multistart(
        twin.model.density(spectral.padded_data(twin, spectra, exact)), spectral_coordinates.unconstrained(twin, truth)
    ).points[0]
    found = weigh_neighbours(twin, spectra, exact, best, [exact.redraw(rng) for _ in range(3)]).repeats
    assert found == pytest.approx(weigh_neighbours(twin, spectra, exact, best).repeats, rel=1e-9)
