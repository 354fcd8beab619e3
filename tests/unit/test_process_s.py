"""Process S from slow-wave activity: known time constants are found, and nothing is made of nights that say nothing."""

import numpy as np
import pytest

from braintwin.inference.night_counts import tabulate
from braintwin.inference.nights import Night, task, version_shifts
from braintwin.inference.process_s import TAU_SLEEP_SD, TAU_WAKE_SD, Course, fit_process, grid, pressure
from braintwin.io.population import packaged_population, read_population
from braintwin.models.night_history import LITERATURE, ProcessS, night_steps, pressure_step, steady_pressure
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import NOBODY

POPULATION = read_population(packaged_population())


def courses(process: ProcessS, seed: int, nights: int, *, slope: float = 2.0, noise: float = 0.1) -> list[Course]:
    """Return nights whose slow-wave activity follows Process S with these time constants."""
    rng = np.random.default_rng(seed)
    effects = POPULATION.draw(rng, nights).person_effect
    found = []
    for stages in simulate_nights(POPULATION, effects=effects, uniforms=rng.random((nights, 960)), n_epochs=960):
        episode = np.cumsum(np.diff((stages == 4).astype(int), prepend=0) == 1)
        log = slope * pressure(stages, [process])[:, 0] + 0.5 * (stages == 3) + noise * rng.standard_normal(99)[episode]
        swa = np.exp(log + rng.normal(3, 1) + 0.3 * rng.standard_normal(len(stages)))
        swa[rng.random(len(stages)) < 0.1] = np.nan
        found.append(Course(stages, swa))
    return found


def test_pressure_is_that_of_the_chain():
    stages = np.array([0, 0, 1, 2, -1, 2, 0, -1, 0, 3])
    process = ProcessS(20.0, 3.0)
    wake, sleep = pressure_step(process)
    expected, now = [], steady_pressure(process)
    for awake in (1, 1, 0, 0, 0, 0, 1, 1, 1, 0):
        now = 1 - (1 - now) * wake if awake else now * sleep
        expected.append(now)
    np.testing.assert_allclose(pressure(stages, [process])[:, 0], expected, rtol=1e-12)


def test_nights_without_slow_wave_activity_leave_the_prior():
    stages = courses(LITERATURE, 0, 1)[0].stages
    for nights in (
        [],
        [Course(stages, np.full(len(stages), np.nan))],
        [Course(np.full(900, 2, np.int8), np.ones(900))],
    ):
        found = fit_process(nights)
        assert found.episodes == 0
        np.testing.assert_array_equal(found.weight, grid()[1])
        np.testing.assert_allclose([found.mean.tau_wake_h, found.mean.tau_sleep_h], [18.2, 4.2])
        np.testing.assert_allclose(found.log_sd, [TAU_WAKE_SD, TAU_SLEEP_SD], rtol=0.15)


def test_many_nights_find_known_time_constants():
    """Recovery: the fall asleep of a fast and of a slow person, from twenty nights each; two nights say little."""
    for tau in (2.8, 6.5):
        found = fit_process(courses(ProcessS(18.2, tau), 1, 20))
        assert found.log_sd[1] < 0.7 * TAU_SLEEP_SD
        assert abs(np.log(found.mean.tau_sleep_h / tau)) < 2.5 * found.log_sd[1]
        assert (found.mean.tau_sleep_h < 4.2) == (tau < 4.2)
        assert fit_process(courses(ProcessS(18.2, tau), 1, 2)).log_sd[1] > 0.8 * TAU_SLEEP_SD


def test_posteriors_cover_people_drawn_from_the_prior():
    rng, z, inside = np.random.default_rng(2), [], []
    for seed in range(40):
        truth = ProcessS(18.2 * np.exp(TAU_WAKE_SD * rng.standard_normal()), 4.2 * np.exp(0.35 * rng.standard_normal()))
        found = fit_process(courses(truth, seed, 2, slope=rng.normal(2, 1), noise=0.2))
        below = found.weight @ (found.values[:, 1] < truth.tau_sleep_h)
        inside.append(0.05 < below < 0.95)
        z.append(np.log(found.mean.tau_sleep_h / truth.tau_sleep_h) / found.log_sd[1])
    assert np.mean(inside) > 0.75  # 36 of 40 are expected; 30 or fewer have a chance of 0.5 %
    assert 0.6 < np.sqrt(np.mean(np.square(z))) < 1.4


def test_slow_wave_activity_that_does_not_follow_sleep_says_little():
    """Negative control: activity shuffled between epochs moves the time constants by less than half of their sd."""
    moved = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shuffled = [Course(c.stages, rng.permutation(c.swa)) for c in courses(ProcessS(18.2, 2.5), seed, 2)]
        moved.append(np.log(fit_process(shuffled).mean.tau_sleep_h / 4.2) / TAU_SLEEP_SD)
    assert np.abs(moved).max() < 1.5
    assert abs(np.mean(moved)) < 0.5


@pytest.mark.parametrize("process", [ProcessS(18.2, 2.5), ProcessS(14.0, 6.0)])
def test_simulator_and_likelihood_share_the_time_constants(process):
    rng = np.random.default_rng(3)
    population = POPULATION.in_rhythm_of({"tau_wake_h": process.tau_wake_h, "tau_sleep_h": process.tau_sleep_h})
    assert population.process == process
    assert POPULATION.in_rhythm_of({}) is POPULATION
    uniforms, effects = rng.random((200, 900)), np.zeros((1, 12))
    own, usual = (
        simulate_nights(p, effects=effects, uniforms=uniforms, n_epochs=900) for p in (population, POPULATION)
    )
    assert (own != usual).any()
    own_bins, usual_bins = (night_steps(own[0], process=p).pressure_bin for p in (process, LITERATURE))
    seen = pressure(own[0], [process])[night_steps(own[0]).epoch, 0]
    after = own_bins > 0
    np.testing.assert_array_equal(own_bins[after], np.floor(25 * seen).astype(int)[after])
    assert (own_bins != usual_bins).any()
    assert tabulate([(own[0], True)], process).total.sum() == tabulate([(own[0], True)]).total.sum()


def test_versions_of_process_s_move_a_twin_and_the_literature_s_do_not():
    stages = courses(LITERATURE, 5, 1)[0].stages
    nights = [Night("a", stages, True)]
    given = task(POPULATION, nights, 1)
    same = version_shifts(POPULATION, nights, given, NOBODY, belief=None, arousal_rate=0.0, processes=[LITERATURE] * 3)
    assert same.shape == (3, 12)
    assert not same.any()
    two = [ProcessS(18.2, 2.5), ProcessS(18.2, 6.5)]
    moves = version_shifts(POPULATION, nights, given, NOBODY, belief=None, arousal_rate=0.0, processes=two)
    assert 0.005 < np.abs(moves).max() < 1.0
    assert moves[0] @ moves[1] < 0
