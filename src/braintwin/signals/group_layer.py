"""The graph layer of a cohort: consensus of the people, and how individual each is, by stage and band."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braintwin.signals.consensus import group_consensus, individuality, shares

Floats = NDArray[np.float64]

CLEAR = 2.0
"""Standard errors above zero from which a person has an edge."""


@dataclass(frozen=True)
class GroupGraphs:
    """The graphs of one stage in a group.

    Attributes
    ----------
    consensus, error : (band, node, node) float
        Consensus of the people and its standard error; NaN where fewer than two have the band.
    n_people : (band,) int
        People with every pair of the band.
    n_nights : (person,) int
        Their nights.
    likeness, own_nights, others_nights : (person,) float
        Mean over bands of the correlation over pairs: with the mean of the other people, between a person's own
        nights, and of these with the nights of others.
    """

    consensus: Floats
    error: Floats
    n_people: NDArray[np.int64]
    n_nights: NDArray[np.int64]
    likeness: Floats
    own_nights: Floats
    others_nights: Floats


def group_graphs(value: NDArray[np.floating], error: NDArray[np.floating], person: Sequence[str]) -> GroupGraphs:
    """Return what one stage's graphs of a group share, and how individual each is; people in order of their names.

    Each weight is the share of an edge in all coupling of its graph, so that levels do not matter. A night counts
    where every pair was estimated, and a person by the mean of their nights.

    Parameters
    ----------
    value, error : (night, band, node, node) array
        Symmetric weights and their standard errors; NaN where missing. Negative weights count as no edge.
    person : sequence of str
        Whose night it is.
    """
    people, whose = sorted(set(person)), np.asarray(person)
    bands, nodes = value.shape[1:3]
    consensus, spread = np.full((bands, nodes, nodes), np.nan), np.full((bands, nodes, nodes), np.nan)
    count, nights = np.zeros(bands, dtype=np.int64), np.zeros(len(people), dtype=np.int64)
    alike = np.full((3, len(people), bands), np.nan)
    off, upper = ~np.eye(nodes, dtype=bool), np.triu_indices(nodes, 1)
    for band in range(bands):
        there = np.isfinite(value[:, band][:, off]).all(axis=1)
        names = sorted(set(whose[there].tolist()))
        rows = [people.index(name) for name in names]
        nights = np.maximum(nights, [np.count_nonzero(there & (whose == name)) for name in people])
        count[band] = len(names)
        if len(names) < 2:
            continue
        weights, errors, own = value[there, band].astype(float), error[there, band].astype(float), whose[there]
        mean = np.stack([weights[own == name].mean(axis=0) for name in names])
        known = np.stack([_error_of_mean(errors[own == name]) for name in names])
        clear = np.where(off & (mean > CLEAR * known), mean, 0.0)
        consensus[band] = group_consensus(clear).weights
        spread[band] = np.std(shares(clear), axis=0, ddof=1) / np.sqrt(len(names))
        alike[0, rows, band] = group_consensus(np.where(off, np.maximum(mean, 0.0), 0.0)).likeness
        alike[1:, rows, band] = individuality(weights[:, *upper], own.tolist())
    return GroupGraphs(consensus, spread, count, nights, *(_mean_known(one) for one in alike))


def _error_of_mean(errors: Floats) -> Floats:
    return np.asarray(np.sqrt(np.sum(np.nan_to_num(errors) ** 2, axis=0)) / len(errors))


def _mean_known(values: Floats) -> Floats:
    """Return the mean over the last axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    return np.where(number > 0, np.where(known, values, 0.0).sum(axis=-1) / np.maximum(number, 1), np.nan)
