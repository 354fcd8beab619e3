"""The hypnogram as a chain whose hazards follow the hour, the time in stage and sleep pressure.

Every 30-s epoch in stage *k* is followed by stage *m* with log odds against staying

    ln p_km / p_kk = b_km + B(t) · f_km + h_k(u) + θ_km (S − S̄) + effect[g(k, m)] (+ ln(1 + ρ AHI / 60) into wake)

*t* is the time since sleep onset, *u* the time in the stage, *S* Process S (Borbély 1982; Daan, Beersma & Borbély
1984, doi:10.1152/ajpregu.1984.246.2.R161), driven by the hypnogram itself. Before sleep onset the only hazard is
`onset`. The form is that of Karlsson et al. 2000 (doi:10.1067/mcp.2000.108669) and Bizzotto et al. 2010
(doi:10.1007/s10928-009-9146-6). *t*, *u* and *S* enter through bins, so that a whole night is a small table of counts
and the likelihood of the table equals that of the sequence.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import EPOCH_S, MISSING, STAGES
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_STAGES = len(STAGES)
BEFORE_ONSET = N_STAGES
"""Row of the chain before the first epoch of sleep; rows 0–4 are the stages."""

TRANSITIONS = tuple((k, m) for k in range(N_STAGES) for m in range(N_STAGES) if m != k)
"""The twenty changes of stage, by row; change ``4 k + j`` is the *j*-th way out of stage *k*."""

TRANSITION_NAMES = tuple(f"{STAGES[k]}>{STAGES[m]}" for k, m in TRANSITIONS)

DESTINATIONS = np.array([[m for m in range(N_STAGES) if m != k] for k in range(N_STAGES)] + [[1, 2, 3, 4]])
"""(row, way) int: the stage that each way out leads to."""

DWELL_EDGES_MIN = (1.0, 2.0, 5.0, 10.0)
"""Upper edges (included) of the bins of time in stage, min; the last bin is open."""
DWELL_NAMES = ("0-1", "1-2", "2-5", "5-10", ">10")

TIME_BIN_MIN = 30.0
N_TIME_BINS = 16
"""Bins of time since sleep onset; the last one is open."""
TIME_BASIS = ("constant", "time_1", "time_2", "time_3")

N_PRESSURE_BINS = 25
"""Bins of Process S on [0, 1]."""
TAU_WAKE_H, TAU_SLEEP_H = 18.2, 4.2
"""Time constants of Process S, h (doi:10.1152/ajpregu.1984.246.2.R161)."""
PRESSURE_MEAN = 0.3
"""S̄: Process S about which its effect is centred."""

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


def steady_pressure() -> float:
    """Return Process S at lights off of somebody who sleeps 8 h and is awake 16 h every day."""
    rise, fall = np.exp(-16 / TAU_WAKE_H), np.exp(-8 / TAU_SLEEP_H)
    return float((1 - rise) / (1 - rise * fall))


def pressure_step() -> tuple[float, float]:
    """Return the factors that 1 − S (awake) and S (asleep) shrink by in one epoch."""
    hours = EPOCH_S / 3600
    return float(np.exp(-hours / TAU_WAKE_H)), float(np.exp(-hours / TAU_SLEEP_H))


def pressure_centres() -> Floats:
    """Return Process S less S̄ at the middle of its bins, (pressure_bin,)."""
    return np.asarray((np.arange(N_PRESSURE_BINS) + 0.5) / N_PRESSURE_BINS - PRESSURE_MEAN)


def dwell_table() -> Ints:
    """Return the bin of time in stage after 0, 1, 2 … epochs; longer stays are in the last bin."""
    last = round(DWELL_EDGES_MIN[-1] * 60 / EPOCH_S) + 1
    minutes = np.arange(last + 1) * EPOCH_S / 60
    return np.searchsorted(DWELL_EDGES_MIN, minutes, side="left").astype(np.int64)


@cache
def _basis() -> Floats:
    from scipy.interpolate import CubicSpline

    hours = (np.arange(N_TIME_BINS) + 0.5) * TIME_BIN_MIN / 60
    knots = np.linspace(0, N_TIME_BINS * TIME_BIN_MIN / 60, 4)
    cardinal = CubicSpline(knots, np.eye(4), bc_type="natural")(hours)
    # The cardinal splines span the constant; against it, orthonormal columns keep the effects apart.
    columns = np.column_stack([np.ones_like(hours), hours, cardinal[:, 1:3]])
    q, r = np.linalg.qr(columns)
    return np.asarray(q * np.sign(np.diag(r)) * np.sqrt(len(hours)))


def time_basis() -> Floats:
    """Return a natural cubic spline of time since onset at the middle of each bin, (time_bin, time_basis).

    The first column is one, the others are orthogonal to it and to each other with mean square one over 8 h. The
    coefficient of the first is what the group effects miss of a single transition.
    """
    return _basis().copy()


@dataclass(frozen=True)
class Steps:
    """The usable steps of a night: each from one scored epoch to the next.

    Attributes
    ----------
    epoch : (step,) int
        Epoch that is left.
    row, time_bin, dwell_bin, pressure_bin : (step,) int
        Where the chain stands at the end of that epoch.
    to : (step,) int
        Stage of the next epoch.
    """

    epoch: Ints
    row: Ints
    time_bin: Ints
    dwell_bin: Ints
    pressure_bin: Ints
    to: Ints


def night_steps(stages: npt.NDArray[np.integer], *, lights_off_known: bool = True, max_gap: int = 10) -> Steps:
    """Return the steps of one hypnogram that enter the likelihood.

    A step needs both its epochs scored and its time in stage known: after a gap of more than `max_gap` missing
    epochs, or one that ends in another stage, the steps up to the next change are left out; so is the first bout of
    a hypnogram that starts asleep. Where lights off is unknown, epochs before sleep onset are left out as well.

    Parameters
    ----------
    stages : (epoch,) int
        Stage codes from lights off (or from any time before sleep onset) on; -1 is missing.
    lights_off_known : bool
        Whether the first epoch is the first after lights off.
    max_gap : int
        Longest gap inside one bout, epochs.
    """
    stages = np.asarray(stages, dtype=np.int64)
    asleep = np.flatnonzero(stages > 0)
    onset = int(asleep[0]) if asleep.size else len(stages)
    wake_factor, sleep_factor = pressure_step()
    table, per_bin = dwell_table(), round(TIME_BIN_MIN * 60 / EPOCH_S)
    pressure = steady_pressure()
    found: list[tuple[int, ...]] = []
    first = 0 if lights_off_known else onset
    last = int(stages[first - 1]) if 0 < first < len(stages) else MISSING
    dwell, gap = -1, 0  # dwell -1: time in stage unknown
    for i in range(first, len(stages)):
        stage = int(stages[i])
        if stage == MISSING:
            gap += 1
        elif stage == last and (gap == 0 or (gap <= max_gap and dwell >= 0)):
            dwell += 1 + gap if dwell >= 0 else 0
            gap = 0
        else:
            # A bout is seen from its beginning if it follows another bout, or wake from lights off, without a gap.
            dwell = 1 if (gap == 0 and last != MISSING) or (i == 0 and stage == 0) else -1
            gap = 0
        if stage != MISSING:
            last = stage
        awake = last <= 0
        pressure = 1 - (1 - pressure) * wake_factor if awake else pressure * sleep_factor
        usable = stage != MISSING and i + 1 < len(stages) and stages[i + 1] != MISSING
        if not usable or (dwell < 0 and i >= onset):
            continue
        p = min(int(pressure * N_PRESSURE_BINS), N_PRESSURE_BINS - 1)
        if i < onset:
            found.append((i, BEFORE_ONSET, 0, 0, p, int(stages[i + 1])))
        else:
            t = min((i - onset) // per_bin, N_TIME_BINS - 1)
            found.append((i, stage, t, int(table[min(dwell, len(table) - 1)]), p, int(stages[i + 1])))
    columns = np.array(found, dtype=np.int64).reshape(-1, 6).T
    return Steps(*columns)


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


def log_odds(
    population: Population,
    steps: Steps,
    *,
    effect: Floats | None = None,
    time_effect: Floats | None = None,
    dwell_effect: Floats | None = None,
    pressure_effect: Floats | None = None,
    arousal_rate: float = 0.0,
) -> Floats:
    """Return the log odds of every stage against staying, for every step, (step, stage); staying is 0.

    Parameters
    ----------
    population : Population
        Base rates, and the coefficients where they are not given.
    steps : Steps
        Where the chain stands.
    effect : (group,) float, optional
        Shift of the log hazards.
    time_effect : (transition, time_basis) float, optional
    dwell_effect : (from_stage, dwell_bin) float, optional
    pressure_effect : (transition,) float, optional
    arousal_rate : float
        Respiratory events per hour of sleep.
    """
    effect = np.zeros(len(GROUPS)) if effect is None else effect
    time_effect = population.time_effect if time_effect is None else time_effect
    dwell_effect = population.dwell_effect if dwell_effect is None else dwell_effect
    pressure_effect = population.pressure_effect if pressure_effect is None else pressure_effect
    ways = N_STAGES - 1
    eta = row_base(population)[steps.row] + effect[GROUP_OF[steps.row]]
    sleeping = steps.row < N_STAGES
    k = steps.row[sleeping]
    by_row = time_effect.reshape(N_STAGES, ways, -1)[k]
    eta[sleeping] += np.einsum("sb,swb->sw", time_basis()[steps.time_bin[sleeping]], by_row)
    eta[sleeping] += dwell_effect[k, steps.dwell_bin[sleeping]][:, None]
    centred = pressure_centres()[steps.pressure_bin[sleeping]]
    eta[sleeping] += pressure_effect.reshape(N_STAGES, ways)[k] * centred[:, None]
    into_wake = (DESTINATIONS[steps.row] == 0) & sleeping[:, None]
    eta = np.where(into_wake, eta + arousal_shift(population, arousal_rate), eta)
    out = np.zeros((len(steps.row), N_STAGES))
    np.put_along_axis(out, DESTINATIONS[steps.row], eta, axis=1)
    return out


def log_likelihood(odds: Floats, to: Ints) -> float:
    """Return the log likelihood of the stages `to` that followed, given their log odds (step, stage)."""
    top = odds.max(axis=1, keepdims=True)
    norm = top[:, 0] + np.log(np.exp(odds - top).sum(axis=1))
    return float((odds[np.arange(len(to)), to] - norm).sum())
