"""How a night goes: stages and changes of stage in ten equal parts of it, and how long bouts last.

The statistics by which Markov models of the hypnogram are published to be checked (Bizzotto et al. 2010,
doi:10.1007/s10928-009-9146-6), as counts, which add up over nights and people.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import EPOCH_S, STAGES

Ints = npt.NDArray[np.int64]

N_INTERVALS = 10
"""Equal parts of a night."""
BOUT_EDGES_MIN = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0)
"""Upper edges (included) of the bins of bout duration, min; the last bin is open."""
N_CHANGES = len(STAGES) * (len(STAGES) - 1)


@dataclass(frozen=True)
class Profile:
    """Counts of nights, or of sums of nights.

    Attributes
    ----------
    stage_count : (..., interval, stage) int
        Scored epochs.
    change_count : (..., interval, change) int
        Changes of stage, in the order of `models.hypnogram.TRANSITIONS`, by the interval of the epoch that is left.
    bout_count : (..., stage, bout) int
        Uninterrupted runs of a stage by their duration; wake before sleep onset is latency and no bout.
    """

    stage_count: Ints
    change_count: Ints
    bout_count: Ints

    @property
    def parts(self) -> tuple[Ints, Ints, Ints]:
        """Return the three counts, in the order of the fields."""
        return self.stage_count, self.change_count, self.bout_count

    def plus(self, other: "Profile") -> "Profile":
        """Return the sums of two counts."""
        return Profile(*(one + two for one, two in zip(self.parts, other.parts, strict=True)))

    def summed(self) -> "Profile":
        """Return the sum over the first dim."""
        return Profile(*(part.sum(axis=0) for part in self.parts))

    def added(self, groups: int) -> "Profile":
        """Return the sums of neighbouring nights, (group, ...)."""
        return Profile(*(part.reshape(groups, -1, *part.shape[1:]).sum(axis=1) for part in self.parts))


def profiles(stages: npt.NDArray[np.integer], lights_off_known: npt.ArrayLike = True) -> Profile:
    """Return the counts of nights.

    A night is divided from its first epoch to its last scored one; where lights off is unknown, from sleep onset to
    the end of sleep. Both hold for recorded and for simulated nights, so that they can be compared.

    Parameters
    ----------
    stages : (night, epoch) int
        Stage codes; -1 is missing or out of bed.
    lights_off_known : (night,) bool
        Whether the first epoch is the first after lights off.
    """
    stages = np.asarray(stages).astype(np.int64)
    nights, width = stages.shape
    known = np.broadcast_to(np.asarray(lights_off_known, dtype=bool), (nights,))
    place = np.arange(width)
    asleep = stages > 0
    onset = np.where(asleep.any(axis=1), asleep.argmax(axis=1), width)
    counts = np.where(known[:, None], stages >= 0, asleep)
    end = np.where(counts.any(axis=1), width - counts[:, ::-1].argmax(axis=1), 0)
    begin = np.where(known, 0, np.minimum(onset, end))
    inside = (place >= begin[:, None]) & (place < end[:, None])
    used = np.where(inside, stages, -1)
    length = np.maximum(end - begin, 1)
    interval = np.clip((place - begin[:, None]) * N_INTERVALS // length[:, None], 0, N_INTERVALS - 1)
    night = np.broadcast_to(np.arange(nights)[:, None], stages.shape)

    def tally(at: tuple[Ints, ...], shape: tuple[int, ...]) -> Ints:
        flat = np.ravel_multi_index(at, shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)

    scored = used >= 0
    stage_count = tally((night[scored], interval[scored], used[scored]), (nights, N_INTERVALS, len(STAGES)))
    left, to = used[:, :-1], used[:, 1:]
    change = (left >= 0) & (to >= 0) & (left != to)
    way = left[change] * (len(STAGES) - 1) + to[change] - (to[change] > left[change])
    change_count = tally((night[:, :-1][change], interval[:, :-1][change], way), (nights, N_INTERVALS, N_CHANGES))

    # A bout begins where the stage differs from the one before it, and ends where the next differs.
    padded = np.pad(used, ((0, 0), (1, 1)), constant_values=-2)
    starts = np.nonzero((padded[:, 1:] != padded[:, :-1])[:, :width])
    stops = np.nonzero((padded[:, :-1] != padded[:, 1:])[:, 1:])
    stage, minutes = used[starts], (stops[1] - starts[1] + 1) * EPOCH_S / 60
    bout = (stage > 0) | ((stage == 0) & (starts[1] > onset[starts[0]]))
    duration = np.searchsorted(BOUT_EDGES_MIN, minutes[bout], side="left")
    bout_count = tally((starts[0][bout], stage[bout], duration), (nights, len(STAGES), len(BOUT_EDGES_MIN) + 1))
    return Profile(stage_count, change_count, bout_count)
