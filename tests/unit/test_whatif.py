"""`braintwin whatif`: one person's nights under a scenario, in print, as JSON and as a drawing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from braintwin.cli.main import run as braintwin
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.tables import PersonRow
from braintwin.io.library import read_library
from braintwin.io.population import packaged_population
from braintwin.io.records import read_people, write_people
from braintwin.models.population import first_population
from braintwin.paths import StudyPaths
from braintwin.steps.whatif import Answer, run
from braintwin.treatment.operators import Operators
from braintwin.treatment.scenario import Scenario, changes, compare, dosed, together
from treated_people import LIBRARY, plain_twin, write_person

POPULATION = first_population()
SHIPPED = read_library(LIBRARY)
TWO_NIGHTS = Scenario(nights=2)
FEW = ["--draws", "60", "--nights", "2"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    paths = StudyPaths(tmp_path_factory.mktemp("whatif") / "results" / "s")
    rows = [
        write_person(paths.root / "people", "lab-1", POPULATION, age_band="65-69"),
        write_person(paths.root / "people", "lab-2", POPULATION, verdict="fail"),
        write_person(paths.root / "people", "lab-3", POPULATION, diagnosis="healthy"),
    ]
    write_people(paths.people, rows)
    return paths


def answer(study: StudyPaths, keys: list[str], scenario: Scenario = TWO_NIGHTS, draws: int = 120) -> Answer:
    return run(
        person=first_person(study), keys=keys, scenario=scenario, night=study.person("lab-1", "night"),
        check=study.person("lab-1", "check", ".json"), library=SHIPPED, population=packaged_population(),
        draws=draws, seed=4,
    )  # fmt: skip


def first_person(study: StudyPaths) -> PersonRow:

    return read_people(study.people)[0]


def test_no_treatment_in_the_usual_time_changes_nothing(study: StudyPaths) -> None:
    found = answer(study, ["none"])
    assert all(change.mean == change.low == change.high == 0 for change in found.change.values())
    assert all(change.rises == 0.5 for change in found.change.values())
    assert found.time_in_bed_min == 480


def test_a_hypnotic_shortens_wake_and_a_night_that_is_missed_does_not(study: StudyPaths) -> None:
    full = answer(study, ["zolpidem_10"]).change["WASO"]
    half = answer(study, ["zolpidem_10"], Scenario(adherence=0.5, nights=2)).change["WASO"]
    never = answer(study, ["zolpidem_10"], Scenario(adherence=0.0, nights=2)).change["WASO"]
    assert full.mean < half.mean < never.mean == 0
    assert half.mean == pytest.approx(full.mean / 2, rel=0.35)
    assert full.low < full.mean < full.high
    assert full.night_high - full.night_low > full.high - full.low


def test_dose_and_combination_add_up_on_the_hazards(study: StudyPaths) -> None:
    one = answer(study, ["zolpidem_10"]).change["WASO"].mean
    more = answer(study, ["zolpidem_10"], Scenario(dose_factor=2, nights=2))
    both = answer(study, ["zolpidem_10", "doxepin_6"])
    assert more.change["WASO"].mean < one
    assert both.change["WASO"].mean < one
    assert any("proportional to the dose" in text for text in more.warnings)
    assert any("add up" in text for text in both.warnings)
    assert [*both.contraindications] == ["zolpidem_10", "doxepin_6"]


def test_the_placebo_part_comes_once_and_is_not_dosed() -> None:
    operators = Operators(np.full((3, 12), 0.2), np.full(3, -10.0), np.full(3, 0.25))
    twice = dosed(operators, 2.0)
    assert np.allclose(twice.shift, 0.4) and np.allclose(twice.time_in_bed_min, -20)
    assert np.allclose(twice.arousal_factor, 0.0625)
    sum_of = together([operators, twice])
    assert np.allclose(sum_of.shift, 0.6) and np.allclose(sum_of.arousal_factor, 0.25**3)


def test_the_placebo_of_two_drugs_is_that_of_one(study: StudyPaths) -> None:
    placebo = answer(study, ["placebo"]).change["WASO"].mean
    nothing = answer(study, ["zolpidem_10"], Scenario(dose_factor=0.0, nights=2)).change["WASO"].mean
    two = answer(study, ["zolpidem_10", "doxepin_6"], Scenario(dose_factor=0.0, nights=2)).change["WASO"].mean
    assert placebo == pytest.approx(nothing)
    assert placebo == pytest.approx(two)
    assert placebo != 0


def test_time_in_bed_is_what_was_asked(study: StudyPaths) -> None:
    found = answer(study, ["none"], Scenario(minutes_in_bed=390, nights=2))
    assert found.change["TIB"].scenario == 390
    assert found.change["TIB"].mean == -90
    assert found.change["TST"].mean < -30
    assert found.change["SOL"].mean == pytest.approx(0, abs=2)


def test_arms_see_the_same_noise() -> None:
    twin = plain_twin({}, 50, night_sd=0.2)
    how = {"usual_min": 420.0, "arousal_rate": 0.0}
    still = Operators.nothing(50)
    same = compare(POPULATION, twin, still, Scenario(nights=3), rng=np.random.default_rng(1), **how)
    assert same.change.shape == (3, 50, len(OUTCOMES))
    assert not same.change.any()
    wake = Operators(np.tile(np.array([0.0] * 3 + [-0.3] * 3 + [0.0] * 6), (50, 1)), np.zeros(50), np.ones(50))
    other = compare(POPULATION, twin, wake, Scenario(nights=3), rng=np.random.default_rng(1), **how)
    assert np.array_equal(other.usual, same.usual)
    assert changes(other)[OUTCOMES.index("WASO")].mean < 0


def test_the_command_prints_draws_and_repeats_itself(study: StudyPaths, tmp_path: Path, capsys) -> None:
    drawing = tmp_path / "d.svg"
    words = ["whatif", str(study.root), "--person", "lab-1", "--treatment", "zolpidem_10", "--plot", str(drawing)]
    assert braintwin([*words, *FEW]) == 0
    first = capsys.readouterr().out
    assert "WASO min" in first and "Research use only" in first
    assert "contraindicated with zolpidem_10" in first
    text = drawing.read_text(encoding="utf-8")
    assert text.startswith("<svg xmlns=") and "var(--" not in text and "WASO" in text
    assert braintwin([*words, *FEW]) == 0
    assert capsys.readouterr().out == first
    assert braintwin([*words, *FEW, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values["change"]) == set(OUTCOMES)
    assert values["scenario"]["nights"] == 2
    shown = re.search(r"WASO min\s+[\d.]+\s+[\d.]+\s+([+-][\d.]+)", first)
    assert shown and float(shown[1]) == pytest.approx(values["change"]["WASO"]["mean"], abs=0.051)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--person", "lab-1", "--treatment", "zolpidam_10"], "did you mean 'zolpidem_10'?"),
        (["--person", "lab-1", "--treatment", "none", "--combine", "doxepin"], "did you mean 'doxepin_"),
        (["--person", "lab1", "--treatment", "none"], "nobody called 'lab1' in study 's' (did you mean 'lab-"),
        (["--person", "lab-2", "--treatment", "none"], "failed its check: R-hat of onset is 1.4"),
        (["--person", "lab-1", "--treatment", "none", "--minutes-in-bed", "100"], "expected 240 to 720"),
        (["--person", "lab-1", "--treatment", "none", "--adherence", "1.5"], "expected 0 to 1"),
        (["--person", "lab-1", "--treatment", "none", "--dose-factor", "-1"], "expected 0 to 3"),
        (["--person", "lab-1", "--treatment", "none", "--nights", "0"], "expected 1 to 60"),
        (["--person", "lab-1", "--treatment", "none", "--combine", "none"], "'none' twice"),
        (["--person", "lab-1", "--treatment", "none", "--plot", "x.png", *FEW], "ends with .svg"),
    ],
)
def test_mistakes_are_told_in_one_line(study: StudyPaths, words: list[str], said: str, capsys) -> None:
    assert braintwin(["whatif", str(study.root), *words]) == 2
    text = capsys.readouterr().err
    assert said in text
    assert text.count("\n") == 1


def test_a_folder_without_a_study_is_told(tmp_path: Path, capsys) -> None:
    assert braintwin(["whatif", str(tmp_path), "--person", "a", "--treatment", "none"]) == 2
    assert "expected its index/people.tsv" in capsys.readouterr().err


def test_somebody_for_whom_it_is_not_is_told_so(study: StudyPaths, tmp_path: Path, capsys) -> None:
    words = ["whatif", str(study.root), "--person", "lab-3", "--treatment", "zolpidem_10", *FEW]
    assert braintwin([*words, "--plot", str(tmp_path / "x.svg")]) == 0
    assert "not for this person: tried in insomnia, not in healthy" in capsys.readouterr().out
