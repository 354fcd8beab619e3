"""Graphs of the connectome: Laplacian eigenmodes, null graphs, distance graphs, graph measures.

A graph is a matrix of weights, symmetric and non-negative; its diagonal is ignored, since a node is no edge of itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from braintwin.errors import BrainTwinError

Floats = NDArray[np.float64]


def as_weights(matrix: ArrayLike) -> Floats:
    """Return a checked copy of a graph's weights, exactly symmetric and with a zero diagonal.

    Parameters
    ----------
    matrix : (node, node) array_like
        Weights of the edges.

    Raises
    ------
    BrainTwinError
        If it is not square, holds NaN or negative weights off the diagonal, or is not symmetric.
    """
    weights = np.array(matrix, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or not weights.size:
        message = f"graph: got weights of shape {weights.shape}, expected (node, node)"
        raise BrainTwinError(message)
    np.fill_diagonal(weights, 0.0)
    if not np.isfinite(weights).all():
        message = f"graph: {np.count_nonzero(~np.isfinite(weights))} weights are missing; leave those nodes out first"
        raise BrainTwinError(message)
    if (weights < 0).any():
        message = f"graph: {np.count_nonzero(weights < 0)} weights are negative; clip them first (clip_negative)"
        raise BrainTwinError(message)
    gap = float(np.abs(weights - weights.T).max())
    if gap > 1e-6 * float(weights.max()):
        message = f"graph: not symmetric (largest difference {gap:.3g}); give (C + C.T) / 2 or another measure"
        raise BrainTwinError(message)
    return (weights + weights.T) / 2


def clip_negative(matrix: ArrayLike) -> tuple[Floats, int]:
    """Return the weights with negative edges set to 0, and how many edges those were."""
    weights = np.array(matrix, dtype=np.float64)
    np.fill_diagonal(weights, 0.0)
    negative = int(np.count_nonzero(np.triu(weights < 0) | np.triu((weights < 0).T)))
    return np.where(weights < 0, 0.0, weights), negative


def laplacian(matrix: ArrayLike) -> Floats:
    """Return the normalised Laplacian ``I - D^-1/2 C D^-1/2`` (node, node).

    A node without edges has a zero row, so that it is its own mode of eigenvalue 0 (Chung 1997, ISBN 0821803158).
    """
    weights = as_weights(matrix)
    degree = weights.sum(axis=1)
    linked = degree > 0
    root = np.zeros_like(degree)
    root[linked] = 1 / np.sqrt(degree[linked])
    lap: Floats = np.diag(linked.astype(np.float64)) - root[:, None] * weights * root[None, :]
    return lap


def laplacian_modes(matrix: ArrayLike) -> tuple[Floats, Floats]:
    """Return eigenvalues and eigenvectors of the normalised Laplacian, smoothest mode first.

    The sign of a mode is fixed by making its largest entry positive (the first of equals). Modes that share an
    eigenvalue are determined only up to a rotation among themselves.

    Parameters
    ----------
    matrix : (node, node) array_like
        Weights, symmetric, non-negative.

    Returns
    -------
    eigenvalues : (mode,) float, ascending, in [0, 2]
    eigenvectors : (node, mode) float, orthonormal columns

    References
    ----------
    Aqil et al. 2021, doi:10.1371/journal.pcbi.1008310.
    """
    values, vectors = np.linalg.eigh(laplacian(matrix))
    size = np.abs(vectors)
    # A tolerance, so that equal entries do not swap the sign by their last bit.
    peak = np.argmax(size > size.max(axis=0) * (1 - 1e-9), axis=0)
    signs = np.sign(vectors[peak, np.arange(values.size)])
    return np.clip(values, 0.0, 2.0), vectors * signs


def distance_graph(positions: ArrayLike, length: float) -> Floats:
    """Return a graph whose weights fall off as ``exp(-distance / length)``.

    Parameters
    ----------
    positions : (node, 3) array_like
        Node coordinates.
    length : float
        Decay length, in the unit of `positions`.

    References
    ----------
    Ercsey-Ravasz et al. 2013, doi:10.1016/j.neuron.2013.07.036 (exponential distance rule).
    """
    places = np.asarray(positions, dtype=np.float64)
    if places.ndim != 2 or not np.isfinite(places).all() or not length > 0:
        message = f"distance graph: expected finite (node, 3) positions and length > 0, got {places.shape}, {length}"
        raise BrainTwinError(message)
    gap = np.linalg.norm(places[:, None] - places[None], axis=-1)
    weights: Floats = np.exp(-gap / length)
    np.fill_diagonal(weights, 0.0)
    return weights


def rewire(matrix: ArrayLike, rng: np.random.Generator, *, swaps_per_edge: int = 10) -> Floats:
    """Return a null graph with the same degrees and weights, and strengths as near as they can be.

    Edges are swapped in pairs (Maslov & Sneppen 2002, doi:10.1126/science.1065103); then the weights are dealt out
    again so that nodes keep their strengths (Rubinov & Sporns 2011, doi:10.1016/j.neuroimage.2011.03.069). In a
    complete graph no edge can be swapped, and only the weights move.
    """
    weights = as_weights(matrix)
    rows, cols = np.nonzero(np.triu(weights))
    edges = np.stack([rows, cols], axis=1)
    linked = weights > 0
    np.fill_diagonal(linked, True)  # a swap must not make a self-loop either
    for _ in range(swaps_per_edge * len(edges) if len(edges) > 1 else 0):
        first, second = rng.choice(len(edges), 2, replace=False)
        a, b = edges[first]
        c, d = edges[second][:: 1 if rng.random() < 0.5 else -1]
        if linked[a, d] or linked[c, b]:
            continue
        for one, other, state in ((a, b, False), (c, d, False), (a, d, True), (c, b, True)):
            linked[one, other] = linked[other, one] = state
        edges[first], edges[second] = (a, d), (c, b)
    return _deal_weights(edges, np.sort(weights[rows, cols]), weights.sum(axis=1), rng)


def _deal_weights(edges: NDArray[np.intp], values: Floats, strength: Floats, rng: np.random.Generator) -> Floats:
    """Give sorted `values` to `edges` by the rank of their expected weight, a random tenth of them at a time."""
    out = np.zeros((strength.size, strength.size))
    wanted = strength.copy()
    while len(edges):
        order = np.argsort(wanted[edges[:, 0]] * wanted[edges[:, 1]], kind="stable")
        edges = edges[order]
        ranks = rng.choice(len(edges), max(1, len(edges) // 10), replace=False)
        for (a, b), value in zip(edges[ranks], values[ranks], strict=True):
            out[a, b] = out[b, a] = value
            wanted[a] = max(wanted[a] - value, 0.0)
            wanted[b] = max(wanted[b] - value, 0.0)
        left = np.setdiff1d(np.arange(len(edges)), ranks)
        edges, values = edges[left], values[left]
    return out


@dataclass(frozen=True)
class GraphMeasures:
    """Measures of one weighted graph.

    Attributes
    ----------
    strength : (node,) float
        Sum of the weights of a node's edges.
    clustering : (node,) float
        Geometric-mean clustering, weights relative to the largest (Onnela 2005, doi:10.1103/PhysRevE.71.065103).
    efficiency : float
        Mean inverse shortest path, an edge's length being the inverse of its weight relative to the largest.
    modularity : float
        Newman's Q of the best of several Louvain partitions.
    community : (node,) int
        Module of each node, largest module first.
    """

    strength: Floats
    clustering: Floats
    efficiency: float
    modularity: float
    community: NDArray[np.int64]


def graph_measures(matrix: ArrayLike, rng: np.random.Generator, *, partitions: int = 10) -> GraphMeasures:
    """Return strength, clustering, efficiency and modularity of a weighted graph (networkx, scipy)."""
    import networkx as nx

    weights = as_weights(matrix)
    graph = nx.from_numpy_array(weights)
    best: tuple[float, list[set[int]]] = (0.0, [{node} for node in range(len(weights))])
    for seed in rng.integers(2**31, size=partitions) if weights.any() else ():
        modules = nx.community.louvain_communities(graph, weight="weight", seed=int(seed))
        quality = float(nx.community.modularity(graph, modules, weight="weight"))
        best = max(best, (quality, modules), key=lambda pair: pair[0])
    community = np.zeros(len(weights), dtype=np.int64)
    for number, module in enumerate(sorted(best[1], key=lambda nodes: (-len(nodes), min(nodes)))):
        community[list(module)] = number
    return GraphMeasures(
        strength=weights.sum(axis=1),
        clustering=_clustering(weights),
        efficiency=_efficiency(weights),
        modularity=best[0],
        community=community,
    )


def _clustering(weights: Floats) -> Floats:
    """Return the geometric-mean clustering of each node by matrix products; networkx walks every triangle."""
    largest = weights.max()
    if largest == 0:
        return np.zeros(len(weights))
    root = np.cbrt(weights / largest)
    degree = np.count_nonzero(weights, axis=1)
    triangles = np.einsum("ij,ji->i", root @ root, root)
    return np.asarray(triangles / np.maximum(degree * (degree - 1), 1))


def complete_nodes(matrix: ArrayLike) -> NDArray[np.intp]:
    """Return the nodes that are left when those with most missing weights are taken out until none is missing."""
    missing = ~np.isfinite(np.array(matrix, dtype=np.float64))
    np.fill_diagonal(missing, False)
    nodes = np.arange(len(missing))
    while missing[np.ix_(nodes, nodes)].any():
        nodes = np.delete(nodes, missing[np.ix_(nodes, nodes)].sum(axis=1).argmax())
    return nodes


def _efficiency(weights: Floats) -> float:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    nodes = len(weights)
    if nodes < 2 or not weights.any():
        return 0.0
    lengths = np.zeros_like(weights)
    lengths[weights > 0] = weights.max() / weights[weights > 0]
    paths = np.asarray(shortest_path(csr_array(lengths), directed=False))
    off = ~np.eye(nodes, dtype=bool)
    return float(np.mean(1 / paths[off]))  # no path: infinite length, efficiency 0
