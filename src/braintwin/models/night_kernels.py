"""Compiled loops over epochs: one definition of a night's history for its likelihood and for its simulation.

Import this module only where a night is walked or simulated: it loads numba. Tables are arguments and never globals,
for compiled code on disk would keep old ones.
"""

from typing import Any

import numba
import numpy as np

BEFORE_ONSET = 5
REM = 4

LANES = 2
"""Nights that are simulated side by side."""

JIT = {"cache": True, "nogil": True, "error_model": "numpy"}

# A history is six numbers: epochs since sleep onset, since the last REM sleep, REM epochs of the episode and of the
# night; Process S; recent wake. What makes an epoch's bins takes no branches but selects: stages come and go by chance,
# and a branch that chance decides is foreseen wrongly every few epochs, which costs more than the rest of the epoch.


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def pressed(pressure: Any, awake: Any, constants: Any) -> Any:
    """Return Process S one epoch on."""
    risen, fallen = 1 - (1 - pressure) * constants[0], pressure * constants[1]
    return risen if awake else fallen


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def live(
    since: Any, gap: Any, episode: Any, rem: Any, pressure: Any, recent: Any, stage: Any, awake: Any, constants: Any,
    sizes: Any,
) -> Any:  # fmt: skip
    """Return the history since sleep onset with one epoch more; the first of them finds it at -1, 0, 0, 0, S, 0.

    `stage` is -1 if it is missing, `awake` what holds meanwhile.
    """
    dream = stage == REM
    episode = 0 if dream & ((gap > sizes[1]) | (rem == 0)) else episode
    recent = recent * constants[2] + (1.0 if stage == 0 else 0.0)
    return since + 1, 0 if dream else gap + 1, episode + dream, rem + dream, pressed(pressure, awake, constants), recent


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def counted(
    since: Any, gap: Any, episode: Any, rem: Any, stage: Any, spent: Any, time: Any, dwell: Any, clock: Any, sizes: Any
) -> Any:  # fmt: skip
    """Return the bins of what is counted in epochs, after sleep onset: time, dwell, clock."""
    later, first = sizes[2], sizes[3]
    in_rem = later + first + min(episode, clock.shape[0] - later - first - 1)
    in_night = later + min(since, first - 1) if rem == 0 else min(gap, later - 1)
    at = in_rem if stage == REM else in_night
    return time[min(since, time.shape[0] - 1)], dwell[min(spent, dwell.shape[0] - 1)], clock[at]


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def graded(
    pressure: Any, rem: Any, since: Any, recent: Any, load_edges: Any, recent_edges: Any, constants: Any, sizes: Any
) -> Any:  # fmt: skip
    """Return the bins of what moves by degrees: Process S, REM load, recent wake; upper edges belong to their bins."""
    load = 0.5 * (rem - constants[4] * since)
    in_load, in_recent = 0, 0
    for edge in load_edges:
        in_load += load > edge
    for edge in recent_edges:
        in_recent += recent > edge
    return min(int(pressure * sizes[0]), sizes[0] - 1), in_load, in_recent


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def walk(
    stages: Any, lights_off_known: Any, max_gap: Any, found: Any, time_bins: Any, dwell_bins: Any, clock_bins: Any,
    load_edges: Any, recent_edges: Any, constants: Any, sizes: Any,
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
        if i < onset:
            pressure = pressed(pressure, last <= 0, constants)
        else:
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
                since, gap, episode, rem, row, max(dwell, 0), time_bins, dwell_bins, clock_bins, sizes
            )
            found[steps, 4], found[steps, 6], found[steps, 7] = graded(
                pressure, rem, since, recent, load_edges, recent_edges, constants, sizes
            )
        found[steps, 8] = stages[i + 1]
        steps += 1
    return steps


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def paired(first: Any, second: Any, ways: Any, place: Any) -> Any:
    """Return the products of two tables of odds (stage, bin, way), (stage, bin, bin, place); staying is 1."""
    out = np.ones((5, first.shape[1], second.shape[1], 5))
    for k in range(5):
        for a in range(first.shape[1]):
            for b in range(second.shape[1]):
                for j in range(4):
                    out[k, a, b, place[ways[k, j]]] = first[k, a, j] * second[k, b, j]
    return out


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def taken(u: Any, w: Any, n1: Any, r: Any, n2: Any, n3: Any, order: Any) -> Any:
    """Return the stage that a uniform number takes among five of these odds, which stand in `order`."""
    second = w + n1
    third = second + r
    fourth = third + n2
    x = u * (fourth + n3)
    return order[np.uintp(int(x >= w) + int(x >= second) + int(x >= third) + int(x >= fourth))]


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def advance(
    epochs: Any, out: Any, uniforms: Any, counts: Any, levels: Any, hazard: Any, time: Any, clock: Any, dwell: Any,
    order: Any, time_bins: Any, dwell_bins: Any, clock_bins: Any, load_edges: Any,
    recent_edges: Any, constants: Any, sizes: Any,
) -> None:  # fmt: skip
    """Simulate some epochs of a few nights that have begun to sleep, one epoch of each in turn.

    While one night waits for its numbers the processor goes on with the next: a night by itself takes longer.
    """
    for _ in range(epochs):
        for lane in range(counts.shape[0]):
            night, e, stage, spent = counts[lane, 0], counts[lane, 1], counts[lane, 2], counts[lane, 3] + 1
            out[night, e] = stage
            since, gap, episode, rem, pressure, recent = live(
                counts[lane, 4], counts[lane, 5], counts[lane, 6], counts[lane, 7], levels[lane, 0], levels[lane, 1],
                stage, stage == 0, constants, sizes,
            )  # fmt: skip
            a, b, c = counted(since, gap, episode, rem, stage, spent, time_bins, dwell_bins, clock_bins, sizes)
            s, q, r = graded(pressure, rem, since, recent, load_edges, recent_edges, constants, sizes)
            # Numbers without a sign: an index that might be negative is looked at each time (a lane counts from 0).
            k = np.uintp(stage)
            h, t = hazard[lane, k], time[k, np.uintp(a), np.uintp(s)]
            f, d = clock[k, np.uintp(c), np.uintp(q)], dwell[k, np.uintp(b), np.uintp(r)]
            new = taken(
                uniforms[night, e], h[0] * t[0] * f[0] * d[0], h[1] * t[1] * f[1] * d[1], h[2] * t[2] * f[2] * d[2],
                h[3] * t[3] * f[3] * d[3], h[4] * t[4] * f[4] * d[4], order,
            )  # fmt: skip
            counts[lane, 1], counts[lane, 2], counts[lane, 3] = e + 1, new, spent if new == stage else 0
            counts[lane, 4], counts[lane, 5], counts[lane, 6], counts[lane, 7] = since, gap, episode, rem
            levels[lane, 0], levels[lane, 1] = pressure, recent


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def simulate(
    out: Any, uniforms: Any, n_epochs: Any, effect: Any, arousal: Any, base: Any, groups: Any, ways: Any,
    time: Any, dwell: Any, drive: Any, clock: Any, load: Any, wake: Any, order: Any, time_bins: Any, dwell_bins: Any,
    clock_bins: Any, load_edges: Any, recent_edges: Any, constants: Any, sizes: Any,
) -> None:  # fmt: skip
    """Fill `out` (night, epoch) with stages.

    The tables base (row, way), time, dwell, drive, clock, load, wake (stage, bin, way) are hazards against staying,
    not their logarithms; `ways` (row, way) are the stages they lead to. Uniforms are read over stages in `order`.
    """
    nights = out.shape[0]
    place = np.empty(5, dtype=np.int64)
    for j in range(5):
        place[order[j]] = j
    # Two quantities of the history in one table: fewer numbers to fetch, and still small enough to lie near.
    by_time, by_clock = paired(time, drive, ways, place), paired(clock, load, ways, place)
    by_dwell = paired(dwell, wake, ways, place)
    counts, levels = np.zeros((LANES, 8), dtype=np.int64), np.zeros((LANES, 2))
    hazard, left = np.ones((LANES, 6, 5)), np.zeros(LANES, dtype=np.int64)
    for begin in range(0, nights, LANES):
        lanes = min(LANES, nights - begin)
        for lane in range(lanes):
            i = begin + lane
            which = i // (nights // effect.shape[0])
            shift = arousal[i // (nights // arousal.shape[0])]
            for k in range(6):
                hazard[lane, k] = 1.0
                for j in range(4):
                    to = ways[k, j]
                    odds = base[k, j] * np.exp(effect[which, groups[k, j]] + (shift if to == 0 else 0.0))
                    hazard[lane, k, place[to]] = odds
            length = min(n_epochs[i // (nights // n_epochs.shape[0])], out.shape[1])
            out[i, length:] = -1
            first, stage, e, pressure = hazard[lane, BEFORE_ONSET], 0, 0, constants[3]
            while stage == 0 and e < length:
                out[i, e] = 0
                pressure = pressed(pressure, True, constants)
                stage = taken(uniforms[i, e], first[0], first[1], first[2], first[3], first[4], order)
                e += 1
            counts[lane] = 0
            counts[lane, 0], counts[lane, 1], counts[lane, 2], counts[lane, 4] = i, e, stage, -1
            levels[lane, 0], levels[lane, 1] = pressure, 0.0
            left[lane] = length - e
        together = left[:lanes].min()
        for lane in range(lanes + 1):
            # All of them for as long as each lasts, then each alone.
            alone = max(lane - 1, 0)
            epochs, end = (together, lanes) if lane == 0 else (left[alone] - together, lane)
            advance(
                epochs, out, uniforms, counts[alone:end], levels[alone:end], hazard[alone:end], by_time, by_clock,
                by_dwell, order, time_bins, dwell_bins, clock_bins, load_edges, recent_edges, constants, sizes,
            )  # fmt: skip
