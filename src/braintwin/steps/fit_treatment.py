"""fit-treatment: the treated and untreated nights of a trial in, an entry of the treatment library out.

IN   index/nights.tsv, index/people.tsv, datasets/*.json, nights/*/prepare.nc, the population
OUT  cohort/treatments/<name>.yaml, cohort/treatments/<name>.json
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import braintwin
from braintwin.contracts.night import GROUPS
from braintwin.contracts.tables import DatasetRecord
from braintwin.contracts.treatment import Estimate, Learned, TreatmentFit
from braintwin.errors import DatasetError
from braintwin.inference.trial import Member, Prior, members
from braintwin.inference.trial_fit import FAMILIES, OperatorFit, fit_operators
from braintwin.inference.trial_forecast import can_be_foretold
from braintwin.inference.trial_scores import foretell_all, summary
from braintwin.io.arrays import write_text
from braintwin.io.population import read_population
from braintwin.io.records import read_json, read_nights, read_people, write_json
from braintwin.io.training import TrainingSet, read_training
from braintwin.models.population import Population
from braintwin.options.fit_treatment import FitTreatmentOptions
from braintwin.paths import StudyPaths
from braintwin.provenance import derive_seed, stamp
from braintwin.treatment.posterior import OperatorPosterior

STEP = "fit-treatment"
Z90 = 1.6448536269514722


def run(
    *,
    nights: Path,
    people: Path,
    records: list[Path],
    population: Path,
    entry: Path,
    fit: Path,
    seed: int,
    options: FitTreatmentOptions,
) -> None:
    """Learn a treatment from a trial.

    The prepared nights are found beside the tables that name them.

    Parameters
    ----------
    nights, people : path
        The study's index.
    records : list of path
        What `retrieve` knows of each dataset; its title and citation are the entry's source.
    population : path
        The population prior of the hypnogram twin.
    entry, fit : path
        The library entry and the record of the fit, to be written.
    seed : int
        Seed of the study.
    options : FitTreatmentOptions

    Raises
    ------
    DatasetError
        If too few people have treated, or control nights.
    """
    training = read_trial(nights, people, options)
    prior = read_population(population)
    trial = members(training.nights, options.treated, prior)
    check_size(trial, training, options)
    assumed = Prior(options.operator_sd, options.spread_sd, options.spread_people)
    found = fit_operators(trial, assumed)
    forecast = {}
    if options.leave_one_out and sum(map(can_be_foretold, trial)) > 2:
        forecast = foretold(trial, prior, assumed, options, seed)
    made_by = stamp(
        version=braintwin.__version__, step=STEP, module=__name__, options=options.model_dump(), inputs=[population],
        seed=seed,
    )  # fmt: skip
    described = [read_json(path, DatasetRecord) for path in sorted(records, key=lambda p: p.name)]
    used = {night.dataset for night in training.nights}
    block = library_entry(found, trial, [d for d in described if d.name in used], prior, options)
    text = yaml.safe_dump({options.name: block}, sort_keys=False, allow_unicode=True, width=110)
    head = f"# learned by braintwin {braintwin.__version__} fit-treatment, code {made_by['code']}, seed {seed}\n"
    write_text(entry, "".join(f"  {line}\n" if line else "\n" for line in (head + text).splitlines()))
    write_json(fit, record(found, trial, training, forecast, options).model_copy(update={"stamp": made_by}))


def read_trial(nights: Path, people: Path, options: FitTreatmentOptions) -> TrainingSet:
    """Return the nights under one of the trial's conditions.

    Raises
    ------
    DatasetError
        If the study has no night under a condition that the options name.
    """
    study, rows = StudyPaths(nights.parent.parent), read_nights(nights)
    wanted = [*options.treated, *options.control]
    there = Counter(row.condition for row in rows)
    for key, names in (("treated", options.treated), ("control", options.control)):
        if not any(there[name] for name in names):
            found = ", ".join(f"{name or 'none'!r} ({n})" for name, n in sorted(there.items())) or "no night"
            message = (
                f"{STEP}: no night under {', '.join(map(repr, names))} (fit_treatment.{key}); "
                f"conditions found: {found}; name them there, or under conditions of the dataset"
            )
            raise DatasetError(message)
    prepared = [study.night(row.night, "prepare") for row in rows if row.condition in wanted]
    return read_training(rows, read_people(people), prepared, wanted, min_night_min=options.min_night_min)


def check_size(trial: Sequence[Member], training: TrainingSet, options: FitTreatmentOptions) -> None:
    """Refuse a trial of too few people."""
    treated = sum(bool(member.treated.any()) for member in trial)
    control = sum(not member.treated.all() for member in trial)
    if min(treated, control) < options.min_people:
        reasons = "; ".join(f"{why} ({n})" for why, n in Counter(training.left_out.values()).most_common(2))
        message = (
            f"{STEP}: {treated} people have treated nights and {control} control nights, expected "
            f"{options.min_people} or more of each (fit_treatment.min_people)"
            + (f"; left out: {reasons}" if reasons else "")
        )
        raise DatasetError(message)


def foretold(
    trial: Sequence[Member], population: Population, prior: Prior, options: FitTreatmentOptions, seed: int
) -> dict[str, Any]:
    """Return how well every treated night is foretold from the other people."""
    rng = np.random.default_rng(derive_seed(seed, STEP, options.name))
    nights = foretell_all(trial, population, prior, rng=rng, draws=options.draws)
    return summary(nights, np.random.default_rng(derive_seed(seed, f"{STEP}/bootstrap", options.name)))


def design(trial: Sequence[Member]) -> str:
    """Return crossover, parallel or mixed."""
    both = sum(map(can_be_foretold, trial))
    return "crossover" if both == len(trial) else "mixed" if both else "parallel"


def library_entry(
    found: OperatorFit,
    trial: Sequence[Member],
    datasets: Sequence[DatasetRecord],
    population: Population,
    options: FitTreatmentOptions,
) -> dict[str, Any]:
    """Return the block of the treatment library; every number in it is marked as fitted, or as your judgement."""
    control = "placebo" if options.reference == "placebo" else "no treatment"
    what = (
        f"{found.people} people ({design(trial)}): {found.treated_nights} nights under "
        f"{' or '.join(options.treated)}, {found.control_nights} control nights"
    )
    told = "; ".join(f"{d.title or d.name}{f' ({d.citation})' if d.citation else ''}" for d in datasets)
    operators = OperatorPosterior.of(
        dict(zip(GROUPS, found.operator, strict=True)),
        found.operator_cov,
        origin="learned",
        source=f"{what}; hypnogram twin",
        population=population.attrs.get("name", ""),
        between_sd={name: round(float(sd), 5) for name, sd in zip(GROUPS, found.spread, strict=True)},
    )
    blind = [name for name, told_by in zip(GROUPS, found.contraction, strict=True) if told_by < 0.05]
    return {
        "label": options.label,
        "cls": options.kind,
        "eligible": list(options.eligible),
        "comparator": control,
        "reference": options.reference,
        "scale": "PSG hypnograms of the trial",
        "instrument": "psg",
        "horizon_weeks": 0,
        "exploratory": options.exploratory,
        "effects": {},
        "burden": {"value": options.burden, "prov": "assumed", "note": "fit_treatment.burden of the config"},
        "harms": {},
        "contraindications": list(options.contraindications),
        "sources": [
            {"citation": options.citation or told or what, "provenance": "fitted", "confidence": "moderate",
             "where_read": f"fitted: {what}"}
        ],
        "operators": operators.model_dump(),
        "notes": [
            "operators: shifts of log hazards fitted by `braintwin fit-treatment`; not seen in any publication",
            *([f"the trial says nothing of {', '.join(blind)}: there the posterior is the prior"] if blind else []),
        ],
    }  # fmt: skip


def record(
    found: OperatorFit,
    trial: Sequence[Member],
    training: TrainingSet,
    forecast: dict[str, Any],
    options: FitTreatmentOptions,
) -> TreatmentFit:
    """Return the record of the fit."""
    sd = np.sqrt(np.diag(found.operator_cov))
    operators = {
        name: Learned(
            mean=float(found.operator[i]),
            low=float(found.operator[i] - Z90 * sd[i]),
            high=float(found.operator[i] + Z90 * sd[i]),
            between_sd=float(found.spread[i]),
            contraction=float(found.contraction[i]),
        )
        for i, name in enumerate(GROUPS)
    }
    families = {}
    for name in FAMILIES:
        mean, error = found.family(name)
        families[name] = Estimate(mean=mean, low=mean - Z90 * error, high=mean + Z90 * error)
    return TreatmentFit(
        name=options.name,
        people=found.people,
        treated_people=sum(bool(member.treated.any()) for member in trial),
        treated_nights=found.treated_nights,
        control_nights=found.control_nights,
        left_out=len(training.left_out),
        design=design(trial),
        operators=operators,
        families=families,
        forecast=json.loads(json.dumps(forecast)),
    )
