"""Modes of a graph of regions as electrodes see them: what a structural connectome says of a few channels."""

import numpy as np
from numpy.typing import NDArray

from braintwin.errors import BrainTwinError
from braintwin.signals.graphs import laplacian_modes

Floats = NDArray[np.float64]

BLUR_M = 0.035
"""Distance over which an electrode's sight of the cortex falls off, m (35 mm)."""

SOFT = 0.1
"""Eigenvalues are merged by log(λ + SOFT): a mode's gain changes fastest near λ = 0."""


def region_view(electrodes: Floats, regions: Floats, blur: float = BLUR_M) -> Floats:
    """Return how much of each region an electrode sees, (electrode, region): a Gaussian of distance, rows sum to 1.

    Parameters
    ----------
    electrodes, regions : (electrode or region, 3) array, m
        Positions in one frame; an electrode without a position gets a row of NaN.
    """
    apart = np.linalg.norm(np.asarray(electrodes)[:, None] - np.asarray(regions)[None], axis=-1)
    weight = np.exp(-((apart / blur) ** 2) / 2)
    view: Floats = weight / weight.sum(axis=1, keepdims=True)
    return view


def seen_modes(weights: Floats, view: Floats, most: int) -> tuple[Floats, Floats]:
    """Return the squared weight of each mode of a graph of regions in each electrode, and the modes' eigenvalues.

    ``W_jk = (A U)_jk²`` with the view A and the modes U of the normalised Laplacian (Aqil et al. 2021,
    doi:10.1371/journal.pcbi.1008310), rows scaled to sum to 1. Modes with neighbouring eigenvalues are merged until
    `most` are left: their weights add up, and their eigenvalue is the mean by weight over all electrodes. The gain is
    a smooth function of λ, so that 8 of 68 give its spectra to some hundredths of a nat (decision 022).

    Parameters
    ----------
    weights : (region, region) array
        Of the graph, symmetric and non-negative.
    view : (electrode, region) array
        As `region_view` returns, without NaN.

    Returns
    -------
    modes : (electrode, mode) array
    eigenvalues : (mode,) array, ascending
    """
    if most < 1 or not np.isfinite(view).all():
        message = f"region modes: expected at least one mode and an electrode's position each, got {most} and NaN"
        raise BrainTwinError(message)
    eigenvalues, vectors = laplacian_modes(weights)
    seen = (view @ vectors) ** 2
    seen /= seen.sum(axis=1, keepdims=True)
    share = seen.mean(axis=0)
    edges = _neighbours(np.log(eigenvalues + SOFT), share, min(most, eigenvalues.size))
    modes = np.add.reduceat(seen, edges, axis=1)
    return modes, np.add.reduceat(share * eigenvalues, edges) / modes.mean(axis=0)


def _neighbours(place: Floats, share: Floats, number: int) -> NDArray[np.intp]:
    """Return where each of `number` runs of ascending `place` starts, with the least spread inside runs by `share`.

    Dynamic programming over the last start of a run (Fisher 1958, doi:10.1080/01621459.1958.10501479).
    """
    size = place.size
    sums = [np.concatenate([[0.0], np.cumsum(share * place**power)]) for power in range(3)]
    mass, first, second = (total[None, :] - total[:, None] for total in sums)  # of the run [i, j)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(mass > 0, second - first**2 / mass, 0.0)
    inside = np.where(np.tri(size + 1, k=-1, dtype=bool).T, spread, np.inf)
    best, starts = inside[0], []
    for _ in range(number - 1):
        through = best[:, None] + inside
        starts.append(through.argmin(axis=0))
        best = through.min(axis=0)
    edges, stop = [], size
    for start in reversed(starts):
        stop = int(start[stop])
        edges.append(stop)
    return np.array([0, *reversed(edges)], dtype=np.intp)
