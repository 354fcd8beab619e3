"""The multinomial coefficients of the population: their prior, and the Newton steps that move them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from braintwin.inference.night_counts import CountTable, cell_offsets
from braintwin.inference.population_cohort import Cohort
from braintwin.models.hypnogram import DESTINATIONS, GROUP_OF, N_STAGES
from braintwin.models.night_history import (
    CLOCK_NAMES,
    DWELL_NAMES,
    FIRST_OFFSET,
    LOAD_NAMES,
    RECENT_NAMES,
    REM_OFFSET,
    TIME_BASIS,
    pressure_centres,
    time_basis,
)
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]
WAYS = N_STAGES - 1

# Prior sds of the coefficients: level and step from one bin to the next, both log odds.
TIME_SD, PRESSURE_SD, LEVEL_SD, STEP_SD = 1.0, 2.0, 1.0, 0.4

SIZES = (len(DWELL_NAMES), len(CLOCK_NAMES), len(LOAD_NAMES), len(RECENT_NAMES))
PLACES = np.cumsum([2 + len(TIME_BASIS), *SIZES])[:4].astype(np.int64)
N_COEFFICIENTS = 2 + len(TIME_BASIS) + sum(SIZES)


def penalty() -> Floats:
    """Return the prior precision of the coefficients of a way out."""
    out = np.zeros((N_COEFFICIENTS, N_COEFFICIENTS))
    n = len(TIME_BASIS)
    out[0, 0] = 1e-2
    out[range(1, 1 + n), range(1, 1 + n)] = TIME_SD**-2
    out[1 + n, 1 + n] = PRESSURE_SD**-2
    dwell, clock, load, recent = PLACES
    ends = [dwell, clock, clock + FIRST_OFFSET, clock + REM_OFFSET, load, recent, N_COEFFICIENTS]
    for a, b in pairwise(ends):
        steps = np.diff(np.eye(b - a), axis=0)
        out[a:b, a:b] = steps.T @ steps / STEP_SD**2 + np.eye(b - a) / LEVEL_SD**2
    return out


def coefficients(population: Population, k: int) -> Floats:
    """(way, coefficient) of row k."""
    rows = slice(WAYS * k, WAYS * (k + 1))
    return np.column_stack(
        [
            population.base_logit[k, DESTINATIONS[k]],
            population.time_effect[rows],
            population.pressure_effect[rows],
            population.dwell_effect[rows],
            population.clock_effect[rows],
            population.load_effect[rows],
            population.recent_effect[rows],
        ]
    )


def with_coefficients(population: Population, values: Floats) -> Population:
    """Values (row, way, coefficient)."""
    base = np.zeros((N_STAGES, N_STAGES))
    for k in range(N_STAGES):
        base[k, DESTINATIONS[k]] = values[k, :, 0]
    flat = values.reshape(N_STAGES * WAYS, -1)
    n = len(TIME_BASIS)
    dwell, clock, load, recent = PLACES
    return replace(
        population,
        base_logit=base,
        time_effect=flat[:, 1 : 1 + n],
        pressure_effect=flat[:, 1 + n],
        dwell_effect=flat[:, dwell:clock],
        clock_effect=flat[:, clock:load],
        load_effect=flat[:, load:recent],
        recent_effect=flat[:, recent:],
    )


def newton(data: Cohort, population: Population, effects: tuple[Floats, Floats], steps: int = 1) -> Population:
    """Move the coefficients of every row by damped Newton steps.

    Parameters
    ----------
    data : Cohort
    population : Population
    effects : pair of (night, group) float
        A draw of everybody's effects and its mirror image.
    steps : int
        Most steps of each row.
    """
    from braintwin.inference import night_laplace

    shrink, values, dim = (
        penalty(),
        np.array([coefficients(population, k) for k in range(N_STAGES)]),
        WAYS * N_COEFFICIENTS,
    )
    basis, centres = time_basis(), pressure_centres()

    def slopes(k: int, part: CountTable, at: Floats) -> tuple[float, Floats, Floats]:
        trial = values.copy()
        trial[k] = at
        offset = cell_offsets(with_coefficients(population, trial), part, data.arousal)
        value, gradient, hessian = 0.0, np.zeros((WAYS, N_COEFFICIENTS)), np.zeros((WAYS, N_COEFFICIENTS) * 2)
        g, h = np.zeros_like(gradient), np.zeros_like(hessian)
        for effect in effects:
            value += (
                night_laplace.coefficient_slopes(
                    k,
                    part.row,
                    part.bins,
                    offset,
                    effect,
                    part.owner,
                    part.left,
                    part.total,
                    GROUP_OF,
                    basis,
                    centres,
                    PLACES,
                    g,
                    h,
                )
                / 2
            )
            gradient += g / 2
            hessian += h / 2
        value -= 0.5 * np.einsum("wa,ab,wb->", at, shrink, at)
        gradient -= at @ shrink
        for j in range(WAYS):
            hessian[j, :, j, :] += shrink
        return value, gradient, hessian

    for k in range(N_STAGES):
        part = data.rows[k]
        value, gradient, hessian = slopes(k, part, values[k])
        for _ in range(steps):
            move = np.linalg.solve(hessian.reshape(dim, dim), gradient.ravel()).reshape(values[k].shape)
            scale = min(1.0, 3.0 / np.abs(move).max())
            new = slopes(k, part, values[k] + scale * move)
            while new[0] < value - 1e-6 and scale > 1e-3:
                scale /= 2
                new = slopes(k, part, values[k] + scale * move)
            gain = new[0] - value
            values[k] += scale * move
            value, gradient, hessian = new
            if gain < 0.5:
                break
    return with_coefficients(population, values)
