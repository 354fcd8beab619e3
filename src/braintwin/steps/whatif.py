"""whatif: one person's nights under a scenario, from what a study has already fitted; nothing of the study changes.

IN   people/<person>/night.nc, people/<person>/check.json, the treatment library, the population
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.night import NIGHT_OBSERVED, NIGHT_POSTERIOR
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError
from braintwin.inference.person_test import safe_twin
from braintwin.io.population import read_population
from braintwin.io.posterior import read_groups
from braintwin.io.records import read_json, read_status
from braintwin.provenance import derive_seed
from braintwin.steps.bounds import refuse_outside
from braintwin.steps.fit_nights import who_is
from braintwin.steps.simulate import time_in_bed
from braintwin.treatment.counterfactual import person_draws
from braintwin.treatment.eligibility import judge
from braintwin.treatment.library import NO_CHANGE, PLACEBO, Library, no_change
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators, placebo_shift
from braintwin.treatment.scenario import LONGEST_MIN, SHORTEST_MIN, Change, Scenario, changes, compare, dosed, together

STEP = "whatif"
MOST_DOSE = 3.0


@dataclass(frozen=True)
class Answer:
    """What a scenario does to one person's nights, and what speaks against it.

    Attributes
    ----------
    person : str
    treatments : tuple of str
        Their keys in the library.
    labels : tuple of str
    change : dict of str to Change
        By outcome.
    warnings : tuple of str
        Why the person should not have it, cautions, what is assumed or not known.
    contraindications : dict of str to list of str
        All that the library lists, by treatment; whether they hold of this person is mostly not in the data.
    time_in_bed_min : float
        The usual one.
    time_in_bed_source : str
        record, assumed or option.
    """

    person: str
    treatments: tuple[str, ...]
    labels: tuple[str, ...]
    change: dict[str, Change]
    warnings: tuple[str, ...]
    contraindications: dict[str, list[str]]
    time_in_bed_min: float
    time_in_bed_source: str


def check_scenario(scenario: Scenario, draws: int) -> None:
    """Refuse a scenario that nothing can be said of.

    Raises
    ------
    BrainTwinError
        Naming what was asked and what is possible.
    """
    asked = scenario.minutes_in_bed
    refuse_outside(
        STEP,
        (
            (
                0 <= scenario.dose_factor <= MOST_DOSE,
                f"--dose-factor {scenario.dose_factor:g}",
                f"0 to {MOST_DOSE:g}",
            ),
            (0 <= scenario.adherence <= 1, f"--adherence {scenario.adherence:g}", "0 to 1"),
            (
                asked is None or SHORTEST_MIN <= asked <= LONGEST_MIN,
                f"--minutes-in-bed {asked}",
                f"{SHORTEST_MIN:g} to {LONGEST_MIN:g}",
            ),
            (1 <= scenario.nights <= 60, f"--nights {scenario.nights}", "1 to 60"),
            (50 <= draws <= 4000, f"--draws {draws}", "50 to 4000"),
        ),
    )


def scenario_operators(
    keys: Sequence[str],
    library: Library,
    scenario: Scenario,
    *,
    draws: int,
    time_in_bed_min: float,
    seed: int,
    owner: str,
    heterogeneity_sd: float,
    arousal_rate: float,
) -> Operators:
    """Return draws of what the treatments of a scenario do on a night on which they are taken."""

    def generator(purpose: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(seed, f"{STEP}/{purpose}", owner))

    alone = Uncertainty(heterogeneity_sd, comparator_offset=False)
    with_placebo = Uncertainty(heterogeneity_sd, comparator_offset=True)
    placebo = placebo_shift(library.meta, draws, generator("placebo"), with_placebo)
    parts = []
    for key in keys:
        entry = no_change() if key == NO_CHANGE else library.treatments[key]
        drawn = draw_operators(
            entry, library.meta, draws=draws, time_in_bed_min=time_in_bed_min, placebo=placebo,
            rng=generator(f"operators/{key}"), uncertainty=alone, arousal_rate=arousal_rate,
        )  # fmt: skip
        parts.append(dosed(drawn, scenario.dose_factor))
    if any(library.treatments[key].reference == PLACEBO for key in keys if key != NO_CHANGE):
        parts.append(
            draw_operators(
                library.treatments[PLACEBO], library.meta, draws=draws, time_in_bed_min=time_in_bed_min,
                placebo=placebo, rng=generator("operators/placebo"), uncertainty=with_placebo,
            )
        )  # fmt: skip
    return together(parts)


def run(
    *,
    person: PersonRow,
    keys: Sequence[str],
    scenario: Scenario,
    night: Path,
    check: Path,
    library: Library,
    population: Path,
    draws: int,
    seed: int,
    heterogeneity_sd: float = 0.15,
    usual_min: float | None = None,
) -> Answer:
    """Simulate the usual nights of a person and those of a scenario.

    Raises
    ------
    BrainTwinError
        If the scenario is out of bounds, or there is no twin that may be simulated from.
    """
    check_scenario(scenario, draws)
    status = read_status(night)
    if status.state != "ok":
        message = f"{STEP}: the twin of {person.person} is {status.state}: {status.reason}"
        raise BrainTwinError(message)
    verdict = read_json(check, PersonCheck)
    if verdict.verdict == "fail":
        message = f"{STEP}: the twin of {person.person} failed its check: {' '.join(verdict.reasons)}"
        raise BrainTwinError(message)
    groups = read_groups(night, {"posterior": NIGHT_POSTERIOR, "observed_data": NIGHT_OBSERVED})
    posterior = groups["posterior"]
    in_bed, source = time_in_bed(groups["observed_data"]["time_in_bed"].to_numpy(), usual_min)
    who = who_is(person)
    prior = read_population(population).for_person(person.person).in_rhythm_of(posterior.attrs)

    def generator(purpose: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(seed, f"{STEP}/{purpose}", person.person))

    own = person_draws(posterior, draws)
    count = len(own.person_effect)
    twin = safe_twin(own, prior.draw(generator("safe"), count, who), float(posterior.attrs.get("own_weight", 1.0)))
    rate = float(posterior.attrs["arousal_rate"] or 0.0)
    operators = scenario_operators(
        keys, library, scenario, draws=count, time_in_bed_min=in_bed, seed=seed, owner=person.person,
        heterogeneity_sd=heterogeneity_sd, arousal_rate=rate,
    )  # fmt: skip
    found = compare(prior, twin, operators, scenario, usual_min=in_bed, arousal_rate=rate, rng=generator("noise"))
    entries = {key: no_change() if key == NO_CHANGE else library.treatments[key] for key in keys}
    return Answer(
        person=person.person,
        treatments=tuple(keys),
        labels=tuple(entry.label for entry in entries.values()),
        change=dict(zip(OUTCOMES, changes(found), strict=True)),
        warnings=tuple(_warnings(person, library, keys, scenario, posterior.attrs, source)),
        contraindications={key: list(entry.contraindications) for key, entry in entries.items()},
        time_in_bed_min=in_bed,
        time_in_bed_source=source,
    )


def _warnings(
    person: PersonRow, library: Library, keys: Sequence[str], scenario: Scenario, attrs: Mapping[Any, Any], source: str
) -> list[str]:
    said = []
    for key in (key for key in keys if key != NO_CHANGE):
        entry = library.treatments[key]
        judged = judge(entry, age_band=person.age_band, covariates=person.covariates)
        if judged.reason:
            said.append(f"{key}: not for this person: {judged.reason}")
        if judged.caution:
            said.append(f"{key}: {judged.caution}")
        if entry.exploratory:
            said.append(f"{key}: exploratory, never ranked first")
    if scenario.dose_factor != 1:
        said.append("the effect is taken as proportional to the dose, on the scale of log hazards: an assumption")
    if sum(key != NO_CHANGE for key in keys) > 1:
        said.append("two treatments together are taken to add up on that scale: no interaction, and none is known of")
    if str(attrs.get("onset_source")) == "prior":
        said.append("no night of this person has a lights-off mark: latency is the population's")
    if source == "assumed":
        said.append("the usual time in bed is assumed: no record of this person is a whole night")
    if str(attrs.get("personal_verdict", "")) == "population":
        said.append("left-out nights speak for the population, not for this twin: read it as the population's answer")
    return said
