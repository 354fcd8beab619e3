"""Are there several explanations of one person's spectra: modes of the posterior that hold a notable share of it.

Optima of a multi-start search are one mode where the density between them hardly dips. What counts is the mass of a
mode, not its height: a narrow peak can be the higher one and hold less. Modes that hold notable mass are sampled each
on its own and never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from braintwin.inference.evidence import Density, laplace
from braintwin.inference.starts import Optima, multistart

Floats = npt.NDArray[np.float64]

MARGIN = 2.0
"""What Laplace's mass may be wrong by, nat: modes that much too light are sampled too, and judged by their draws."""

REACH = 20.0
"""Height below the best optimum, nat, down to which an optimum can hold notable mass."""

DIP = 1.0
"""Optima with a dip between them that is shallower than this, nat, are one mode."""

APART = 2.0
"""Distance of the means of two modes' draws, in their standard deviations, below which they are one after all."""

LOYAL = 0.95
"""Share of its draws that a chain must have in its mode to speak for it."""

MOST = 3
"""Most modes that are sampled for one person."""


@dataclass(frozen=True)
class Mode:
    """One mode of the posterior.

    Attributes
    ----------
    point : (dim,) array
        Its optimum in the unconstrained space.
    log_density, log_mass : float
        Log density there, and log of the mass about it: Laplace's, or of its draws by bridge sampling.
    starts : int
        How many starts of the search ended in it.
    """

    point: Floats
    log_density: float
    log_mass: float
    starts: int


def modes(density: Density, optima: Optima) -> list[Mode]:
    """Return the modes that a search found within reach of the best optimum, heaviest first.

    Where all optima lie in one mode this costs a few hundred evaluations, less than a thousandth of the sampling.
    """
    near = np.isfinite(optima.log_posterior) & (optima.log_posterior > optima.log_posterior[0] - REACH)
    found: list[Mode] = []
    for point, height in zip(optima.points[near], optima.log_posterior[near], strict=True):
        at = _same(density, found, point, height)
        if at is None and found:
            # what looks like another mode may be a climb that stopped on a bent ridge
            again = multistart(density, point[None])
            point, height = again.points[0], float(again.log_posterior[0])
            at = _same(density, found, point, height)
        if at is None:
            found.append(Mode(point, float(height), float(height), 1))
        else:
            found[at] = replace(found[at], starts=found[at].starts + 1)
    found = [replace(mode, log_mass=laplace(density, mode.point)[0]) for mode in found]
    return sorted(found, key=lambda mode: -mode.log_mass)


def _same(density: Density, found: Sequence[Mode], point: Floats, height: float) -> int | None:
    """Return which mode a point belongs to: the first with no dip on the straight way to it."""
    for number, mode in enumerate(found):
        floor = min(height, mode.log_density) - DIP
        way = (point + share * (mode.point - point) for share in np.arange(0.1, 0.95, 0.1))
        if all(density(between)[0] > floor for between in way):
            return number
    return None


def worth_sampling(found: Sequence[Mode], notable: float) -> list[Mode]:
    """Return the modes whose log mass may be within `notable` nats of the heaviest, the first; three at most."""
    return [mode for mode in found if mode.log_mass > found[0].log_mass - notable - MARGIN][:MOST]


def owners(points: Floats, hills: Sequence[tuple[Floats, Floats]]) -> npt.NDArray[np.intp]:
    """Return the mode (chain,) that each chain lies in: it may leave its first one while it warms up.

    A chain that visits others with over a twentieth of its draws is -1, unless its mode has no better one.

    Parameters
    ----------
    points : (chain, draw, dim) array
        Draws.
    hills : sequence of ((dim,) array, (dim, dim) array)
        Optimum and covariance of each mode.
    """
    heights = []
    for centre, covariance in hills:
        root = np.linalg.cholesky(covariance)
        z = np.linalg.solve(root, (points - centre).reshape(-1, centre.size).T)
        heights.append(-0.5 * np.sum(z**2, axis=0) - np.log(np.diag(root)).sum())
    nearest = np.argmax(heights, axis=0).reshape(points.shape[:2])
    shares = np.array([(nearest == number).mean(axis=1) for number in range(len(hills))])
    owner, loyal = np.argmax(shares, axis=0), shares.max(axis=0) >= LOYAL
    for number in range(len(hills)):
        mine = owner == number
        if (mine & loyal).any():
            owner[mine & ~loyal] = -1
    return np.asarray(owner)


def apart(first: Floats, second: Floats) -> bool:
    """Tell whether two sets of draws (draw, dim) are of different modes: chains that mix end up in one place."""
    spread = (np.cov(first.T) + np.cov(second.T)) / 2
    between = first.mean(axis=0) - second.mean(axis=0)
    return bool(between @ np.linalg.solve(spread + 1e-12 * np.eye(between.size), between) > APART**2)


def settle(sampled: Sequence[tuple[Mode, Floats]], notable: float) -> list[int]:
    """Return which sampled modes are explanations, heaviest first.

    Parameters
    ----------
    sampled : sequence of (Mode, (draw, dim) array)
        Modes with the mass of their draws, and the draws.
    notable : float
        Log mass below the heaviest, nat, down to which a mode is an explanation.
    """
    order = sorted(range(len(sampled)), key=lambda i: -sampled[i][0].log_mass)
    kept: list[int] = []
    for i in order:
        heavy = sampled[i][0].log_mass > sampled[order[0]][0].log_mass - notable
        if heavy and all(apart(sampled[i][1], sampled[j][1]) for j in kept):
            kept.append(i)
    return kept


def weights(log_mass: Floats) -> Floats:
    """Return the share of the posterior that each explanation holds."""
    shifted = np.exp(log_mass - log_mass.max())
    return np.asarray(shifted / shifted.sum())
