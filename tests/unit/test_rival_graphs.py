"""The graphs that a connectome is compared with, and the verdict on their scores."""

import numpy as np
import pytest

from braintwin.inference.person_graph import apart, graph_of, no_graph
from braintwin.inference.rival_graphs import nearest_by_distance, rival_graphs, tabulated, verdict, words

PLACES = np.array([[0.0, 0, 0], [60, 0, 0], [0, 60, 0], [0, 0, 60], [80, 80, 0]])


def own(rng):
    weights = rng.uniform(0.1, 1.0, (5, 5))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    return graph_of(weights, "functional")


def test_rivals_know_less_of_the_person():
    graph = own(np.random.default_rng(1))
    rivals = rival_graphs(graph, PLACES, np.random.default_rng(2))
    assert list(rivals) == ["rewired", "distance", "none"]
    pairs = np.triu_indices(5, 1)
    # the same weights elsewhere
    assert np.sort(rivals["rewired"].weights[pairs]) == pytest.approx(np.sort(graph.weights[pairs]))
    assert not np.allclose(rivals["rewired"].weights, graph.weights)
    # weights fall with distance, whatever the person's are
    gap = np.linalg.norm(PLACES[:, None] - PLACES, axis=-1)[pairs]
    assert (np.diff(rivals["distance"].weights[pairs][np.argsort(gap)]) < 1e-9).all()
    assert (rivals["none"].eigenvalues == 0).all()
    assert all(rival.standard_error is None for rival in rivals.values())


def test_without_places_there_is_no_distance_and_without_a_graph_no_rival():
    graph = own(np.random.default_rng(1))
    assert list(rival_graphs(graph, None, np.random.default_rng(2))) == ["rewired", "none"]
    assert rival_graphs(no_graph(5, ""), PLACES, np.random.default_rng(2)) == {}


def test_the_length_of_distance_is_found():
    gap = np.linalg.norm(PLACES[:, None] - PLACES, axis=-1)
    true = 0.7 * np.exp(-gap / 60.0)
    np.fill_diagonal(true, 0)
    assert nearest_by_distance(true, PLACES) == pytest.approx(true, abs=0.02)


def test_no_edges_are_the_uniform_mode_in_every_channel():
    lonely, uniform = apart(4), no_graph(4, "")
    power = np.ones((4, 3)) * 2.5
    assert lonely.modes @ power == pytest.approx(uniform.modes @ power[:1])


def scores(lead, points=160, heavy=0.0):
    rng = np.random.default_rng(3)
    base = rng.normal(-1, 0.3, points)
    rows = [base] + [base - gain / points + rng.normal(0, 0.02, points) for gain in lead]
    names = ["own", "rewired", "distance", "none"]
    kappa = [np.array([2.0, 3.0])] * 4
    return tabulated(names, kappa, np.array(rows), [heavy, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("lead", "heavy", "expected", "said"),
    [
        ((20, 20, 20), 0.0, "earned", "earned its place"),
        ((20, 0, 20), 0.0, "not earned", "did not earn its place"),
        ((20, -20, 20), 0.0, "not earned", "did not earn its place"),
        ((20, 20, 20), 0.2, "unclear", "cannot be told"),
    ],
)
def test_verdict_needs_a_lead_over_every_rival(lead, heavy, expected, said):
    compared = scores(lead, heavy=heavy)
    assert verdict(compared) == expected
    assert said in words(compared)
    assert "distance alone" in words(compared)


def test_nothing_to_compare_says_nothing():
    empty = tabulated([], [], np.zeros((0, 0)), [])
    assert verdict(empty) == words(empty) == ""
