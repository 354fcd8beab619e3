"""`fit-population`: the prepared nights of a study in, one population prior of the hypnogram twin out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import braintwin
from braintwin.contracts.population import POPULATION
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import DatasetError
from braintwin.inference.population_fit import fit_population
from braintwin.inference.training import TrainingNight
from braintwin.io.arrays import write_dataset
from braintwin.io.records import read_json, read_nights, read_people
from braintwin.io.training import TrainingSet, read_training
from braintwin.io.workers import mapper
from braintwin.options.fit_population import FitPopulationOptions
from braintwin.paths import StudyPaths
from braintwin.provenance import derive_seed, options_digest, stamp

STEP = "fit-population"


def run(
    *,
    nights: Path,
    people: Path,
    records: list[Path],
    population: Path,
    seed: int,
    options: FitPopulationOptions,
) -> None:
    """Learn a population from a study.

    The prepared nights are found beside the tables that name them: a large cohort's would not fit on a command line.

    Parameters
    ----------
    nights, people : path
        The study's index.
    records : list of path
        What `retrieve` knows of each dataset: licence and citation go with the population.
    population : path
        `population.nc`, to be written.
    seed : int
        Seed of the study.
    options : FitPopulationOptions

    Raises
    ------
    DatasetError
        If the study holds too few people to learn from.
    """
    study, rows = StudyPaths(nights.parent.parent), read_nights(nights)
    prepared = [study.night(row.night, "prepare") for row in rows]
    training = read_training(
        rows, read_people(people), prepared, options.conditions, min_night_min=options.min_night_min
    )
    members = {night.person for night in training.nights}
    if len(members) < options.min_people:
        reasons = "; ".join(f"{why} ({n})" for why, n in Counter(training.left_out.values()).most_common(2))
        message = (
            f"{STEP}: {len(training.nights)} nights of {len(members)} people can be learned from, expected "
            f"{options.min_people} people or more (fit_population.min_people)"
            + (f"; left out: {reasons}" if reasons else "")
        )
        raise DatasetError(message)
    described = [read_json(path, DatasetRecord) for path in sorted(records, key=lambda p: p.name)]
    with mapper(options.dask, [__name__]) as each:
        learned = fit_population(training.nights, seed=derive_seed(seed, STEP, options.name), each=each)
    learned = replace(learned, attrs={**learned.attrs, **provenance(training, described, options.name)})
    made_by = stamp(
        version=braintwin.__version__,
        step=STEP,
        module=__name__,
        options=options.model_dump(exclude={"dask"}),
        inputs=[],
        seed=seed,
    )
    made_by["inputs"] = json.dumps({"stages": stages_digest(training.nights)})
    write_dataset(population, learned.to_dataset(), POPULATION, made_by)


def provenance(training: TrainingSet, records: Sequence[DatasetRecord], name: str) -> dict[str, str]:
    """Return where a population comes from: datasets, their licences, and how much of each was learned from.

    The people themselves stand in the population only as hashed identifiers.
    """
    used = Counter(night.dataset for night in training.nights)
    known = {record.name: record for record in records if used[record.name]}
    people = {(night.dataset, night.person) for night in training.nights}
    datasets = {
        key: {
            "title": record.title,
            "licence": record.licence,
            "citation": record.citation,
            "version": record.version,
            "checksum": record.checksum or record.fingerprint,
            "nights": used[key],
            "people": sum(dataset == key for dataset, _ in people),
        }
        for key, record in known.items()
    }
    return {
        "name": name,
        "source": "learned from "
        + "; ".join(f"{d['title'] or key} ({d['citation']})" if d["citation"] else str(d["title"] or key)
                    for key, d in datasets.items()),
        "licence": "; ".join(f"{key}: {d['licence'] or 'not stated'}" for key, d in datasets.items()),
        "nights": str(len(training.nights)),
        "people": str(len(people)),
        "nights_left_out": str(len(training.left_out)),
        "datasets": json.dumps(datasets, sort_keys=True, ensure_ascii=False),
    }  # fmt: skip


def stages_digest(nights: Sequence[TrainingNight]) -> str:
    """Return 12 hex digits over all that is learned from: every night's stages and covariates."""
    rows: Mapping[str, object] = {
        night.night: [
            night.person, night.stages.tolist(), night.lights_off_known, night.age, night.sex, night.ahi,
            night.night_index, night.fold,
        ]
        for night in nights
    }  # fmt: skip
    return options_digest(rows)
