"""Predictive checks of how nights go: counts, the nominal rate for nights of the model, wrong models found."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import STAGES
from braintwin.inference.night_checks import BLOCKS, COUNTS, check_profiles, compare, seen, statistics, worst
from braintwin.inference.night_scores import replicate
from braintwin.io.population import packaged_population, read_population
from braintwin.models.hypnogram import TRANSITION_NAMES, TRANSITIONS
from braintwin.models.night_profile import BOUT_EDGES_MIN, Profile, profiles
from braintwin.models.population import Who
from braintwin.options.check import CheckOptions
from braintwin.steps.check import Findings, course_gates

WHO = Who(50, "F", None, "sleepedf")
EPOCHS = 840


@pytest.fixture(scope="module")
def population():
    return read_population(packaged_population())


def cohort(population, people, rng, replicates, believed=None):
    """Return the course of `replicates` cohorts of `people` nights, each of somebody else."""
    like = np.zeros((1, EPOCHS), np.int8)
    draws = (believed or population).draw(rng, people * replicates, WHO)
    no = np.zeros(1, dtype=bool)
    return replicate(believed or population, draws, like, no, no, rng=rng).added(replicates)


def one(profile, i=0):
    return Profile(*(part[i] for part in profile.parts))


def test_counts_of_a_night_made_by_hand():
    w, n1, n2, r = 0, 1, 2, 4
    night = np.array([w] * 4 + [n1] * 2 + [n2] * 10 + [w] * 1 + [n2] * 3 + [r] * 20 + [w] * 5 + [-1] * 5)
    found = one(profiles(night[None], True))
    assert found.stage_count.sum(axis=0).tolist() == [10, 2, 13, 0, 20]
    assert found.stage_count.sum() == 45
    assert found.stage_count[0].tolist() == [4, 1, 0, 0, 0]  # 45 epochs in ten parts: five in the first
    changes = dict(zip(TRANSITION_NAMES, found.change_count.sum(axis=0), strict=True))
    assert {name for name, n in changes.items() if n} == {"W>N1", "N1>N2", "N2>W", "W>N2", "N2>R", "R>W"}
    assert sum(changes.values()) == 6
    # The wake before sleep is latency; bouts of 0.5, 2.5 min awake, 1.5 and 5 min of N2, 10 min of REM.
    bouts = {stage: np.flatnonzero(found.bout_count[k]).tolist() for k, stage in enumerate(STAGES)}
    places = {edge: i for i, edge in enumerate(BOUT_EDGES_MIN)}
    assert bouts == {"W": [places[0.5], places[3.0]], "N1": [places[1.0]], "N2": [places[2.0], places[6.0]], "N3": [],
                     "R": [places[12.0]]}  # fmt: skip
    longer = statistics(found)["bouts"][n2]
    assert longer[places[1.0]] == 100
    assert longer[places[2.0]] == 50
    assert longer[places[6.0]] == 0


def test_without_lights_off_the_night_is_its_sleep():
    night = np.array([0, 0, 0] + [2] * 10 + [0] * 2 + [4] * 8 + [0] * 6)
    found = one(profiles(night[None], False))
    assert found.stage_count.sum(axis=0).tolist() == [2, 0, 10, 0, 8]
    assert found.change_count.sum() == 2
    assert found.bout_count[0].sum() == 1


def test_epochs_that_are_missing_are_in_no_count_and_break_a_bout():
    night = np.array([0] + [2] * 10 + [-1] * 2 + [2] * 8 + [4] * 4)
    found = one(profiles(night[None], True))
    assert found.stage_count.sum() == 23
    assert found.change_count.sum() == 2
    assert found.bout_count[2].sum() == 2


def test_counts_are_those_of_single_nights(population):
    rng = np.random.default_rng(3)
    stages = rng.integers(-1, 5, (6, 50))
    known = np.array([True, False] * 3)
    together = profiles(stages, known)
    for i in range(6):
        alone = profiles(stages[i : i + 1], known[i])
        for a, b in zip(one(alone).parts, one(together, i).parts, strict=True):
            np.testing.assert_array_equal(a, b)
    left = np.array([k for k, _ in TRANSITIONS])
    changed = np.array([((row[:-1] >= 0) & (row[1:] >= 0) & (row[:-1] != row[1:])).sum() for row in stages[::2]])
    assert (together.change_count[::2].sum(axis=(1, 2)) == changed).all()
    assert len(left) == together.change_count.shape[-1]
    for a, b in zip(together.added(2).parts, together.parts, strict=True):
        np.testing.assert_array_equal(a[1], b[3:].sum(axis=0))


def test_the_p_value_is_exact_whatever_depends_on_what():
    """Sums of counts that share a common cause: p is uniform, at most the nominal rate below every level."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        common = rng.gamma(4, 1, (100, 1))
        counts = rng.poisson(common * np.linspace(0.01, 3, 30))
        found.append(compare(counts[0].astype(float), counts[1:].astype(float)).p_value)
    for level in (0.05, 0.2, 0.5):
        rejected = int((np.array(found) <= level).sum())
        assert binom.ppf(0.0005, 400, level * 0.9) <= rejected <= binom.ppf(0.9995, 400, level)


@pytest.mark.parametrize("people", [1, 20])
def test_nights_of_the_model_pass_at_the_nominal_rate(population, people):
    rng = np.random.default_rng(people)
    trials = 120 if people == 1 else 60
    replicas, seen = cohort(population, people, rng, 199), cohort(population, people, rng, trials)
    found = [check_profiles(one(seen, i), replicas) for i in range(trials)]
    for name in BLOCKS:
        p_values = np.array([checks[name].p_value for checks in found])
        assert (p_values <= 0.05).sum() <= binom.ppf(0.9995, trials, 0.07), name  # 199 replicates serve all trials
        inside, expected = np.mean([checks[name].inside for checks in found]), found[0][name].expected
        assert inside == pytest.approx(expected, abs=0.015), name
        assert inside >= 0.93, name
    flagged = np.mean([worst(checks)[0] <= 0.05 for checks in found])
    assert flagged <= binom.ppf(0.9995, trials, 0.07) / trials


def _geometric(population):
    return replace(population, dwell_effect=np.zeros_like(population.dwell_effect))


def _constant(population):
    names = ("time_effect", "dwell_effect", "pressure_effect", "clock_effect", "load_effect", "recent_effect")
    return replace(population, **{name: np.zeros_like(getattr(population, name)) for name in names})


@pytest.mark.parametrize(("wrong", "block"), [(_geometric, "bouts"), (_constant, "stages"), (_constant, "changes")])
def test_nights_of_the_population_betray_a_wrong_model(population, wrong, block):
    """A model with geometric dwell, or with constant hazards, is flagged by twenty nights."""
    rng = np.random.default_rng(11)
    replicas, seen = cohort(population, 20, rng, 199, wrong(population)), cohort(population, 20, rng, 25)
    found = [check_profiles(one(seen, i), replicas)[block] for i in range(25)]
    assert np.mean([check.p_value <= 0.01 for check in found]) > 0.9
    assert np.mean([check.inside for check in found]) < found[0].expected - 0.08


def test_replicates_are_as_long_as_the_night_and_miss_the_same_epochs(population):
    rng = np.random.default_rng(0)
    night = np.full((2, 700), 2, dtype=np.int8)
    night[0, 600:] = -1
    night[1, 100:150] = -1
    draws = population.draw(rng, 30, WHO)
    found = replicate(population, draws, night, np.array([True, True]), np.array([True, False]), rng=rng)
    assert (found.stage_count.sum(axis=(1, 2)) == 600 + 650).all()
    with pytest.raises(ValueError, match="no night"):
        replicate(population, draws, night[:0], np.zeros(0, bool), np.zeros(0, bool), rng=rng)


def _observed(stages, known=False):
    return xr.Dataset(
        {"stage": (("night", "epoch"), stages), "lights_off_known": (("night",), np.full(len(stages), known))}
    )


def test_counts_serve_where_the_stages_were_left_out():
    whole = _observed(np.resize([1, 2, 3, 4, 0], (2, EPOCHS)))
    course = seen(whole)
    counts = {name: (COUNTS[name], part) for name, part in zip(COUNTS, course.parts, strict=True)}
    bare = whole.isel(epoch=slice(0, 0))
    assert seen(bare) is None
    for one, other in zip(seen(bare.assign(counts)).parts, course.parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_check_warns_of_nights_that_the_twin_would_hardly_make(population):
    from braintwin.models.nights_simulator import simulate_nights

    rng = np.random.default_rng(2)
    replicas = cohort(population, 1, rng, 399)
    effects = population.draw(rng, 1, WHO).further_nights(rng)
    effects[:, GROUPS.index("onset")] = 20.0
    good = simulate_nights(population, effects=effects, uniforms=rng.random((1, EPOCHS)), n_epochs=EPOCHS)
    bad = np.resize([1, 2, 3, 4, 0], (1, EPOCHS))
    for stages, verdict in ((good, "pass"), (bad, "warn")):
        found = Findings()
        course_gates(found, seen(_observed(stages)), replicas, CheckOptions())
        assert found.verdict == verdict
        assert set(found.gates) == {"stages_inside", "changes_inside", "bouts_inside", "course_p", "course_block"}
    assert "in their 95 % bands" in found.reasons[0]
