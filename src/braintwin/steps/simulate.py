"""``braintwin step simulate``: each person's next nights under every treatment."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

import braintwin
from braintwin.contracts.check import PersonCheck
from braintwin.contracts.night import GROUPS, NIGHT_OBSERVED, NIGHT_POSTERIOR
from braintwin.contracts.simulate import OUTCOMES, SIMULATED
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import PersonRow
from braintwin.errors import FitFailed
from braintwin.inference.person_test import safe_twin
from braintwin.io.arrays import write_dataset
from braintwin.io.library import read_library
from braintwin.io.population import read_population
from braintwin.io.posterior import read_groups
from braintwin.io.quick import write_quickly
from braintwin.io.records import guarded, read_json, require_ok
from braintwin.models.population import Draws, Population
from braintwin.options.simulate import SimulateOptions
from braintwin.paths import owner
from braintwin.provenance import derive_seed, stamp
from braintwin.steps.fit_nights import who_is
from braintwin.treatment.counterfactual import CLOCK_BIN_MIN, Nights, person_draws, simulate_treatments
from braintwin.treatment.eligibility import Eligibility, judge
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.library import NO_CHANGE, Library
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators, placebo_shift

SHORTEST_NIGHT_MIN, LONGEST_NIGHT_MIN = 240.0, 720.0
ORDINARY_NIGHT_MIN = 480.0

HORIZON = "one night at the horizon of each treatment's trials"


def run(
    *,
    people: list[PersonRow],
    night: list[Path],
    check: list[Path],
    treatments: Path,
    population: Path,
    simulate: list[Path],
    seed: int,
    options: SimulateOptions,
) -> None:
    """Simulate every person of a batch.

    A person whose fit failed its check gets an empty artefact and the reason: nothing is simulated from it.
    """
    library = read_library(treatments)
    chosen = library.choose(options.treatments)
    prior = read_population(population)
    rows = {row.person: row for row in people}
    nights, checks = ({owner(path): path for path in paths} for paths in (night, check))
    for target in simulate:
        person = owner(target)
        provenance = stamp(
            version=braintwin.__version__, step="simulate", module=__name__, options=options.model_dump(),
            inputs=[nights[person], checks[person], treatments, population], seed=derive_seed(seed, "simulate", person),
        )  # fmt: skip

        def write_empty(target: Path = target, person: str = person, provenance: dict[str, str] = provenance) -> None:
            write_dataset(target, SIMULATED.empty(attrs={"person": person}), SIMULATED, provenance)

        with guarded(target, "simulate", write_empty):
            require_ok(nights[person])
            verdict = read_json(checks[person], PersonCheck)
            if verdict.verdict == "fail":
                message = f"no treatment is simulated, because the check failed: {' '.join(verdict.reasons)}"
                raise FitFailed(message)
            result = simulate_person(rows[person], nights[person], chosen, library, prior, seed, options)
            write_quickly(target, result, SIMULATED, provenance)


def time_in_bed(recorded: np.ndarray, asked: float | None) -> tuple[float, str]:
    """Return the time in bed of the simulated nights, min, and where it is from: option, record or assumed.

    A record is no night where its median is shorter than SHORTEST_NIGHT_MIN (a segment) or longer than
    LONGEST_NIGHT_MIN (a day); an ordinary night stands in for it.
    """
    if asked is not None:
        return asked, "option"
    recorded = recorded[np.isfinite(recorded)]
    median = float(np.median(recorded)) if recorded.size else 0.0
    if SHORTEST_NIGHT_MIN <= median <= LONGEST_NIGHT_MIN:
        return median, "record"
    return ORDINARY_NIGHT_MIN, "assumed"


def simulate_person(
    row: PersonRow,
    night: Path,
    treatments: Mapping[str, Treatment],
    library: Library,
    population: Population,
    seed: int,
    options: SimulateOptions,
) -> xr.Dataset:
    """Return the simulated nights of one person, under the contract SIMULATED."""
    groups = read_groups(night, {"posterior": NIGHT_POSTERIOR, "observed_data": NIGHT_OBSERVED})
    posterior = groups["posterior"]
    in_bed, in_bed_source = time_in_bed(groups["observed_data"]["time_in_bed"].to_numpy(), options.time_in_bed_min)
    arousal_rate = float(posterior.attrs["arousal_rate"] or 0.0)
    population, who = population.for_person(row.person).in_rhythm_of(posterior.attrs), who_is(row)
    own = person_draws(posterior, options.draws)
    draws = own.person_effect.shape[0]

    def generator(purpose: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(seed, f"simulate/{purpose}", row.person))

    # What nights that the twin had not seen say for it decides how far it is trusted.
    weight = float(posterior.attrs.get("own_weight", 1.0))
    twin = safe_twin(own, population.draw(generator("safe"), draws, who), weight)
    uncertainty = Uncertainty(options.heterogeneity_sd, options.diary_bridge, options.comparator_offset)
    placebo = placebo_shift(library.meta, draws, generator("placebo"), uncertainty)
    operators = {
        key: draw_operators(
            treatment, library.meta, draws=draws, time_in_bed_min=in_bed, placebo=placebo,
            rng=generator(f"operators/{key}"), uncertainty=uncertainty, arousal_rate=arousal_rate,
        )
        for key, treatment in treatments.items()
    }  # fmt: skip

    def nights(who: Draws, noise: str, which: Mapping[str, Operators], examples: int = 0) -> dict[str, Nights]:
        return simulate_treatments(
            population, who, which, time_in_bed_min=in_bed, arousal_rate=arousal_rate,
            replicates=options.replicates, rng=generator(noise), examples=examples,
        )  # fmt: skip

    mine = nights(twin, "noise", operators, options.examples)
    others = nights(population.draw(generator("population"), draws, who), "noise", operators)
    again = nights(twin, "fresh noise", {NO_CHANGE: operators[NO_CHANGE]})
    verdicts = {k: judge(t, age_band=row.age_band, covariates=row.covariates) for k, t in treatments.items()}
    attrs = {
        "person": row.person,
        "condition": str(row.covariates.get("diagnosis", "")),
        "horizon": HORIZON,
        "replicates": options.replicates,
        "time_in_bed_min": in_bed,
        "time_in_bed_source": in_bed_source,
        "arousal_rate": arousal_rate,
        "onset_source": str(posterior.attrs["onset_source"]),
        "own_weight": weight,
        "rests_on": "hypnogram twin",
        "personal_verdict": str(posterior.attrs.get("personal_verdict", "unknown")),
    }
    drift = again[NO_CHANGE].outcome - mine[NO_CHANGE].outcome
    found = _assemble(treatments, operators, mine, others, verdicts, drift).assign_attrs(attrs)
    found["person_effect"] = (("draw", "group"), twin.person_effect)
    return found


def _assemble(
    treatments: Mapping[str, Treatment],
    operators: Mapping[str, Operators],
    own: Mapping[str, Nights],
    others: Mapping[str, Nights],
    verdicts: Mapping[str, Eligibility],
    drift: np.ndarray,
) -> xr.Dataset:
    keys = list(treatments)
    clocks = own[NO_CHANGE].stage_probability.shape[0]
    return xr.Dataset(
        {
            "outcome_value": (("treatment", "draw", "outcome"), np.stack([own[k].outcome for k in keys])),
            "population_outcome_value": (("treatment", "draw", "outcome"), np.stack([others[k].outcome for k in keys])),
            "operator_value": (("treatment", "draw", "group"), np.stack([operators[k].shift for k in keys])),
            "operator_between": (
                ("treatment", "draw", "group"),
                np.stack([np.zeros_like(o.shift) if o.between is None else o.between for o in operators.values()]),
            ),
            "stage_probability": (
                ("treatment", "clock", "stage"), np.stack([own[k].stage_probability for k in keys])
            ),
            "example_stage": (("treatment", "example", "epoch"), np.stack([own[k].example for k in keys])),
            "eligible": ("treatment", np.array([verdicts[k].eligible for k in keys])),
            "exploratory": ("treatment", np.array([treatments[k].exploratory for k in keys])),
            "ineligible_reason": ("treatment", np.array([verdicts[k].reason for k in keys], dtype=str)),
            "caution": ("treatment", np.array([verdicts[k].caution for k in keys], dtype=str)),
            "time_in_bed_change": (("treatment", "draw"), np.stack([operators[k].time_in_bed_min for k in keys])),
            "arousal_factor": (("treatment", "draw"), np.stack([operators[k].arousal_factor for k in keys])),
            "baseline_drift": (("draw", "outcome"), drift),
        },
        coords={
            "treatment": np.array(keys, dtype=str),
            "label": ("treatment", np.array([treatments[k].label for k in keys], dtype=str)),
            "outcome": list(OUTCOMES),
            "group": list(GROUPS),
            "stage": list(STAGES),
            "clock": (np.arange(clocks) + 0.5) * CLOCK_BIN_MIN,
        },
    )  # fmt: skip
