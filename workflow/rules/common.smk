"""The config, the tables and the few functions that rules share; no science, nothing that is slow to import."""

import csv
import json
from functools import cache
from pathlib import Path

from braintwin.cli import costs
from braintwin.config import parse_config
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.io.matrices import matrix_files
from braintwin.io.population import packaged_population
from braintwin.io.retrieve.sources import scheme
from braintwin.paths import NIGHT_STEPS, PERSON_STEPS, StudyPaths
from braintwin.provenance import code_digest, file_digest

CONFIG = parse_config(config)
PATHS = StudyPaths(Path("results") / CONFIG.study)
LOGS = PATHS.root / "logs"
ENV = "../../envs/braintwin.yaml"


def table(path):
    """Return the rows of a TSV, or none where it is not there yet."""
    if not Path(path).is_file():
        return []
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def scored_only(people):
    """Return the nights of `people` that have a scoring and no EEG; most of their job would be imports."""
    return [row for row in nights_of(people) if not row.has_eeg]


def nights_of(people):
    """Return the nights of `people`, in the order of the table."""
    found = [entry for person in people for entry in NUMBERED.get(person.person, [])]
    return [row for _, row in sorted(found, key=lambda entry: entry[0])]


NIGHTS = {row["night"]: NightRow.model_validate(row) for row in table(PATHS.nights)}
NUMBERED = {}
for number, night in enumerate(NIGHTS.values()):
    NUMBERED.setdefault(night.person, []).append((number, night))
PEOPLE = [
    PersonRow.model_validate({**row, "covariates": json.loads(row["covariates"])})
    for row in table(PATHS.people)
    if row["person"] in NUMBERED
]
BATCHES = {batch: [] for batch in sorted({row.batch for row in PEOPLE})}
for row in PEOPLE:
    BATCHES[row.batch].append(row)

NIGHTS_PER_JOB = 50  # a shell command holds 128 KiB
SCORED = {
    f"{batch}_{first // NIGHTS_PER_JOB}": rows[first : first + NIGHTS_PER_JOB]
    for batch, people in BATCHES.items()
    for rows in [scored_only(people)]
    for first in range(0, len(rows), NIGHTS_PER_JOB)
}


def options(section):
    """Return one step's options as JSON; Snakemake runs the step again when they change."""
    return getattr(CONFIG, section).model_dump_json()


def dataset_options(name):
    """Return one dataset's options as JSON."""
    return CONFIG.datasets[name].model_dump_json()


def reading_options(name):
    """Return what says how a dataset is read, as JSON: where it came from, and its terms, make no night anew."""
    brought = {
        "version",
        "subset",
        "access",
        "requester_pays",
        "terms",
        "convert",
        "checksum",
    }
    return CONFIG.datasets[name].model_dump_json(exclude=brought)


def code(step):
    """Return the digest of a step's code and of all that it imports."""
    return code_digest(f"braintwin.steps.{step}")


def drawn_from(name):
    """Return the digest of the population that synthetic people are drawn about; nothing for other datasets."""
    synthetic = scheme(CONFIG.datasets[name].source) == "synthetic"
    return file_digest(packaged_population()) if synthetic else ""


def records():
    """Return the record of every dataset."""
    return [PATHS.dataset_record(name) for name in CONFIG.datasets]


def memory(step):
    """Return how much memory (MB) to ask for: more at each attempt."""
    return lambda wildcards, attempt: costs.COSTS[step].memory_mb * attempt


def minutes(step, number=1):
    """Return how many minutes to ask for `number` nights or people: more at each attempt."""
    return lambda wildcards, attempt: costs.minutes(step, number, attempt)


@cache
def root(name):
    """Return where a dataset lies, as its record says."""
    return json.loads(PATHS.dataset_record(name).read_text(encoding="utf-8"))["root"]


def sources(row):
    """Return the files of a night that are there to read."""
    there = ((row.signal, row.has_eeg), (row.stages, row.has_stages))
    return [
        Path(root(row.dataset)) / path for path, present in there if path and present
    ]


def structural(night):
    """Return the structural connectome of a night's person, if there is one: a new matrix makes the night anew."""
    row = NIGHTS.get(night)
    return (
        matrix_files(CONFIG.connect.structural, row.person, row.dataset) if row else []
    )


def of_nights(people, step, eeg_only=False):
    """Return an artefact of every night of `people`."""
    return [
        PATHS.night(row.night, step)
        for row in nights_of(people)
        if row.has_eeg or not eeg_only
    ]


def of_dataset(name):
    """Return the people of a dataset."""
    return [row for row in PEOPLE if row.dataset == name]


def of_conditions(names):
    """Return the prepared nights under one of some conditions."""
    return [
        PATHS.night(night, "prepare")
        for night, row in NIGHTS.items()
        if row.condition in names
    ]


def of_nights_status():
    """Return the status of every step of every night."""
    return [
        PATHS.night(night, step, ".status.json")
        for night, row in NIGHTS.items()
        for step in NIGHT_STEPS
        if row.has_eeg or step == "prepare"
    ]


def of_people(people, step, suffix=".nc"):
    """Return an artefact of every one of `people`."""
    return [PATHS.person(row.person, step, suffix) for row in people]


def as_json(people):
    """Return `people` as one JSON value."""
    return json.dumps([row.model_dump() for row in people])


def bundled(path):
    """Return a file of the study, or the one that comes with the workflow."""
    return path if Path(path).is_file() else str(Path(workflow.basedir) / path)


def digests(*paths):
    """Return short digests of files that are there: content decides a rerun, not the time of writing."""
    return [file_digest(path)[:12] for path in paths if Path(path).is_file()]


TREATMENTS = bundled(CONFIG.treatments)
POPULATION = bundled(CONFIG.population)
STATUSES = [
    *of_nights_status(),
    *(
        path
        for step in PERSON_STEPS
        for path in of_people(PEOPLE, step, ".status.json")
    ),
]
LOOKS = digests(
    *sorted(Path(workflow.basedir).glob("src/braintwin/report/**/*.[jc]*[2s]"))
)
