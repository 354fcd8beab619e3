"""What of a night's past its next epoch depends on, reduced to bins.

Each quantity follows from the hypnogram alone: time since sleep onset, time in the present stage, Process S (Borbély
1982; Daan, Beersma & Borbély 1984, doi:10.1152/ajpregu.1984.246.2.R161), the REM clock and the REM load of the
ultradian cycle, and recent wake. Since each is a bin, a night is a table of counts over cells, and the likelihood of
the table equals that of the sequence.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import EPOCH_S, STAGES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

REM = STAGES.index("R")

TIME_BIN_MIN = 30.0
N_TIME_BINS = 16
"""Bins of time since sleep onset; the last one is open."""
TIME_BASIS = ("time_1", "time_2", "time_3")

DWELL_EDGES_MIN = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Upper edges (included) of the bins of time in stage, min; the last bin is open."""

CLOCK_FIRST_MIN = (15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0, 150.0)
"""Before the first REM sleep: upper edges of time since onset, min."""
CLOCK_LATER_MIN = (1.0, 3.0, 7.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0)
"""After REM sleep: upper edges of the time since its last epoch, min."""
CLOCK_REM_MIN = (1.0, 3.0, 7.0, 15.0, 25.0, 40.0)
"""In REM sleep: upper edges of the REM sleep of the present episode, min."""
EPISODE_GAP_MIN = 15.0
"""REM sleep after a shorter interruption belongs to the same episode (Feinberg & Floyd 1979)."""

LOAD_SHARE = 0.2
LOAD_EDGES_MIN = (-45.0, -30.0, -15.0, 0.0, 15.0)
"""Edges of REM load: REM sleep so far less LOAD_SHARE of the time since onset, min."""

RECENT_HALF_LIFE_MIN = 10.0
RECENT_EDGES = (0.2, 1.0, 3.0, 8.0)
"""Edges of recent wake: epochs awake since onset, each forgotten with this half-life."""

N_PRESSURE_BINS = 25
"""Bins of Process S on [0, 1]."""
TAU_WAKE_H, TAU_SLEEP_H = 18.2, 4.2
"""Time constants of Process S, h (doi:10.1152/ajpregu.1984.246.2.R161)."""
PRESSURE_MEAN = 0.3
"""Process S about which its effect is centred."""


@dataclass(frozen=True)
class ProcessS:
    """Time constants of Process S: the literature's, or a person's own where their EEG told them.

    Attributes
    ----------
    tau_wake_h, tau_sleep_h : float
        Of its rise awake and of its fall asleep, h.
    """

    tau_wake_h: float = TAU_WAKE_H
    tau_sleep_h: float = TAU_SLEEP_H


LITERATURE = ProcessS()


def _names(edges: tuple[float, ...], prefix: str = "") -> tuple[str, ...]:
    ends = [f"{edge:g}" for edge in edges]
    inner = [f"{a}-{b}" for a, b in pairwise(ends)]
    return tuple(prefix + name for name in (f"<={ends[0]}", *inner, f">{ends[-1]}"))


DWELL_NAMES = _names(DWELL_EDGES_MIN)
CLOCK_NAMES = (*_names(CLOCK_LATER_MIN, "since "), *_names(CLOCK_FIRST_MIN, "first "), *_names(CLOCK_REM_MIN, "in "))
"""Bins of the REM clock: since the last REM sleep, before the first, within an episode."""
LOAD_NAMES = _names(LOAD_EDGES_MIN)
RECENT_NAMES = _names(RECENT_EDGES)

FIRST_OFFSET = len(CLOCK_LATER_MIN) + 1
REM_OFFSET = FIRST_OFFSET + len(CLOCK_FIRST_MIN) + 1


@dataclass(frozen=True)
class Steps:
    """The usable steps of a night: each from one scored epoch to the next.

    Attributes
    ----------
    epoch : (step,) int
        Epoch that is left.
    row, time_bin, dwell_bin, pressure_bin, clock_bin, load_bin, recent_bin : (step,) int
        Where the chain stands at the end of that epoch.
    to : (step,) int
        Stage of the next epoch.
    """

    epoch: Ints
    row: Ints
    time_bin: Ints
    dwell_bin: Ints
    pressure_bin: Ints
    clock_bin: Ints
    load_bin: Ints
    recent_bin: Ints
    to: Ints


def steady_pressure(process: ProcessS = LITERATURE) -> float:
    """Return Process S at lights off of somebody who sleeps 8 h and is awake 16 h every day."""
    rise, fall = np.exp(-16 / process.tau_wake_h), np.exp(-8 / process.tau_sleep_h)
    return float((1 - rise) / (1 - rise * fall))


def pressure_step(process: ProcessS = LITERATURE) -> tuple[float, float]:
    """Return the factors that 1 − S (awake) and S (asleep) shrink by in one epoch."""
    hours = EPOCH_S / 3600
    return float(np.exp(-hours / process.tau_wake_h)), float(np.exp(-hours / process.tau_sleep_h))


def pressure_centres() -> Floats:
    """Return Process S less its centre at the middle of its bins, (pressure_bin,)."""
    return np.asarray((np.arange(N_PRESSURE_BINS) + 0.5) / N_PRESSURE_BINS - PRESSURE_MEAN)


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

    The columns are orthogonal to the constant and to each other, with mean square one over 8 h.
    """
    return _basis()[:, 1:].copy()


def _table(edges_min: tuple[float, ...]) -> Ints:
    last = round(edges_min[-1] * 60 / EPOCH_S) + 1
    minutes = np.arange(last + 1) * EPOCH_S / 60
    return np.searchsorted(edges_min, minutes, side="left").astype(np.int64)


def dwell_table() -> Ints:
    """Return the bin of time in stage after 0, 1, 2 … epochs; longer stays are in the last bin."""
    return _table(DWELL_EDGES_MIN)


@cache
def bin_tables(process: ProcessS = LITERATURE) -> tuple[Ints | tuple[float, ...] | tuple[int, ...], ...]:
    """Return what compiled code needs to put a history in bins: tables of time, dwell and clock, edges, constants.

    The clock's table has three parts, after REM sleep, before the first and within it; the last item holds the number
    of bins of Process S, the gap that ends an episode, and the lengths of the first two parts.
    """
    wake, sleep = pressure_step(process)
    per_bin = round(TIME_BIN_MIN * 60 / EPOCH_S)
    later, first = _table(CLOCK_LATER_MIN), _table(CLOCK_FIRST_MIN) + FIRST_OFFSET
    return (
        np.minimum(np.arange(per_bin * N_TIME_BINS) // per_bin, N_TIME_BINS - 1),
        dwell_table(),
        np.concatenate([later, first, _table(CLOCK_REM_MIN) + REM_OFFSET]),
        LOAD_EDGES_MIN,
        RECENT_EDGES,
        (wake, sleep, 0.5 ** (EPOCH_S / 60 / RECENT_HALF_LIFE_MIN), steady_pressure(process), LOAD_SHARE),
        (N_PRESSURE_BINS, round(EPISODE_GAP_MIN * 60 / EPOCH_S), len(later), len(first)),
    )


def night_steps(
    stages: npt.NDArray[np.integer],
    *,
    lights_off_known: bool = True,
    max_gap: int = 10,
    process: ProcessS = LITERATURE,
) -> Steps:
    """Return the steps of one hypnogram that enter the likelihood.

    A step needs both its epochs scored and its time in stage known: after a gap of more than `max_gap` missing
    epochs, or one that ends in another stage, the steps up to the next change are left out; so is the first bout of
    a hypnogram that starts asleep. Clocks run on through missing epochs. Where lights off is unknown, epochs before
    sleep onset are left out as well.

    Parameters
    ----------
    stages : (epoch,) int
        Stage codes from lights off (or from any time before sleep onset) on; -1 is missing.
    lights_off_known : bool
        Whether the first epoch is the first after lights off.
    max_gap : int
        Longest gap inside one bout, epochs.
    process : ProcessS
        Time constants of Process S.
    """
    from braintwin.models.night_kernels import walk

    codes = np.ascontiguousarray(stages, dtype=np.int64)
    found = np.empty((len(codes), 9), dtype=np.int64)
    steps = walk(codes, lights_off_known, max_gap, found, *bin_tables(process))
    return Steps(*np.ascontiguousarray(found[:steps].T))
