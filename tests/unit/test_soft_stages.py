"""Hypnograms that an automatic scoring leaves possible: known truth, and scorings that are certain or say nothing."""

import numpy as np
import pytest

from braintwin.inference.nights import Night, task, version_shifts
from braintwin.inference.soft_stages import chain, draw_hypnograms, marginals, power_of, soften
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import NOBODY, first_population

POPULATION = first_population()


def scored(seed: int, noise: float, epochs: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Return a true hypnogram and the probabilities that a scorer with noisy eyes gives: right as often as it says."""
    rng = np.random.default_rng(seed)
    effect = 0.4 * rng.standard_normal((1, 12))
    truth = simulate_nights(POPULATION, effects=effect, uniforms=rng.random((1, epochs)), n_epochs=epochs)[0]
    seen = np.eye(5)[truth] + noise * rng.standard_normal((epochs, 5))
    log = np.log(chain()[1]) + seen / noise**2
    odds = np.exp(log - log.max(axis=1, keepdims=True))
    return truth, odds / odds.sum(axis=1, keepdims=True)


def changes(stages: np.ndarray) -> float:
    return float((np.diff(stages) != 0).sum(axis=-1).mean())


def test_drawn_hypnograms_are_those_of_the_chain_given_the_scoring():
    """By listing all hypnograms of four epochs."""
    _, probability = scored(0, 0.8, 4)
    probability = probability.astype(float)
    power, (step, common) = power_of(probability), chain()
    seen = (probability / common) ** power
    every = np.stack(np.meshgrid(*[np.arange(5)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    weight = common[every[:, 0]] * seen[np.arange(4), every].prod(axis=1)
    weight *= step[every[:, :-1], every[:, 1:]].prod(axis=1)
    weight /= weight.sum()
    exact = np.array([[weight[every[:, t] == s].sum() for s in range(5)] for t in range(4)])
    np.testing.assert_allclose(marginals(seen), exact, atol=1e-12)
    drawn = draw_hypnograms(probability, 20_000, np.random.default_rng(1))
    code = 5 ** np.arange(4)
    share = np.bincount(drawn @ code, minlength=625)[every @ code] / len(drawn)
    assert np.abs(share - weight).max() < 4.5 * np.sqrt(0.25 / len(drawn))


@pytest.mark.parametrize("noise", [0.5, 0.8])
def test_drawn_hypnograms_agree_with_the_scoring_as_it_does_with_the_truth(noise):
    truth, probability = scored(2, noise)
    drawn = draw_hypnograms(probability, 50, np.random.default_rng(3))
    agreed = probability[np.arange(len(truth)), drawn].mean()
    assert agreed == pytest.approx(np.square(probability).sum(axis=1).mean(), abs=0.01)
    assert agreed == pytest.approx(probability[np.arange(len(truth)), truth].mean(), abs=0.05)


def test_drawn_hypnograms_change_stage_as_often_as_the_truth_and_the_most_probable_stages_far_more():
    ratio_hard, ratio_soft = [], []
    for seed in range(6):
        truth, probability = scored(seed, 0.5)
        ratio_hard.append(changes(probability.argmax(axis=1)) / changes(truth))
        ratio_soft.append(changes(draw_hypnograms(probability, 10, np.random.default_rng(seed))) / changes(truth))
    assert np.mean(ratio_hard) > 1.8
    assert 0.7 < np.mean(ratio_soft) < 1.3


def test_a_certain_scoring_has_one_hypnogram_and_changes_nothing():
    truth, _ = scored(4, 0.5)
    night = Night("a", truth, True)
    soft = soften(night, np.eye(5)[truth], 5, np.random.default_rng(0))
    np.testing.assert_array_equal(soft.versions, np.tile(truth, (5, 1)))
    given = task(POPULATION, [soft], 1)
    moves = version_shifts(POPULATION, [soft], given, NOBODY, belief=None, arousal_rate=0.0, processes=[])
    assert moves.shape == (5, 12)
    assert not moves.any()
    assert not version_shifts(POPULATION, [night], given, NOBODY, belief=None, arousal_rate=0.0, processes=[]).size


def test_missing_epochs_stay_missing_and_an_empty_row_says_nothing():
    truth, probability = scored(5, 0.3)
    stages = truth.copy()
    stages[100:110] = -1
    probability[100:110] = np.nan
    probability[200] = 0.0
    soft = soften(Night("a", stages[20:], False, begin=20), probability, 4, np.random.default_rng(0))
    assert (soft.versions[:, 80:90] == -1).all()
    assert (np.delete(soft.versions, np.s_[80:90], axis=1) >= 0).all()
    assert (soft.versions[:, 0] == stages[20]).all()
    np.testing.assert_array_equal(soft.stages, soft.versions[0])


def test_effects_are_nearer_to_those_of_the_truth_and_their_doubt_is_told():
    """Modes under drawn hypnograms against modes under the true one, over people; the most probable stages mislead."""
    hard, soft, score = [], [], []
    for seed in range(12):
        truth, probability = scored(seed, 0.5)
        known = task(POPULATION, [Night("a", truth, True)], 1)
        wrong = task(POPULATION, [Night("a", probability.argmax(axis=1).astype(np.int8), True)], 1)
        night = soften(Night("a", truth, True), probability, 12, np.random.default_rng(seed))
        given = task(POPULATION, [night], 1)
        moves = version_shifts(POPULATION, [night], given, NOBODY, belief=None, arousal_rate=0.0, processes=[])
        modes = given.data["mode"] + moves
        hard.append(wrong.data["mode"] - known.data["mode"])
        soft.append(modes.mean(axis=0) - known.data["mode"])
        score.append(soft[-1][1:] / np.sqrt(modes.var(axis=0, ddof=1)[1:] + 1e-4))
    rms = [float(np.sqrt(np.square(x).mean())) for x in (hard, soft)]
    assert rms[1] < 0.6 * rms[0]
    assert float(np.sqrt(np.square(score).mean())) < 2.5
