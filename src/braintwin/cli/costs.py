"""What a job costs: minutes and memory asked of a cluster, and the batch size that measured seconds suggest."""

import math
from dataclasses import dataclass

SAFETY = 5.0
"""A node may be slower than the machine of the measurement, and share its disk."""

LEAST_MINUTES = 15
"""Below this a scheduler's own grain decides, and a slow disk at the start is enough to be killed."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one job, and the memory that its first attempt asks for."""

    start_s: float
    each_s: float
    memory_mb: int


# rounded up, for 8 h of six channels; start_s is imports and compilation, each_s one night or person
COSTS = {
    "retrieve": Cost(10, 60, 2000),
    "index": Cost(5, 0.2, 2000),
    "prepare": Cost(6, 20, 3000),
    "hypnograms": Cost(5, 0.05, 2000),
    "features": Cost(6, 15, 3000),
    "connect": Cost(6, 20, 3000),
    "fit_spectral": Cost(35, 20, 4000),
    "fit_nights": Cost(25, 8, 4000),
    "fit_population": Cost(600, 0, 4000),
    "fit_treatment": Cost(600, 0, 4000),
    "check": Cost(5, 1, 2000),
    "simulate": Cost(8, 4, 2000),
    "rank": Cost(5, 2, 2000),
    "pages": Cost(8, 6, 2000),
    "cohort": Cost(8, 0.2, 4000),
}


def minutes(step: str, number: int, attempt: int = 1) -> int:
    """Return the minutes to ask for: those measured for `number` nights or people, with a margin, per attempt."""
    cost = COSTS[step]
    asked = SAFETY * (cost.start_s + cost.each_s * number) / 60
    return attempt * max(LEAST_MINUTES, math.ceil(asked))


def people_per_job(step: str, target_minutes: float, start_s: float | None = None, each_s: float | None = None) -> int:
    """Return the batch size whose job of `step` takes about `target_minutes`."""
    cost = COSTS[step]
    start = cost.start_s if start_s is None else start_s
    each = cost.each_s if each_s is None else each_s
    return max(1, round((60 * target_minutes - start) / max(each, 0.1)))
