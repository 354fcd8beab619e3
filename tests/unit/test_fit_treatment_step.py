"""The step and the command `fit-treatment`: what it learns from, the entry that it writes, and when it refuses."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from braintwin.cli.fit_treatment import joined, told
from braintwin.contracts.night import GROUPS
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.contracts.treatment import TreatmentFit
from braintwin.errors import BrainTwinError, DatasetError
from braintwin.io.arrays import write_dataset
from braintwin.io.library import read_library
from braintwin.io.population import packaged_population, read_population
from braintwin.io.records import read_json, write_json, write_nights, write_people, write_status
from braintwin.models.population import first_population
from braintwin.options.fit_treatment import FitTreatmentOptions
from braintwin.options.simulate import SimulateOptions
from braintwin.paths import StudyPaths
from braintwin.steps.fit_treatment import run
from braintwin.treatment.operators import Uncertainty, draw_operators
from made_trials import made_trial, shift_of
from scored_nights import prepared_from
from treated_people import LIBRARY, simulated_and_ranked

OPTIONS = FitTreatmentOptions(
    name="ours", treated=["drug"], control=["placebo"], min_people=3, draws=100, leave_one_out=True
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    """Write a crossover of four people, and somebody who had a nap."""
    folder = tmp_path_factory.mktemp("trial")
    paths = StudyPaths(folder / "results" / "s")
    nights = made_trial(
        first_population(), shift_of({"n23_w": -0.5}), people=4, rng=np.random.default_rng(3), epochs=600
    )
    rows, people = [], set()
    for night in nights:
        name = night.night.replace("made-", "a-")
        person = night.person.replace("made-", "a-")
        prepared = prepared_from(folder / "raw" / name, [STAGES[s] for s in night.stages], lights_off="start")
        path = paths.night(name, "prepare")
        write_dataset(path, prepared.assign_attrs(night=name, person=person, condition=night.condition), PREPARED)
        write_status(path, "prepare", "ok")
        rows.append(
            NightRow(
                night=name, person=person, dataset="a", bids_path="", condition=night.condition,
                night_index=night.night_index,
            )
        )  # fmt: skip
        people.add(person)
    rows.append(NightRow(night="a-other", person="a-000", dataset="a", bids_path="", condition="nap"))
    write_nights(paths.nights, rows)
    write_people(paths.people, [PersonRow(person=name, batch="b", dataset="a") for name in sorted(people)])
    write_json(
        paths.dataset_record("a"),
        DatasetRecord(name="a", root="x", kind="local", source="x", title="Study A", citation="doi:10/a"),
    )
    return paths


def fitted(study: StudyPaths, options: FitTreatmentOptions = OPTIONS) -> tuple[Path, TreatmentFit]:
    entry, record = study.treatment(options.name), study.treatment(options.name, ".json")
    run(
        nights=study.nights, people=study.people, records=[study.dataset_record("a")],
        population=packaged_population(), entry=entry, fit=record, seed=7, options=options,
    )  # fmt: skip
    return entry, read_json(record, TreatmentFit)


@pytest.fixture(scope="module")
def made(study: StudyPaths) -> tuple[Path, TreatmentFit]:
    return fitted(study)


def test_the_entry_is_one_that_the_ranking_takes(made: tuple[Path, TreatmentFit], tmp_path: Path) -> None:
    entry, fit = made
    assert (fit.people, fit.design, fit.treated_nights, fit.control_nights) == (4, "crossover", 4, 4)
    library = tmp_path / "mine.yaml"
    library.write_text(joined(LIBRARY, entry, "ours"), encoding="utf-8")
    read = read_library(library)
    assert next(iter(read.treatments)) == "ours"
    assert len(read.treatments) == len(read_library(LIBRARY).treatments) + 1
    ours = read.treatments["ours"]
    assert ours.exploratory and ours.reference == "placebo"
    assert ours.sources[0].provenance == "fitted"
    assert "Study A (doi:10/a)" in ours.sources[0].citation
    assert ours.operators is not None and ours.operators.origin == "learned"
    draws = draw_operators(
        ours, read.meta, draws=4000, time_in_bed_min=480, placebo=(np.zeros(4000), np.zeros(4000)),
        rng=np.random.default_rng(1), uncertainty=Uncertainty(comparator_offset=False),
    )  # fmt: skip
    for i, group in enumerate(GROUPS):
        learned = fit.operators[group]
        assert draws.shift[:, i].mean() == pytest.approx(learned.mean, abs=0.03)
        total = np.hypot((learned.high - learned.low) / 2 / 1.645, learned.between_sd)
        assert draws.shift[:, i].std() == pytest.approx(total, rel=0.1)


def test_a_learned_treatment_is_simulated_and_ranked(made: tuple[Path, TreatmentFit], tmp_path: Path) -> None:
    entry, fit = made
    library = tmp_path / "mine.yaml"
    library.write_text(joined(LIBRARY, entry, "ours"), encoding="utf-8")
    options = SimulateOptions(draws=100, replicates=2, treatments=["ours", "cbti"])
    nights, found = simulated_and_ranked(tmp_path, library, first_population(), options)
    ours = found.sel(treatment="ours")
    learned, placebo = (nights["operator_value"].sel(treatment=key, group="n23_w") for key in ("ours", "placebo"))
    assert float((learned - placebo).mean()) == pytest.approx(fit.operators["n23_w"].mean, abs=0.12)
    assert float(ours["expected_utility"]) != float(found["expected_utility"].sel(treatment="placebo"))
    assert "exploratory" in str(ours["not_candidate_reason"].item()) and float(ours["p_best"]) == 0
    library.write_text(library.read_text(encoding="utf-8").replace("exploratory: true", "exploratory: false", 1))
    _, found = simulated_and_ranked(tmp_path, library, first_population(), options)
    assert bool(found["candidate"].sel(treatment="ours")), "its owner says that it may be ranked"


def test_the_same_data_and_seed_give_the_same_entry(study: StudyPaths, made: tuple[Path, TreatmentFit]) -> None:
    first, fit = made
    text = first.read_text(encoding="utf-8")
    again, same = fitted(study)
    assert again.read_text(encoding="utf-8") == text
    assert same.forecast == fit.forecast
    assert "a-000" not in text and str(study.root) not in text


def test_what_was_learned_is_told_in_lines(study: StudyPaths, made: tuple[Path, TreatmentFit]) -> None:
    lines = told(made[1])
    assert lines[0].startswith("ours: 4 people (crossover), 4 treated and 4 control nights")
    assert any(line.strip().startswith("wake entry") for line in lines)
    assert any("foretold without their person, 4 people" in line for line in lines)
    quiet = fitted(study, OPTIONS.model_copy(update={"leave_one_out": False, "name": "quiet"}))[1]
    assert quiet.forecast == {}
    assert "no treated night was foretold" in told(quiet)[-1]


def test_a_condition_that_is_not_there_is_refused_with_those_that_are(study: StudyPaths) -> None:
    with pytest.raises(
        DatasetError, match=r"no night under 'drugs' \(fit_treatment.treated\); conditions found: "
    ) as e:
        fitted(study, OPTIONS.model_copy(update={"treated": ["drugs"]}))
    assert "'drug' (4), 'nap' (1), 'placebo' (4)" in str(e.value)


def test_too_few_people_are_refused(study: StudyPaths) -> None:
    with pytest.raises(DatasetError, match="4 people have treated nights and 4 control nights, expected 5 or more"):
        fitted(study, OPTIONS.model_copy(update={"min_people": 5}))


def test_an_entry_of_the_same_name_is_not_replaced(made: tuple[Path, TreatmentFit]) -> None:
    with pytest.raises(BrainTwinError, match="has an entry 'temazepam_15_30' already"):
        joined(LIBRARY, made[0], "temazepam_15_30")


def test_the_block_marks_what_is_judgement(made: tuple[Path, TreatmentFit]) -> None:
    block = yaml.safe_load(made[0].read_text(encoding="utf-8"))["ours"]
    assert block["burden"]["prov"] == "assumed"
    assert block["effects"] == {} and block["harms"] == {}
    assert read_population(packaged_population()).attrs["name"] == block["operators"]["population"]


def test_every_operator_has_its_share_of_the_prior(made: tuple[Path, TreatmentFit]) -> None:
    fit = made[1]
    assert all(0 <= value.contraction < 1 for value in fit.operators.values())
