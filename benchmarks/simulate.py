"""Epochs per second of the night simulator, against the same chain written in numpy, in one run."""

import platform
import time

import numpy as np

from braintwin.io.population import packaged_population, read_population
from braintwin.models.hypnogram import (
    BEFORE_ONSET,
    DESTINATIONS,
    GROUP_OF,
    N_STAGES,
    hazard_tables,
    row_base,
)
from braintwin.models.night_history import N_PRESSURE_BINS, REM, bin_tables
from braintwin.models.nights_simulator import CDF_ORDER, simulate_nights

EPOCHS = 960


def numpy_nights(population, effects, uniforms):
    """Simulate all nights side by side, one epoch at a time."""
    nights, width = uniforms.shape
    out = np.zeros((nights, width), dtype=np.int8)
    row = np.full(nights, BEFORE_ONSET)
    stage, spent, gap, episode, rem = (np.zeros(nights, dtype=int) for _ in range(5))
    since = np.full(nights, -1)
    time_bins, dwell, clocks, load_edges, recent_edges, constants, sizes = bin_tables()
    later, first, within = np.split(clocks, np.cumsum(sizes[2:]))
    wake_factor, sleep_factor, forget, start, share = constants
    pressure, recent = np.full(nights, start), np.zeros(nights)
    base, tables, order, every = row_base(population), hazard_tables(population), np.array(CDF_ORDER), np.arange(nights)
    for e in range(width):
        out[:, e] = stage
        spent += 1
        pressure = np.where(stage == 0, 1 - (1 - pressure) * wake_factor, pressure * sleep_factor)
        asleep, in_rem = row < N_STAGES, stage == REM
        since += asleep
        recent = np.where(asleep, recent * forget + (stage == 0), recent)
        episode = np.where(in_rem, np.where((gap > sizes[1]) | (rem == 0), 0, episode) + 1, episode)
        rem += in_rem
        gap = np.where(in_rem, 0, gap + asleep)
        clock = np.where(
            in_rem,
            within[np.minimum(episode, len(within) - 1)],
            np.where(rem == 0, first[np.clip(since, 0, len(first) - 1)], later[np.minimum(gap, len(later) - 1)]),
        )
        bins = (
            time_bins[np.clip(since, 0, len(time_bins) - 1)],
            dwell[np.minimum(spent, len(dwell) - 1)],
            np.minimum((pressure * N_PRESSURE_BINS).astype(int), N_PRESSURE_BINS - 1),
            clock,
            np.searchsorted(load_edges, 0.5 * (rem - share * since), side="left"),
            np.searchsorted(recent_edges, recent, side="left"),
        )
        k = np.where(asleep, row, 0)
        more = sum(table[k, at] for table, at in zip(tables, bins, strict=True))
        eta = base[row] + effects[every[:, None], GROUP_OF[row]] + np.where(asleep[:, None], more, 0.0)
        odds = np.ones((nights, N_STAGES))
        np.put_along_axis(odds, DESTINATIONS[row], np.exp(eta), axis=1)
        cumulative = np.cumsum(odds[:, order], axis=1)
        cumulative /= cumulative[:, -1:]
        new = order[(uniforms[:, e][:, None] >= cumulative[:, :-1]).sum(axis=1)]
        spent[new != stage] = 0
        row = np.where(new != stage, new, row)
        stage = new
    return out


def cpu_seconds(function):
    begun = time.process_time()
    result = function()
    return result, time.process_time() - begun


def main() -> float:
    """Print both rates and return their ratio."""
    population, rng = read_population(packaged_population()), np.random.default_rng(0)
    nights = 4000
    draws = population.draw(rng, nights)
    effects = draws.person_effect + draws.night_effect
    uniforms = rng.random((nights, EPOCHS))

    def ours():
        return simulate_nights(population, effects=effects, uniforms=uniforms, n_epochs=EPOCHS)

    _, first = cpu_seconds(ours)
    result, fast = min((cpu_seconds(ours) for _ in range(15)), key=lambda pair: pair[1])
    few = slice(0, 400)
    expected, slow = cpu_seconds(lambda: numpy_nights(population, effects[few], uniforms[few]))
    assert (expected == result[few]).mean() > 0.9999, "the two simulators disagree"
    rate, baseline = nights * EPOCHS / fast / 1e6, 400 * EPOCHS / slow / 1e6
    print(f"machine: {platform.processor() or platform.machine()}, one core")
    print(f"compiled : {rate:8.1f} M epochs/s ({fast:.3f} s CPU for {nights} nights; first call {first:.1f} s)")
    print(f"numpy    : {baseline:8.3f} M epochs/s ({slow:.3f} s CPU for 400 nights)")
    print(f"ratio    : {rate / baseline:8.0f}")
    return rate / baseline


if __name__ == "__main__":
    main()
