"""A person's time constants of Process S, as far as their slow-wave activity tells them.

Slow-wave activity of NREM sleep follows Process S (Borbély 1982; Daan, Beersma & Borbély 1984,
doi:10.1152/ajpregu.1984.246.2.R161). It is averaged over NREM episodes, four or five a night, for within an episode
it waxes and wanes with the ultradian cycle:

    mean ln SWA of an episode = level of the night + b · mean S of the episode + noise

The level is free, b is weakly known, and the time constants have the literature's priors, which one night hardly
narrows. What remains is a posterior on a grid. Nothing is assumed where slow-wave activity does not fall: then b is
near zero, and the time constants keep their priors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import STAGES
from braintwin.inference.night_evidence import systematic
from braintwin.models.night_history import TAU_SLEEP_H, TAU_WAKE_H, ProcessS, pressure_step, steady_pressure

Floats = npt.NDArray[np.float64]

TAU_SLEEP_SD, TAU_WAKE_SD = 0.35, 0.2
"""Sds of the log time constants between people (ranges 2.5–6 h and 14–24 h, Rusterholz et al. 2010)."""
SLOPE, SLOPE_SD = 2.0, 1.0
"""Prior of b: slow-wave activity falls to a third or so over a night."""
NOISE, NOISE_SD = 0.2, 0.6
"""Prior of the sd of an episode about its course: median, and sd of its logarithm."""
LEAST_EPOCHS = 20
"""Clean epochs of N2 and N3 that make an episode."""
N2, N3, REM = (STAGES.index(name) for name in ("N2", "N3", "R"))


@dataclass(frozen=True)
class Course:
    """One night's slow-wave activity.

    Attributes
    ----------
    stages : (epoch,) int
        From the night's first epoch on.
    swa : (epoch,) float
        µV², or in any other unit; NaN where it is not known.
    """

    stages: npt.NDArray[np.int8]
    swa: Floats


@dataclass(frozen=True)
class Rhythm:
    """Posterior of a person's time constants, on a grid.

    Attributes
    ----------
    processes : list of ProcessS
    weight : (process,) float
        Probabilities.
    episodes : int
        NREM episodes that it rests on.
    """

    processes: tuple[ProcessS, ...]
    weight: Floats
    episodes: int

    @property
    def mean(self) -> ProcessS:
        """Return the posterior means (of the logarithms)."""
        return ProcessS(*(float(np.exp(self.weight @ column)) for column in np.log(self.values).T))

    @property
    def log_sd(self) -> Floats:
        """Return the posterior sds of the logarithms, (wake, sleep)."""
        logs = np.log(self.values)
        return np.asarray(np.sqrt(self.weight @ np.square(logs - self.weight @ logs)))

    @property
    def values(self) -> Floats:
        """Return the time constants, (process, 2), h."""
        return np.array([[p.tau_wake_h, p.tau_sleep_h] for p in self.processes])

    def draws(self, n: int, rng: np.random.Generator) -> list[ProcessS]:
        """Return draws of the time constants, in random order."""
        return [self.processes[i] for i in rng.permutation(systematic(self.weight, n, rng))]


def grid() -> tuple[tuple[ProcessS, ...], Floats]:
    """Return time constants on a grid and their prior probabilities."""
    sleep, wake = np.linspace(-3, 3, 49), np.linspace(-2, 2, 5)
    weight = np.exp(-0.5 * (np.square(sleep)[:, None] + np.square(wake))).ravel()
    found = tuple(
        ProcessS(float(TAU_WAKE_H * np.exp(TAU_WAKE_SD * w)), float(TAU_SLEEP_H * np.exp(TAU_SLEEP_SD * s)))
        for s in sleep
        for w in wake
    )
    return found, weight / weight.sum()


def pressure(stages: npt.NDArray[np.integer], processes: Sequence[ProcessS]) -> Floats:
    """Return Process S at the end of each epoch, (epoch, process); a missing epoch is as the one before it."""
    wake, sleep = np.array([pressure_step(p) for p in processes]).T
    now, awake = np.array([steady_pressure(p) for p in processes]), True
    out = np.empty((len(stages), len(processes)))
    for i, stage in enumerate(stages):
        awake = stage == 0 if stage >= 0 else awake
        now = 1 - (1 - now) * wake if awake else now * sleep
        out[i] = now
    return out


def episodes(course: Course) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the NREM episode of each epoch, (epoch,), -1 outside of them, and its ln SWA as if all were of one depth.

    An episode ends with REM sleep. Epochs of N3 have more slow waves than those of N2 beside them; by how much is
    told from within the episodes and taken off.
    """
    usable = np.isin(course.stages, (N2, N3)) & np.isfinite(course.swa) & (np.nan_to_num(course.swa) > 0)
    number = np.cumsum(np.diff((course.stages == REM).astype(int), prepend=0) == 1)
    number = np.where(usable, number, -1)
    kept = [n for n in np.unique(number[usable]) if (number == n).sum() >= LEAST_EPOCHS]
    label = np.full(len(number), -1, dtype=np.int64)
    for i, n in enumerate(kept):
        label[number == n] = i
    log = np.log(np.where(usable, course.swa, 1.0))
    deep = (course.stages == N3).astype(float)
    gaps = [
        (deep[at] - deep[at].mean(), log[at] - log[at].mean()) for at in (label == i for i in range(len(kept)))
    ]  # fmt: skip
    spread = sum(float(x @ x) for x, _ in gaps)
    step = sum(float(x @ y) for x, y in gaps) / spread if spread > 0 else 0.0
    return label, log - step * deep


def fit_process(courses: Sequence[Course]) -> Rhythm:
    """Return what a person's nights with EEG say of their time constants; the prior where they say nothing."""
    processes, prior = grid()
    seen, expected, count = [], [], 0
    for course in courses:
        label, log = episodes(course)
        n = int(label.max(initial=-1)) + 1
        if n < 2:
            continue
        track = pressure(course.stages, processes)
        y = np.array([log[label == i].mean() for i in range(n)])
        s = np.array([track[label == i].mean(axis=0) for i in range(n)])
        seen.append(y - y.mean())
        expected.append(s - s.mean(axis=0))
        count += n
    if not seen:
        return Rhythm(processes, prior, 0)
    y, x = np.concatenate(seen), np.concatenate(expected)
    freedom = len(y) - len(seen)
    noise = np.linspace(-2.5, 2.5, 21)
    variance = np.square(NOISE * np.exp(NOISE_SD * noise))
    # The slope and the levels are normal, and integrated out: (process, noise).
    square, rest = np.square(x).sum(axis=0)[:, None], y[:, None] - SLOPE * x
    cross, total = (rest * x).sum(axis=0)[:, None], np.square(rest).sum(axis=0)[:, None]
    inside = variance + SLOPE_SD**2 * square
    fit = (total - SLOPE_SD**2 * np.square(cross) / inside) / variance
    log_weight = -0.5 * (freedom * np.log(variance) + np.log(inside / variance) + fit + np.square(noise))
    top = log_weight.max()
    weight = prior * np.exp(log_weight - top).sum(axis=1)
    return Rhythm(processes, np.asarray(weight / weight.sum()), count)
