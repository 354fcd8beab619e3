"""The graph measures of all stages and bands of a night, as they are stored."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braintwin.signals.graphs import clip_negative, complete_nodes, graph_measures, laplacian_modes

Floats = NDArray[np.float64]

MANY_NODES = 100
"""Above this many nodes one partition is sought instead of ten: Louvain's time grows with the edges."""


def stage_graphs(weights: Floats, rng: np.random.Generator) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Return strength, clustering, efficiency, modularity, modules and Laplacian eigenvalues.

    Nodes without an estimate to all others are left out, and negative weights are set to 0.

    Parameters
    ----------
    weights : (stage, band, node, node) float
        Symmetric measure; NaN where missing.

    Returns
    -------
    dict
        Variable -> (dims, values), as contracts.connect names them.
    """
    stages, bands, nodes, _ = weights.shape
    strength, clustering, eigenvalues = (np.full((stages, bands, nodes), np.nan) for _ in range(3))
    efficiency, modularity = np.full((stages, bands), np.nan), np.full((stages, bands), np.nan)
    community = np.full((stages, bands, nodes), -1, dtype=np.int64)
    for place in np.ndindex(stages, bands):
        kept = complete_nodes(weights[place])
        if kept.size < 3:
            continue
        clipped, _ = clip_negative(weights[place][np.ix_(kept, kept)])
        found = graph_measures(clipped, rng, partitions=1 if kept.size > MANY_NODES else 10)
        strength[place][kept], clustering[place][kept] = found.strength, found.clustering
        community[place][kept] = found.community
        efficiency[place], modularity[place] = found.efficiency, found.modularity
        eigenvalues[place][: kept.size] = laplacian_modes(clipped)[0]
    by_node = ("stage", "band", "node")
    return {
        "strength": (by_node, strength),
        "clustering": (by_node, clustering),
        "community": (by_node, community),
        "efficiency": (("stage", "band"), efficiency),
        "modularity": (("stage", "band"), modularity),
        "laplacian_eigenvalue": (("stage", "band", "mode"), eigenvalues),
    }
