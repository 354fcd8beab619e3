"""Does a finished study of the synthetic cohort cover the truth that made it?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.stats import binomtest

from braintwin.io.posterior import read_groups
from braintwin.synthetic.truth import read_truth


@dataclass(frozen=True)
class Interval:
    """One 90 % interval and the truth it should hold."""

    person: str
    name: str
    truth: float
    low: float
    high: float
    standardised: float

    @property
    def covered(self) -> bool:
        return self.low <= self.truth <= self.high


def _interval(person: str, name: str, truth: float, draws: xr.DataArray) -> Interval:
    low, high = np.quantile(draws.values, [0.05, 0.95])
    off = (float(draws.mean()) - truth) / float(draws.std())
    return Interval(person, name, truth, float(low), float(high), off)


def loop_gains(results: Path, dataset: Path) -> list[Interval]:
    """Return the intervals of X, Y and Z of every person and fitted stage."""
    found = []
    for person in read_truth(dataset).people:
        name = f"synthetic-{person.label}"
        posterior = read_groups(results / "people" / name / "spectral.nc")["posterior"]
        for stage in posterior["stage"].values.tolist():
            truth = person.spectral.stages[stage]
            found += [
                _interval(name, f"{gain}[{stage}]", getattr(truth, gain), posterior[gain].sel(stage=stage))
                for gain in ("X", "Y", "Z")
            ]
    return found


def hazard_groups(results: Path, dataset: Path) -> list[Interval]:
    """Return the intervals of each night's shift of each hazard group: person and night together."""
    found = []
    for person in read_truth(dataset).people:
        name = f"synthetic-{person.label}"
        posterior = read_groups(results / "people" / name / "night.nc")["posterior"]
        for index, night in enumerate(person.nights):
            drawn = posterior["person_effect"] + posterior["night_effect"].isel(night=index)
            found += [
                _interval(
                    name,
                    f"{group}@{index + 1}",
                    person.person_effect[group] + night.night_effect[group],
                    drawn.sel(group=group),
                )
                for group in posterior["group"].values.tolist()
            ]
    return found


def compatible_with_90_percent(intervals: list[Interval], level: float = 0.01, alternative: str = "two-sided") -> bool:
    """Tell whether the rate of coverage is compatible with 90 % by the exact binomial test."""
    covered = sum(interval.covered for interval in intervals)
    return binomtest(covered, len(intervals), 0.9, alternative=alternative).pvalue > level


def spread_of_errors(intervals: list[Interval]) -> float:
    """Return the root mean square of the standardised errors: 1 where posteriors are as wide as they should be."""
    return float(np.sqrt(np.mean([interval.standardised**2 for interval in intervals])))
