"""Compiled loops over epochs: one definition of a night's history for its likelihood and for its simulation.

Import this module only where a night is walked or simulated: it loads numba. Tables are arguments and never globals,
for compiled code on disk would keep old ones.
"""

from typing import Any

import numba
import numpy as np

BEFORE_ONSET = 5
REM = 4

# Places in the history: epochs since onset, time in stage, epochs since REM sleep, REM epochs of the episode and of
# the night; and in the reals: Process S, recent wake.
_SINCE, _DWELL, _REM_GAP, _EPISODE, _REM_ALL = range(5)


@numba.njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def start(history: Any, reals: Any, constants: Any) -> None:
    """Put the history at lights off."""
    history[:] = 0
    history[_SINCE] = -1
    reals[0] = constants[3]
    reals[1] = 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def live(history: Any, reals: Any, stage: Any, awake: Any, constants: Any, sizes: Any) -> None:
    """Take one epoch into the history; `stage` is -1 if it is missing, `awake` what holds meanwhile.

    Time in stage is the caller's business, for a gap may hide it.
    """
    if awake:
        reals[0] = 1 - (1 - reals[0]) * constants[0]
    else:
        reals[0] = reals[0] * constants[1]
    if history[_SINCE] >= 0:
        history[_SINCE] += 1
    elif stage > 0:
        history[_SINCE] = 0
    if history[_SINCE] >= 0:
        reals[1] = reals[1] * constants[2] + (1.0 if stage == 0 else 0.0)
        if stage == 4:
            if history[_REM_GAP] > sizes[3] or history[_REM_ALL] == 0:
                history[_EPISODE] = 0
            history[_EPISODE] += 1
            history[_REM_ALL] += 1
            history[_REM_GAP] = 0
        else:
            history[_REM_GAP] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def place(
    at: Any, history: Any, reals: Any, row: Any, dwell: Any, later: Any, first: Any, episode: Any,
    load_edges: Any, recent_edges: Any, constants: Any, sizes: Any,
) -> None:  # fmt: skip
    """Write the bins of a history to `at`: time, dwell, pressure, clock, load, recent. Before onset all are 0."""
    if row == 5:
        at[:] = 0
        return
    since = history[_SINCE]
    at[0] = min(since // sizes[0], sizes[1] - 1)
    at[1] = dwell[min(history[_DWELL], dwell.shape[0] - 1)]
    at[2] = min(int(reals[0] * sizes[2]), sizes[2] - 1)
    if row == 4:
        at[3] = episode[min(history[_EPISODE], episode.shape[0] - 1)]
    elif history[_REM_ALL] == 0:
        at[3] = first[min(since, first.shape[0] - 1)]
    else:
        at[3] = later[min(history[_REM_GAP], later.shape[0] - 1)]
    load = 0.5 * (history[_REM_ALL] - constants[4] * since)
    n = 0
    while n < load_edges.shape[0] and load > load_edges[n]:
        n += 1
    at[4] = n
    n = 0
    while n < recent_edges.shape[0] and reals[1] > recent_edges[n]:
        n += 1
    at[5] = n


@numba.njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def walk(
    stages: Any, lights_off_known: Any, max_gap: Any, found: Any, dwell_bins: Any, later: Any, first: Any,
    episode: Any, load_edges: Any, recent_edges: Any, constants: Any, sizes: Any,
) -> int:  # fmt: skip
    """Fill `found` (epoch, 9) with epoch, row, six bins, to; return how many steps there are."""
    length = stages.shape[0]
    onset = 0
    while onset < length and stages[onset] <= 0:
        onset += 1
    history, reals = np.zeros(5, np.int64), np.zeros(2)
    start(history, reals, constants)
    begin = 0 if lights_off_known else onset
    last = stages[begin - 1] if 0 < begin < length else -1
    dwell, gap, steps = -1, 0, 0  # dwell -1: time in stage unknown
    for i in range(begin, length):
        stage = stages[i]
        if stage < 0:
            gap += 1
        elif stage == last and (gap == 0 or (gap <= max_gap and dwell >= 0)):
            if dwell >= 0:
                dwell += 1 + gap
            gap = 0
        else:
            # A bout is seen from its beginning if it follows another bout, or wake from lights off, without a gap.
            dwell = 1 if (gap == 0 and last >= 0) or (i == 0 and stage == 0) else -1
            gap = 0
        if stage >= 0:
            last = stage
        live(history, reals, stage, last <= 0, constants, sizes)
        if stage < 0 or i + 1 >= length or stages[i + 1] < 0 or (dwell < 0 and i >= onset):
            continue
        row = BEFORE_ONSET if i < onset else stage
        history[_DWELL] = max(dwell, 0)
        found[steps, 0] = i
        found[steps, 1] = row
        place(
            found[steps, 2:8], history, reals, row, dwell_bins, later, first, episode, load_edges, recent_edges,
            constants, sizes,
        )  # fmt: skip
        found[steps, 8] = stages[i + 1]
        steps += 1
    return steps


@numba.njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def simulate(
    out: Any, uniforms: Any, n_epochs: Any, effect: Any, arousal: Any, base: Any, time: Any, dwell: Any,
    pressure: Any, clock: Any, load: Any, recent: Any, groups: Any, ways: Any, ways_before: Any, stages_of: Any,
    dwell_bins: Any, later: Any, first: Any, episode: Any, load_edges: Any, recent_edges: Any, constants: Any,
    sizes: Any,
) -> None:  # fmt: skip
    """Fill `out` (night, epoch) with stages.

    The tables base (row, way), time, dwell, pressure, clock, load, recent (stage, bin, way) are hazards against
    staying, not their logarithms.
    """
    nights = out.shape[0]
    history, reals = np.zeros(5, np.int64), np.zeros(2)
    at, old = np.zeros(6, np.int64), np.zeros(6, np.int64)
    hazard, edge = np.empty((6, 4)), np.empty(5)
    for i in range(nights):
        which = i // (nights // effect.shape[0])
        shift = arousal[i // (nights // arousal.shape[0])]
        for k in range(6):
            for j in range(4):
                extra = shift if 0 < k < 5 and stages_of[k, j] == 0 else 0.0
                hazard[k, j] = base[k, j] * np.exp(effect[which, groups[k, j]] + extra)
        length = min(n_epochs[i // (nights // n_epochs.shape[0])], out.shape[1])
        start(history, reals, constants)
        stage, row, old_row, before = 0, 5, -1, 0
        low, high = 0.0, 1.0
        for e in range(length):
            out[i, e] = stage
            history[_DWELL] += 1
            live(history, reals, stage, stage == 0, constants, sizes)
            place(
                at, history, reals, row, dwell_bins, later, first, episode, load_edges, recent_edges, constants, sizes
            )
            if (
                row != old_row or at[0] != old[0] or at[1] != old[1] or at[2] != old[2] or at[3] != old[3]
                or at[4] != old[4] or at[5] != old[5]
            ):  # fmt: skip
                old_row = row
                for b in range(6):
                    old[b] = at[b]
                # The cumulative distribution: ways before the present stage, staying, ways after it.
                before = ways_before[row]
                total = 0.0
                for j in range(5):
                    if j == before:
                        total += 1.0
                    else:
                        w = ways[row, j if j < before else j - 1]
                        if row == 5:
                            total += hazard[5, w]
                        else:
                            total += (
                                hazard[row, w] * time[row, at[0], w] * dwell[row, at[1], w] * pressure[row, at[2], w]
                                * clock[row, at[3], w] * load[row, at[4], w] * recent[row, at[5], w]
                            )  # fmt: skip
                    edge[j] = total
                for j in range(5):
                    edge[j] /= total
                low = edge[before - 1] if before > 0 else 0.0
                high = edge[before]
            u = uniforms[i, e]
            if u < low or (u >= high and before < 4):
                j = 0
                while j < 4 and u >= edge[j]:
                    j += 1
                if j != before:
                    stage = stages_of[row, ways[row, j if j < before else j - 1]]
                    row = stage
                    history[_DWELL] = 0
        for e in range(length, out.shape[1]):
            out[i, e] = -1
