"""virtual-trial: a cohort of the population under a treatment and its comparator; needs no study.

IN   the treatment library, the population
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from braintwin.contracts.simulate import OUTCOMES
from braintwin.errors import BrainTwinError, did_you_mean
from braintwin.io.population import read_population
from braintwin.provenance import derive_seed
from braintwin.steps.bounds import refuse_outside
from braintwin.treatment.evidence import Baseline, Treatment
from braintwin.treatment.library import NO_CHANGE, Library, no_change
from braintwin.treatment.operators import Uncertainty, placebo_shift
from braintwin.treatment.virtual_trial import Arm, Clinic, Design, Estimates, arm, clinic, virtual_trials

STEP = "virtual-trial"
Each = Callable[..., Iterable[Any]]
"""``map``, or one like it whose calls workers make (`braintwin.io.workers.mapper`)."""

Recruited = Literal["trial", "population"]


@dataclass(frozen=True)
class Finding:
    """What virtual trials find of one outcome.

    Attributes
    ----------
    mean : float
        Mean contrast, treatment less comparator.
    low, high : float
        95 % of the trials' estimates: chance of the trial, and what is not known of the effect.
    error : float
        Standard error that a trial would print, on average.
    typical : tuple of float
        Contrast and 95 % interval of the first of the trials.
    power : float
        Share of trials whose 95 % interval leaves zero out.
    """

    mean: float
    low: float
    high: float
    error: float
    typical: tuple[float, float, float]
    power: float


def entry_of(name: str, library: Library) -> Treatment:
    """Return an entry of the library, or no change.

    Raises
    ------
    BrainTwinError
        If it has no such entry.
    """
    if name == NO_CHANGE:
        return no_change()
    if name not in library.treatments:
        near = did_you_mean(name, [NO_CHANGE, *library.treatments])
        message = f"{STEP}: not in the treatment library: {name!r}{near}"
        raise BrainTwinError(message)
    return library.treatments[name]


def check_design(design: Design, trials: int) -> None:
    """Refuse a trial that cannot be analysed."""
    least = 4 if design.kind == "parallel" else 2
    refuse_outside(
        STEP,
        (
            (least <= design.people <= 5000, f"--people {design.people}", f"{least} to 5000 ({design.kind})"),
            (1 <= design.nights <= 60, f"--nights {design.nights}", "1 to 60"),
            (2 <= trials <= 20000, f"--trials {trials}", "2 to 20000"),
        ),
    )


@dataclass(frozen=True)
class Bench:
    """All that does not depend on the size of a trial: who is recruited and what the arms do.

    Attributes
    ----------
    place : Clinic
    arms : tuple of Arm
        Treatment and comparator.
    baseline : Baseline or None
        Whose trial's people they are; None for the population as it is.
    seed : int
    """

    place: Clinic
    arms: tuple[Arm, Arm]
    baseline: Baseline | None
    seed: int


def prepare(
    treatment: str,
    comparator: str,
    *,
    library: Library,
    population: Path,
    recruited: Recruited,
    trials: int,
    people: int,
    seed: int,
    heterogeneity_sd: float,
    known: bool = False,
) -> Bench:
    """Return the people and the arms of virtual trials of up to so many people.

    Parameters
    ----------
    recruited : trial or population
        People like those of the treatment's own trials, or the population as it is.
    known : bool
        Whether the average effect is taken as known exactly.

    Raises
    ------
    BrainTwinError
        If the library has no such treatment, or nobody can be recruited.
    """
    entries = [entry_of(name, library) for name in (treatment, comparator)]
    meta, prior = library.meta, read_population(population)
    baseline = (entries[0].trial_baseline or meta.reference_baseline) if recruited == "trial" else None
    if baseline is None:
        place = Clinic(prior, np.zeros(prior.person_cov.shape[0]), meta.reference_baseline.TIB)
    else:
        try:
            place = clinic(prior, baseline, seed=derive_seed(seed, STEP, "baseline"))
        except ValueError as cause:
            message = f"{STEP}: {cause}; recruit from the population with --recruited population"
            raise BrainTwinError(message) from None
    scale = 0.0 if known else 1.0
    uncertainty = Uncertainty(heterogeneity_sd, error_scale=scale)
    rng = np.random.default_rng(derive_seed(seed, STEP, "placebo"))
    placebo = placebo_shift(meta, trials, rng, uncertainty)
    first, second = (
        arm(
            entry, meta, trials=trials, people=people, time_in_bed_min=place.time_in_bed_min, placebo=placebo,
            seed=derive_seed(seed, STEP, name), heterogeneity_sd=heterogeneity_sd, error_scale=scale,
        )
        for name, entry in zip((treatment, comparator), entries, strict=True)
    )  # fmt: skip
    return Bench(place, (first, second), baseline, seed)


def run(bench: Bench, design: Design, trials: int, each: Each = map) -> Estimates:
    """Return what virtual trials of one design find."""
    check_design(design, trials)
    seed = derive_seed(bench.seed, STEP, f"{design.kind}/{design.people}/{design.nights}")
    return virtual_trials(bench.place, *bench.arms, design, trials=trials, seed=seed, each=each)


def findings(found: Estimates) -> dict[str, Finding]:
    """Return what the trials find, by outcome."""
    low, high = np.quantile(found.contrast, [0.025, 0.975], axis=0)
    each_low, each_high = found.intervals()
    power = found.power()
    return {
        name: Finding(
            mean=float(found.contrast[:, i].mean()),
            low=float(low[i]),
            high=float(high[i]),
            error=float(found.error[:, i].mean()),
            typical=(float(found.contrast[0, i]), float(each_low[0, i]), float(each_high[0, i])),
            power=float(power[i]),
        )
        for i, name in enumerate(OUTCOMES)
    }


def power_curve(
    bench: Bench, design: Design, sizes: Sequence[int], trials: int, outcome: str, each: Each = map
) -> dict[int, float]:
    """Return the power for an outcome by the number of people.

    Raises
    ------
    BrainTwinError
        If there is no such outcome, or a size cannot be analysed.
    """
    if outcome not in OUTCOMES:
        message = f"{STEP}: no outcome {outcome!r}{did_you_mean(outcome, OUTCOMES)}; known: {', '.join(OUTCOMES)}"
        raise BrainTwinError(message)
    place = OUTCOMES.index(outcome)
    return {size: float(run(bench, replace(design, people=size), trials, each).power()[place]) for size in sizes}
