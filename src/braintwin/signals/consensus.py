"""What the graphs of a group share, and how individual each is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from braintwin.errors import BrainTwinError
from braintwin.signals.graphs import as_weights

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Consensus:
    """What the graphs of a group share.

    Attributes
    ----------
    weights : (node, node) float
        Mean of the people's weights, each person's own sum to 1, where enough people have the edge; 0 elsewhere.
    likeness : (person,) float
        Correlation over pairs of each person's weights with the mean of the others: how individual a graph is.
    """

    weights: Floats
    likeness: Floats


def group_consensus(matrices: ArrayLike, *, share: float = 0.5) -> Consensus:
    """Return the consensus of (person, node, node) graphs: edges that at least `share` of the people have.

    References
    ----------
    de Reus & van den Heuvel 2013, doi:10.1016/j.neuroimage.2012.12.066 (group threshold).
    """
    graphs = np.stack([as_weights(one) for one in np.asarray(matrices, dtype=np.float64)])
    if len(graphs) < 2:
        message = f"group consensus: got {len(graphs)} graph, expected at least two people"
        raise BrainTwinError(message)
    graphs = shares(graphs)
    common = (graphs > 0).mean(axis=0) >= share
    pairs = graphs[:, *np.triu_indices(graphs.shape[1], 1)]
    others = (pairs.sum(axis=0) - pairs) / (len(pairs) - 1)
    likeness = [
        float(np.corrcoef(own, rest)[0, 1]) if np.ptp(own) > 0 and np.ptp(rest) > 0 else np.nan
        for own, rest in zip(pairs, others, strict=True)
    ]
    return Consensus(np.where(common, graphs.mean(axis=0), 0.0), np.array(likeness))


def shares(weights: Floats) -> Floats:
    """Return the share of each edge in all coupling of its graph, (graph, node, node); 0 where there is none."""
    total = weights.sum(axis=(1, 2), keepdims=True)
    return np.asarray(weights / np.where(total > 0, total, 1.0))


def individuality(nights: Floats, person: Sequence[str]) -> tuple[Floats, Floats]:
    """Return how alike the nights of one person are, and how alike they are to those of others.

    Where the first is well above the second, a graph is a person's own (Finn et al. 2015, doi:10.1038/nn.4135).

    Parameters
    ----------
    nights : (night, pair) array
        Weights of the edges of each night.
    person : sequence of str
        Whose night it is.

    Returns
    -------
    own, others : (person,) array
        Mean correlation over pairs, people in order of their names; NaN where there are no two nights to compare.
    """
    flat = np.ptp(nights, axis=1) == 0
    alike = np.full((len(nights), len(nights)), np.nan)
    if not flat.all():
        alike[np.ix_(~flat, ~flat)] = np.corrcoef(nights[~flat]).reshape((~flat).sum(), -1)
    np.fill_diagonal(alike, np.nan)
    whose = np.asarray(person)
    own, others = [], []
    for name in np.unique(whose):
        mine = whose == name
        own.append(_mean(alike[np.ix_(mine, mine)]))
        others.append(_mean(alike[np.ix_(mine, ~mine)]))
    return np.array(own), np.array(others)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan
