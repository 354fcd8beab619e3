"""Laplacian modes, null graphs and graph measures against known graphs and against networkx and scipy."""

import networkx as nx
import numpy as np
import pytest
from scipy.sparse.csgraph import laplacian as scipy_laplacian

from braintwin.errors import BrainTwinError
from braintwin.signals import graphs


def random_weights(rng: np.random.Generator, nodes: int, density: float = 1.0) -> np.ndarray:
    weights = np.triu(rng.lognormal(size=(nodes, nodes)) * (rng.random((nodes, nodes)) < density), 1)
    return weights + weights.T


def test_ring_has_its_textbook_spectrum():
    nodes = 12
    ring = nx.to_numpy_array(nx.cycle_graph(nodes))
    values, _ = graphs.laplacian_modes(ring)
    np.testing.assert_allclose(values, np.sort(1 - np.cos(2 * np.pi * np.arange(nodes) / nodes)), atol=1e-12)


def test_modes_rebuild_the_laplacian_of_scipy_with_an_isolated_node():
    weights = random_weights(np.random.default_rng(0), 9, 0.6)
    weights[4] = weights[:, 4] = 0
    values, vectors = graphs.laplacian_modes(weights)
    np.testing.assert_allclose((vectors * values) @ vectors.T, scipy_laplacian(weights, normed=True), atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(9), atol=1e-12)
    assert np.count_nonzero(values < 1e-12) == 2
    assert np.abs(graphs.laplacian(weights)[4]).max() == 0


def test_first_mode_is_root_degree_and_signs_are_fixed():
    weights = random_weights(np.random.default_rng(1), 15)
    _, vectors = graphs.laplacian_modes(weights)
    root = np.sqrt(weights.sum(axis=1))
    np.testing.assert_allclose(vectors[:, 0], root / np.linalg.norm(root), atol=1e-10)
    assert (np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0) > 0).all()
    order = np.random.default_rng(2).permutation(15)
    np.testing.assert_allclose(graphs.laplacian_modes(weights[np.ix_(order, order)])[1], vectors[order], atol=1e-9)


def test_the_diagonal_is_no_edge():
    weights = random_weights(np.random.default_rng(3), 6)
    diagonal = weights.copy()
    np.fill_diagonal(diagonal, np.nan)
    np.testing.assert_array_equal(graphs.laplacian(diagonal), graphs.laplacian(weights))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda w: w[:, :-1], "shape"),
        (lambda w: np.where(w == w.max(), np.nan, w), "missing"),
        (lambda w: -w, "negative"),
        (np.triu, "not symmetric"),
    ],
)
def test_what_is_no_graph_is_refused(spoil, message):
    with pytest.raises(BrainTwinError, match=message):
        graphs.laplacian_modes(spoil(random_weights(np.random.default_rng(4), 5)))


def test_clipping_is_counted():
    weights = random_weights(np.random.default_rng(5), 5)
    weights[0, 1] = weights[1, 0] = -0.2
    clipped, negative = graphs.clip_negative(weights)
    assert negative == 1
    assert clipped[0, 1] == 0
    assert clipped.min() >= 0


def test_rewired_graph_keeps_degrees_and_weights_but_not_edges():
    weights = random_weights(np.random.default_rng(6), 30, 0.2)
    null = graphs.rewire(weights, np.random.default_rng(7))
    np.testing.assert_array_equal((null > 0).sum(axis=1), (weights > 0).sum(axis=1))
    np.testing.assert_allclose(np.sort(null[null > 0]), np.sort(weights[weights > 0]))
    np.testing.assert_array_equal(null, null.T)
    assert np.diag(null).max() == 0
    kept = np.count_nonzero((null > 0) & (weights > 0)) / np.count_nonzero(weights)
    assert kept < 0.5
    np.testing.assert_array_equal(null, graphs.rewire(weights, np.random.default_rng(7)))


def test_rewired_complete_graph_moves_weights_and_keeps_strengths():
    rng = np.random.default_rng(8)
    hubs = rng.lognormal(sigma=0.7, size=20)
    weights = random_weights(rng, 20) * np.outer(hubs, hubs)
    null = graphs.rewire(weights, np.random.default_rng(9))
    upper = np.triu_indices(20, 1)
    assert np.corrcoef(null.sum(axis=1), weights.sum(axis=1))[0, 1] > 0.95
    assert np.mean(null[upper] == weights[upper]) < 0.2


def test_distance_graph_decays_with_the_given_length():
    places = np.array([[0.0, 0, 0], [3, 4, 0], [0, 0, 10]])
    weights = graphs.distance_graph(places, 5.0)
    assert weights[0, 1] == pytest.approx(np.exp(-1))
    assert weights[0, 2] == pytest.approx(np.exp(-2))
    assert np.diag(weights).max() == 0
    with pytest.raises(BrainTwinError, match="length > 0"):
        graphs.distance_graph(places, 0)


def test_two_cliques_are_two_modules():
    weights = np.zeros((10, 10))
    weights[:6, :6] = weights[6:, 6:] = 1
    weights[0, 9] = weights[9, 0] = 0.1
    found = graphs.graph_measures(weights, np.random.default_rng(0))
    np.testing.assert_array_equal(found.community, [0] * 6 + [1] * 4)
    assert found.modularity > 0.35
    assert found.strength[1] == 5
    assert found.clustering[1] == pytest.approx(1)


def test_efficiency_equals_networkx_on_an_unweighted_graph():
    graph = nx.gnp_random_graph(20, 0.15, seed=3)
    found = graphs.graph_measures(nx.to_numpy_array(graph), np.random.default_rng(0))
    assert found.efficiency == pytest.approx(nx.global_efficiency(graph))


def test_a_graph_without_edges_has_measures_of_zero():
    found = graphs.graph_measures(np.zeros((4, 4)), np.random.default_rng(0))
    assert found.efficiency == found.modularity == 0
    assert found.strength.max() == 0


@pytest.mark.real
def test_real_structural_connectome_has_modes(real_data):
    path = next((real_data / "connectomes").rglob("*fibercount*.csv"))
    matrix = np.genfromtxt(path, delimiter=",", skip_header=1)
    matrix = matrix[:, -matrix.shape[0] :]
    values, vectors = graphs.laplacian_modes((matrix + matrix.T) / 2)
    assert values[0] == pytest.approx(0, abs=1e-10)
    assert values[1] > 1e-3  # one connected graph
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(values)), atol=1e-10)
