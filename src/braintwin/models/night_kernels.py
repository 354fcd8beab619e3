"""Compiled loops over epochs: one definition of a night's history for its likelihood and for its simulation.

Import this module only where a night is walked or simulated: it loads numba. Tables are arguments and never globals,
for compiled code on disk would keep old ones.
"""

from typing import Any

import numba
import numpy as np

BEFORE_ONSET = 5
REM = 4

JIT = {"cache": True, "nogil": True, "error_model": "numpy"}

# A history is five numbers: epochs since sleep onset (-1 before it), since the last REM sleep, REM epochs of the
# episode and of the night; Process S; recent wake. They are passed and returned one by one, which keeps them in
# registers: in arrays they cost the simulator half of its speed.


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def live(
    since: Any, gap: Any, episode: Any, rem: Any, pressure: Any, recent: Any, stage: Any, awake: Any, constants: Any,
    sizes: Any,
) -> Any:  # fmt: skip
    """Return the history with one epoch more; `stage` is -1 if it is missing, `awake` what holds meanwhile."""
    pressure = 1 - (1 - pressure) * constants[0] if awake else pressure * constants[1]
    if since >= 0:
        since += 1
    elif stage > 0:
        since = 0
    if since >= 0:
        recent = recent * constants[2] + (1.0 if stage == 0 else 0.0)
        if stage == 4:
            if gap > sizes[1] or rem == 0:
                episode = 0
            episode += 1
            rem += 1
            gap = 0
        else:
            gap += 1
    return since, gap, episode, rem, pressure, recent


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def counted(
    since: Any, gap: Any, episode: Any, rem: Any, stage: Any, spent: Any, time: Any, dwell: Any, later: Any,
    first: Any, within: Any,
) -> Any:  # fmt: skip
    """Return the bins of what is counted in epochs, after sleep onset: time, dwell, clock."""
    if stage == REM:
        clock = within[min(episode, within.shape[0] - 1)]
    elif rem == 0:
        clock = first[min(since, first.shape[0] - 1)]
    else:
        clock = later[min(gap, later.shape[0] - 1)]
    return time[min(since, time.shape[0] - 1)], dwell[min(spent, dwell.shape[0] - 1)], clock


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def load_of(rem: Any, since: Any, constants: Any) -> Any:
    """Return the REM load, min."""
    return 0.5 * (rem - constants[4] * since)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def graded(pressure: Any, load: Any, recent: Any, load_edges: Any, recent_edges: Any, sizes: Any) -> Any:
    """Return the bins of what moves by degrees: Process S, REM load, recent wake; upper edges belong to their bins."""
    in_load, in_recent = 0, 0
    while in_load < load_edges.shape[0] and load > load_edges[in_load]:
        in_load += 1
    while in_recent < recent_edges.shape[0] and recent > recent_edges[in_recent]:
        in_recent += 1
    return min(int(pressure * sizes[0]), sizes[0] - 1), in_load, in_recent


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def walk(
    stages: Any, lights_off_known: Any, max_gap: Any, found: Any, time_bins: Any, dwell_bins: Any, later: Any,
    first: Any, within: Any, load_edges: Any, recent_edges: Any, constants: Any, sizes: Any,
) -> int:  # fmt: skip
    """Fill `found` (epoch, 9) with epoch, row, six bins, to; return how many steps there are."""
    length = stages.shape[0]
    onset = 0
    while onset < length and stages[onset] <= 0:
        onset += 1
    since, gap, episode, rem, pressure, recent = -1, 0, 0, 0, constants[3], 0.0
    begin = 0 if lights_off_known else onset
    last = stages[begin - 1] if 0 < begin < length else -1
    dwell, missing, steps = -1, 0, 0  # dwell -1: time in stage unknown
    for i in range(begin, length):
        stage = stages[i]
        if stage < 0:
            missing += 1
        elif stage == last and (missing == 0 or (missing <= max_gap and dwell >= 0)):
            if dwell >= 0:
                dwell += 1 + missing
            missing = 0
        else:
            # A bout is seen from its beginning if it follows another bout, or wake from lights off, without a gap.
            dwell = 1 if (missing == 0 and last >= 0) or (i == 0 and stage == 0) else -1
            missing = 0
        if stage >= 0:
            last = stage
        since, gap, episode, rem, pressure, recent = live(
            since, gap, episode, rem, pressure, recent, stage, last <= 0, constants, sizes
        )
        if stage < 0 or i + 1 >= length or stages[i + 1] < 0 or (dwell < 0 and i >= onset):
            continue
        row = BEFORE_ONSET if i < onset else stage
        found[steps, 0] = i
        found[steps, 1] = row
        if row == BEFORE_ONSET:
            found[steps, 2:8] = 0
        else:
            found[steps, 2], found[steps, 3], found[steps, 5] = counted(
                since, gap, episode, rem, row, max(dwell, 0), time_bins, dwell_bins, later, first, within
            )
            found[steps, 4], found[steps, 6], found[steps, 7] = graded(
                pressure, load_of(rem, since, constants), recent, load_edges, recent_edges, sizes
            )
        found[steps, 8] = stages[i + 1]
        steps += 1
    return steps


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def next_changes(table: Any) -> Any:
    """Return the least later index at which a table of bins holds another bin; far away where there is none."""
    out = np.full(table.shape[0], 1 << 40)
    for i in range(table.shape[0] - 2, -1, -1):
        out[i] = i + 1 if table[i + 1] != table[i] else out[i + 1]
    return out


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def remaining(count: Any, changes: Any) -> Any:
    """Return how many epochs more leave the bin of a count of epochs as it is."""
    at = min(count, changes.shape[0] - 1)
    return changes[at] - at


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def steady_for(
    since: Any, gap: Any, episode: Any, rem: Any, stage: Any, spent: Any, of_time: Any, of_dwell: Any, of_later: Any,
    of_first: Any, of_within: Any,
) -> Any:  # fmt: skip
    """Return for how many epochs more in this stage the bins of :func:`counted` stay as they are."""
    if stage == REM:
        epochs = remaining(episode, of_within)
    elif rem == 0:
        epochs = remaining(since, of_first)
    else:
        epochs = remaining(gap, of_later)
    return min(epochs, remaining(since, of_time), remaining(spent, of_dwell))


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def cumulate(rates: Any, before: Any, edge: Any) -> float:
    """Fill `edge` with the sums of four rates in order, of which `before` precede staying (1); return the total.

    The last edge is that of staying.
    """
    total = 0.0
    for j in range(4):
        if j == before:
            total += 1.0
            edge[4] = total
        total += rates[j]
        edge[j] = total
    if before == 4:
        total += 1.0
        edge[4] = total
    return total


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def simulate(
    out: Any, uniforms: Any, n_epochs: Any, effect: Any, arousal: Any, base: Any, time: Any, dwell: Any,
    drive: Any, clock: Any, load: Any, wake: Any, groups: Any, before: Any, stages_of: Any, time_bins: Any,
    dwell_bins: Any, later: Any, first: Any, within: Any, load_edges: Any, recent_edges: Any, constants: Any,
    sizes: Any,
) -> None:  # fmt: skip
    """Fill `out` (night, epoch) with stages.

    The tables base (row, way), time, dwell, drive, clock, load, wake (stage, bin, way) are hazards against staying,
    not their logarithms; ways are in the order in which uniforms are read, `before` (row,) of them before staying.
    The distribution of an epoch is made again only where a bin has changed since the last one.
    """
    nights = out.shape[0]
    of_time, of_dwell, of_later = next_changes(time_bins), next_changes(dwell_bins), next_changes(later)
    of_first, of_within = next_changes(first), next_changes(within)
    hazard, rates, edge = np.empty((6, 4)), np.empty(4), np.empty(5)
    for i in range(nights):
        which = i // (nights // effect.shape[0])
        shift = arousal[i // (nights // arousal.shape[0])]
        for k in range(6):
            for j in range(4):
                extra = shift if 0 < k < 5 and stages_of[k, j] == 0 else 0.0
                hazard[k, j] = base[k, j] * np.exp(effect[which, groups[k, j]] + extra)
        length = min(n_epochs[i // (nights // n_epochs.shape[0])], out.shape[1])
        since, gap, episode, rem, pressure, recent = -1, 0, 0, 0, constants[3], 0.0
        stage, row, spent, until = 0, BEFORE_ONSET, 0, length
        total = cumulate(hazard[BEFORE_ONSET], before[BEFORE_ONSET], edge)
        low, high = 0.0, edge[4] / total
        if before[BEFORE_ONSET] > 0:
            low = edge[before[BEFORE_ONSET] - 1] / total
        # Bins of what moves by degrees, and the ends of those bins; before onset there are none.
        in_drive, in_load, in_wake = 0, 0, 0
        s_low, s_high, l_low, l_high, r_low, r_high = -np.inf, np.inf, -np.inf, np.inf, -np.inf, np.inf
        for e in range(length):
            out[i, e] = stage
            spent += 1
            since, gap, episode, rem, pressure, recent = live(
                since, gap, episode, rem, pressure, recent, stage, stage == 0, constants, sizes
            )
            s, q = pressure * sizes[0], load_of(rem, since, constants)
            moved = not (s_low <= s < s_high and l_low < q <= l_high and r_low < recent <= r_high)
            if moved:
                in_drive, in_load, in_wake = graded(pressure, q, recent, load_edges, recent_edges, sizes)
                s_low, s_high = float(in_drive), (in_drive + 1.0 if in_drive < sizes[0] - 1 else np.inf)
                l_low = load_edges[in_load - 1] if in_load > 0 else -np.inf
                l_high = load_edges[in_load] if in_load < load_edges.shape[0] else np.inf
                r_low = recent_edges[in_wake - 1] if in_wake > 0 else -np.inf
                r_high = recent_edges[in_wake] if in_wake < recent_edges.shape[0] else np.inf
            if moved or e >= until:
                until = e + steady_for(
                    since, gap, episode, rem, row, spent, of_time, of_dwell, of_later, of_first, of_within
                )
                a, b, c = counted(since, gap, episode, rem, row, spent, time_bins, dwell_bins, later, first, within)
                for j in range(4):
                    rates[j] = (
                        hazard[row, j] * time[row, a, j] * dwell[row, b, j] * drive[row, in_drive, j]
                        * clock[row, c, j] * load[row, in_load, j] * wake[row, in_wake, j]
                    )  # fmt: skip
                total = cumulate(rates, before[row], edge)
                low = edge[before[row] - 1] / total if before[row] > 0 else 0.0
                high = edge[4] / total if before[row] < 4 else 2.0
            u = uniforms[i, e]
            if u < low or u >= high:
                j = 0 if u < low else before[row]
                while j < 3 and u >= edge[j] / total:
                    j += 1
                if row == BEFORE_ONSET:
                    s_high = -np.inf
                stage = stages_of[row, j]
                row, spent, until = stage, 0, 0
        for e in range(length, out.shape[1]):
            out[i, e] = -1
