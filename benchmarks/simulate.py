"""Epochs per second of the night simulator, against the same chain written in numpy, in one run."""

import platform
import time

import numpy as np

from braintwin.models.hypnogram import (
    BEFORE_ONSET,
    DESTINATIONS,
    GROUP_OF,
    N_PRESSURE_BINS,
    N_STAGES,
    N_TIME_BINS,
    dwell_table,
    pressure_centres,
    pressure_step,
    row_base,
    steady_pressure,
    time_basis,
)
from braintwin.models.nights_simulator import CDF_ORDER, simulate_nights
from braintwin.models.population import first_population

EPOCHS = 960


def numpy_nights(population, draws, effects, uniforms):
    """Simulate all nights side by side, one epoch at a time."""
    nights, width = uniforms.shape
    out = np.zeros((nights, width), dtype=np.int8)
    row = np.full(nights, BEFORE_ONSET)
    stage, spent, since = (np.zeros(nights, dtype=int) for _ in range(3))
    pressure = np.full(nights, steady_pressure())
    wake_factor, sleep_factor = pressure_step()
    base, basis, centres, dwell_bin = row_base(population), time_basis(), pressure_centres(), dwell_table()
    time_effect = draws.time_effect.reshape(nights, N_STAGES, 4, -1)
    pressure_effect = draws.pressure_effect.reshape(nights, N_STAGES, 4)
    order, every = np.array(CDF_ORDER), np.arange(nights)
    for e in range(width):
        out[:, e] = stage
        spent += 1
        pressure = np.where(stage == 0, 1 - (1 - pressure) * wake_factor, pressure * sleep_factor)
        asleep = row < N_STAGES
        k = np.where(asleep, row, 0)
        t = np.minimum(since // 60, N_TIME_BINS - 1)
        p = np.minimum((pressure * N_PRESSURE_BINS).astype(int), N_PRESSURE_BINS - 1)
        d = dwell_bin[np.minimum(spent, len(dwell_bin) - 1)]
        since += asleep
        more = np.einsum("nb,nwb->nw", basis[t], time_effect[every, k])
        more += draws.dwell_effect[every, k, d][:, None] + pressure_effect[every, k] * centres[p][:, None]
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


def main():
    population, rng = first_population(), np.random.default_rng(0)
    nights = 4000
    draws = population.draw(rng, nights)
    effects = draws.person_effect + draws.night_effect
    uniforms = rng.random((nights, EPOCHS))

    def ours():
        return simulate_nights(
            population, effects=effects, uniforms=uniforms, n_epochs=EPOCHS, time_effect=draws.time_effect,
            dwell_effect=draws.dwell_effect, pressure_effect=draws.pressure_effect,
        )  # fmt: skip

    _, first = cpu_seconds(ours)
    result, fast = min((cpu_seconds(ours) for _ in range(5)), key=lambda pair: pair[1])
    few = slice(0, 400)
    small = type(draws)(**{name: getattr(draws, name)[few] for name in draws.__dataclass_fields__})
    expected, slow = cpu_seconds(lambda: numpy_nights(population, small, effects[few], uniforms[few]))
    assert (expected == result[few]).mean() > 0.9999, "the two simulators disagree"
    rate, baseline = nights * EPOCHS / fast / 1e6, 400 * EPOCHS / slow / 1e6
    print(f"machine: {platform.processor() or platform.machine()}, one core")
    print(f"compiled : {rate:8.1f} M epochs/s ({fast:.3f} s CPU for {nights} nights; first call {first:.1f} s)")
    print(f"numpy    : {baseline:8.3f} M epochs/s ({slow:.3f} s CPU for 400 nights)")
    print(f"ratio    : {rate / baseline:8.0f}")


if __name__ == "__main__":
    main()
