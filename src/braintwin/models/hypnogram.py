"""The hypnogram as a chain whose hazards follow the hour, the time in stage, sleep pressure and the REM cycle.

Every 30-s epoch in stage *k* is followed by stage *m* with log odds against staying

    ln p_km / p_kk = b_km + B(t) · f_km + h_km(u) + θ_km (S − S̄) + c_km(clock) + l_km(load) + r_km(recent wake)
                     + effect[g(k, m)]  (+ ln(1 + ρ AHI / 60) into wake)

*t* is the time since sleep onset, *u* the time in the stage, *S* Process S, *clock* the time since the last REM
sleep (within REM sleep, the length of the episode), *load* the REM sleep so far against its usual share; see
:mod:`braintwin.models.night_history`. Before sleep onset the only hazard is `onset`. The form is that of Karlsson et
al. 2000 (doi:10.1067/mcp.2000.108669) and Bizzotto et al. 2010 (doi:10.1007/s10928-009-9146-6); people and nights
differ by the effects of twelve groups of transitions alone.
"""

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import STAGES
from braintwin.models.night_history import (
    CLOCK_NAMES,
    DWELL_NAMES,
    LOAD_NAMES,
    N_PRESSURE_BINS,
    N_TIME_BINS,
    PRESSURE_MEAN,
    RECENT_NAMES,
    TAU_SLEEP_H,
    TAU_WAKE_H,
    TIME_BASIS,
    TIME_BIN_MIN,
    Steps,
    dwell_table,
    night_steps,
    pressure_centres,
    pressure_step,
    steady_pressure,
    time_basis,
)
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

__all__ = [
    "BEFORE_ONSET", "CLOCK_NAMES", "DESTINATIONS", "DWELL_NAMES", "GROUP_OF", "LOAD_NAMES", "N_PRESSURE_BINS",
    "N_STAGES", "N_TIME_BINS", "PRESSURE_MEAN", "RECENT_NAMES", "TAU_SLEEP_H", "TAU_WAKE_H", "TIME_BASIS",
    "TIME_BIN_MIN", "TRANSITIONS", "TRANSITION_NAMES", "Steps", "arousal_shift", "dwell_table", "group_index",
    "hazard_tables", "log_likelihood", "log_odds", "night_steps", "pressure_centres", "pressure_step", "row_base",
    "steady_pressure", "step_offsets", "time_basis",
]  # fmt: skip

N_STAGES = len(STAGES)
BEFORE_ONSET = N_STAGES
"""Row of the chain before the first epoch of sleep; rows 0–4 are the stages."""

TRANSITIONS = tuple((k, m) for k in range(N_STAGES) for m in range(N_STAGES) if m != k)
"""The twenty changes of stage, by row; change ``4 k + j`` is the *j*-th way out of stage *k*."""

TRANSITION_NAMES = tuple(f"{STAGES[k]}>{STAGES[m]}" for k, m in TRANSITIONS)

DESTINATIONS = np.array([[m for m in range(N_STAGES) if m != k] for k in range(N_STAGES)] + [[1, 2, 3, 4]])
"""(row, way) int: the stage that each way out leads to."""

_GROUP = {
    "W": {"N1": "w_n1", "N2": "w_deep", "N3": "w_deep", "R": "w_deep"},
    "N1": {"W": "n1_w", "N2": "n1_n2", "N3": "n1_n2", "R": "nrem_r"},
    "N2": {"W": "n23_w", "N1": "n2_n1", "N3": "n2_n3", "R": "nrem_r"},
    "N3": {"W": "n23_w", "N1": "n3_n2", "N2": "n3_n2", "R": "nrem_r"},
    "R": {"W": "r_w", "N1": "r_nrem", "N2": "r_nrem", "N3": "r_nrem"},
}


def group_index(row: int, to: int) -> int:
    """Return the hazard group (position in GROUPS) of the change from `row` to stage `to`.

    Parameters
    ----------
    row : int
        Stage code, or BEFORE_ONSET.
    to : int
        Stage code other than `row`.
    """
    return GROUPS.index("onset" if row == BEFORE_ONSET else _GROUP[STAGES[row]][STAGES[to]])


GROUP_OF = np.array([[group_index(row, int(to)) for to in ways] for row, ways in enumerate(DESTINATIONS)])
"""(row, way) int: hazard group of each way out."""


def row_base(population: Population) -> Floats:
    """Return the base log odds of every way out of every row, (row, way).

    Before onset the destinations are shared out as they are out of wake.
    """
    rows = np.arange(N_STAGES)[:, None]
    base = population.base_logit[rows, DESTINATIONS[:N_STAGES]]
    wake = base[0]
    share = wake - np.log(np.exp(wake).sum())
    return np.vstack([base, population.onset + share])


def arousal_shift(population: Population, arousal_rate: float | Floats) -> Floats:
    """Return what respiratory events (per hour) add to the log odds of waking: ln(1 + ρ AHI / 60)."""
    return np.log1p(population.arousal_gain * np.asarray(arousal_rate, dtype=np.float64) / 60)


def hazard_tables(population: Population) -> tuple[Floats, ...]:
    """Return what each quantity of the history adds to the log odds, (stage, bin, way) each.

    In the order of the bins of `Steps`: time, dwell, pressure, clock, load, recent.
    """

    def by_row(effect: Floats) -> Floats:
        """(transition, bin) -> (stage, bin, way)."""
        return np.ascontiguousarray(effect.reshape(N_STAGES, N_STAGES - 1, -1).transpose(0, 2, 1))

    return (
        by_row(population.time_effect @ time_basis().T),
        by_row(population.dwell_effect),
        by_row(population.pressure_effect[:, None] * pressure_centres()),
        by_row(population.clock_effect),
        by_row(population.load_effect),
        by_row(population.recent_effect),
    )


def step_offsets(population: Population, steps: Steps, arousal_rate: float = 0.0) -> Floats:
    """Return the log odds of every way out at every step but for the effects of person and night, (step, way)."""
    eta = row_base(population)[steps.row]
    asleep = np.flatnonzero(steps.row < N_STAGES)
    k = steps.row[asleep]
    bins = (steps.time_bin, steps.dwell_bin, steps.pressure_bin, steps.clock_bin, steps.load_bin, steps.recent_bin)
    for table, at in zip(hazard_tables(population), bins, strict=True):
        eta[asleep] += table[k, at[asleep]]
    wakes = (DESTINATIONS[steps.row] == 0) & (steps.row < N_STAGES)[:, None]
    return np.asarray(np.where(wakes, eta + arousal_shift(population, arousal_rate), eta))


def log_odds(
    population: Population, steps: Steps, *, effect: Floats | None = None, arousal_rate: float = 0.0
) -> Floats:
    """Return the log odds of every stage against staying, for every step, (step, stage); staying is 0.

    Parameters
    ----------
    population : Population
        Base rates and coefficients.
    steps : Steps
        Where the chain stands.
    effect : (group,) float, optional
        Shift of the log hazards.
    arousal_rate : float
        Respiratory events per hour of sleep.
    """
    effect = np.zeros(len(GROUPS)) if effect is None else effect
    eta = step_offsets(population, steps, arousal_rate) + effect[GROUP_OF[steps.row]]
    out = np.zeros((len(steps.row), N_STAGES))
    np.put_along_axis(out, DESTINATIONS[steps.row], eta, axis=1)
    return out


def log_likelihood(odds: Floats, to: Ints) -> float:
    """Return the log likelihood of the stages `to` that followed, given their log odds (step, stage)."""
    top = odds.max(axis=1, keepdims=True)
    norm = top[:, 0] + np.log(np.exp(odds - top).sum(axis=1))
    return float((odds[np.arange(len(to)), to] - norm).sum())
