"""The real crossover of ten people: one night on placebo, one on temazepam each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from braintwin.config import load_config
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.inference.training import TrainingNight
from braintwin.inference.trial import Prior, members
from braintwin.inference.trial_fit import FAMILIES, fit_operators
from braintwin.inference.trial_scores import SCORED, foretell_all, summary
from braintwin.io.arrays import write_dataset
from braintwin.io.bids import find_root
from braintwin.io.population import packaged_population, read_population
from braintwin.io.records import write_nights, write_people, write_status
from braintwin.io.retrieve.archive import unpack
from braintwin.io.training import training_night
from braintwin.options.prepare import PrepareOptions
from braintwin.paths import StudyPaths
from braintwin.steps import fit_treatment
from braintwin.steps.index import Found, index_dataset
from braintwin.steps.prepare import prepare_night

CONFIG = Path(__file__).parents[2] / "config" / "examples" / "temazepam.yaml"


def prepared_nights(data: Path, folder: Path) -> Iterator[tuple[NightRow, PersonRow, xr.Dataset]]:
    """Yield the nights of the example's trial, read as the example reads them."""
    config = load_config(CONFIG)
    options, dataset = config.fit_treatment, config.datasets["sleepedf"]
    unpack(data / "bids" / Path(dataset.source).name, folder / "sleepedf", "sleepedf")
    root = find_root(folder / "sleepedf", "", "sleepedf")
    found = Found()
    index_dataset(DatasetRecord(name="sleepedf", root=str(root), kind="local", source=""), dataset, config.index, found)
    wanted = [*options.treated, *options.control]
    for row in found.nights:
        if row.condition in wanted:
            yield row, found.people[row.person], prepare_night(row, dataset, root, PrepareOptions())[0]


def crossover_nights(data: Path, folder: Path) -> list[TrainingNight]:
    """Return the nights that the trial is fitted to."""
    options = load_config(CONFIG).fit_treatment
    wanted = [*options.treated, *options.control]
    return [
        training_night(prepared, row, person, wanted, options.min_night_min)
        for row, person, prepared in prepared_nights(data, folder)
    ]


def left_out(nights: list[TrainingNight], seed: int, draws: int = 2000) -> dict[str, Any]:
    """Return what temazepam did to the hazards, and how well the treated night of a person left out is foretold."""
    population = read_population(packaged_population())
    trial = members(nights, ["temazepam"], population)
    fit = fit_operators(trial, Prior())
    families = {}
    for name in FAMILIES:
        mean, sd = fit.family(name)
        families[name] = [mean, mean - 1.645 * sd, mean + 1.645 * sd]
    foretold = foretell_all(trial, population, Prior(), rng=np.random.default_rng(1 + 2 * seed), draws=draws)
    numbers = summary(foretold, np.random.default_rng(2 + 2 * seed))
    outcomes = numbers["outcomes"]
    for name in SCORED:
        _, low, high = outcomes[name]["observed_change"]
        outcomes[name]["within"] = bool(low <= outcomes[name]["expected_change"] <= high)
    return {"log rate, 90 %": families, **numbers}


def learned_entry(data: Path, folder: Path) -> Path:
    """Return the library entry that the example's trial is made into, as the step writes it."""
    paths, options = StudyPaths(folder / "results" / "temazepam"), load_config(CONFIG).fit_treatment
    rows, people = [], {}
    for row, person, prepared in prepared_nights(data, folder):
        write_dataset(paths.night(row.night, "prepare"), prepared, PREPARED)
        write_status(paths.night(row.night, "prepare"), "prepare", "ok")
        rows.append(row)
        people[person.person] = person
    write_nights(paths.nights, rows)
    write_people(paths.people, people.values())
    entry = paths.treatment(options.name)
    fit_treatment.run(
        nights=paths.nights, people=paths.people, records=[], population=packaged_population(), entry=entry,
        fit=paths.treatment(options.name, ".json"), seed=1,
        options=options.model_copy(update={"leave_one_out": False}),
    )  # fmt: skip
    return entry
