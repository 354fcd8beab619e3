"""Virtual trials: the null rejects as often as it says, more people see more, the same seed sees the same."""

import json

import numpy as np
import pytest
from scipy import stats

from braintwin.cli.main import run as braintwin
from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.models.outcomes import outcomes
from braintwin.models.population import first_population
from braintwin.treatment.evidence import Baseline
from braintwin.treatment.operators import Operators
from braintwin.treatment.trial import enrol
from braintwin.treatment.virtual_trial import Arm, Clinic, Design, clinic, contrast, counted, virtual_trials

POPULATION = first_population()
WASO = OUTCOMES.index("WASO")


def arm_of(shift: dict[str, float], trials: int, people: int, apart: float = 0.0) -> Arm:
    row = np.array([shift.get(group, 0.0) for group in GROUPS])
    average = Operators(np.tile(row, (trials, 1)), np.zeros(trials), np.ones(trials))
    spread = apart * np.random.default_rng(0).standard_normal((people, len(GROUPS)))
    return Arm(average, spread, np.zeros(people), np.ones(people))


def place(in_bed: float = 300.0) -> Clinic:
    return Clinic(POPULATION, np.zeros(len(GROUPS)), in_bed)


@pytest.mark.parametrize("kind", ["parallel", "crossover"])
def test_where_there_is_no_effect_one_trial_in_twenty_finds_one(kind: str) -> None:
    trials, people = 400, 24
    same = arm_of({}, trials, people)
    found = virtual_trials(place(), same, same, Design(kind, people), trials=trials, seed=1)
    tested = [OUTCOMES.index(name) for name in ("TST", "SE", "N2", "N3")]
    for i in tested:
        rejected = round(found.power()[i] * trials)
        low, high = stats.binom.ppf([0.0005, 0.9995], trials, 0.05)
        assert low <= rejected <= high, (OUTCOMES[i], rejected)
    assert np.abs(found.contrast[:, tested].mean(axis=0) / found.error[:, tested].mean(axis=0)).max() < 0.2


def test_more_people_and_more_nights_see_more() -> None:
    drug = {"n1_w": -0.4, "n23_w": -0.4, "r_w": -0.4}
    power = {}
    for design in (Design("parallel", 16), Design("parallel", 120), Design("crossover", 16), Design("parallel", 16, 4)):
        found = virtual_trials(
            place(), arm_of(drug, 40, design.people), arm_of({}, 40, design.people), design, trials=40, seed=2
        )
        assert found.contrast[:, WASO].mean() < -5
        power[design.kind, design.people, design.nights] = found.power()[WASO]
    assert power["parallel", 120, 1] > power["parallel", 16, 1] + 0.2
    assert power["crossover", 16, 1] > power["parallel", 16, 1]
    assert power["parallel", 16, 4] >= power["parallel", 16, 1]


def test_a_trial_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = (
        virtual_trials(place(), arm_of({}, n, 8, 0.2), arm_of({}, n, 8), Design("crossover", 8), trials=n, seed=5)
        for n in (3, 6)
    )
    assert np.array_equal(few.contrast, many.contrast[:3])
    other = virtual_trials(place(), arm_of({}, 3, 8, 0.2), arm_of({}, 3, 8), Design("crossover", 8), trials=3, seed=6)
    assert not np.array_equal(few.contrast, other.contrast)


def test_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    treated, control = rng.normal(1, 2, (14, 1)), rng.normal(0, 1, (9, 1))
    gap, error, freedom = contrast(treated, control, "parallel")
    theirs = stats.ttest_ind(treated[:, 0], control[:, 0], equal_var=False).confidence_interval(0.95)
    half = stats.t.ppf(0.975, freedom) * error
    assert (gap - half, gap + half) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    gap, error, freedom = contrast(treated[:9], control, "crossover")
    theirs = stats.ttest_rel(treated[:9, 0], control[:, 0]).confidence_interval(0.95)
    half = stats.t.ppf(0.975, freedom) * error
    assert (gap - half, gap + half) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


def test_people_are_as_sleepless_as_the_trial_s() -> None:
    baseline = Baseline(SOL=40, WASO=85, TIB=480)
    where = clinic(POPULATION, baseline, seed=3)
    trial = enrol(POPULATION, baseline, people=800, rng=np.random.default_rng(3))
    assert trial.night()["WASO"] == pytest.approx(85, abs=0.5)
    shifted = virtual_trials(where, arm_of({}, 2, 600), arm_of({}, 2, 600), Design("crossover", 600), trials=2, seed=1)
    assert np.abs(shifted.contrast[:, WASO]).max() < 8
    assert where.shift[GROUPS.index("onset")] < 0 < where.shift[GROUPS.index("n23_w")]


def test_wake_counts_from_persistent_sleep_where_the_trial_does() -> None:
    night = np.full((1, 60), 2, dtype=np.int8)
    night[0, :10], night[0, 12:20], night[0, 50:54] = 0, 0, 0
    plain, persistent = outcomes(night)[0, WASO], counted(night, "LPS")[0, WASO]
    assert (plain, persistent) == (6.0, 2.0)
    assert counted(night, "SOL")[0, WASO] == 6.0


def test_the_command_repeats_itself_and_knows_its_limits(capsys) -> None:
    words = ["virtual-trial", "zolpidem_10", "--people", "12", "--trials", "4", "--recruited", "population"]
    assert braintwin([*words, "--power", "--size", "12", "--size", "20"]) == 0
    text = capsys.readouterr().out
    assert "zolpidem_10 against placebo: parallel, 12 people" in text
    assert "power for WASO" in text and "Research use only" in text
    assert braintwin([*words, "--power", "--size", "12", "--size", "20", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values["power"]) == {"12", "20"}
    assert braintwin([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"].keys() == values["outcomes"].keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zolpidam_10"], "did you mean 'zolpidem_10'?"),
        (["zolpidem_10", "--comparator", "placbo"], "did you mean 'placebo'?"),
        (["zolpidem_10", "--people", "3"], "expected 4 to 5000 (parallel)"),
        (["zolpidem_10", "--trials", "1"], "expected 2 to 20000"),
        (["zolpidem_10", "--outcome", "WASSO"], "did you mean 'WASO'?"),
    ],
)
def test_mistakes_are_told_in_one_line(words: list[str], said: str, capsys) -> None:
    assert braintwin(["virtual-trial", *words]) == 2
    text = capsys.readouterr().err
    assert said in text
    assert text.count("\n") == 1
