"""What a model leaves out, learned from residuals with a known truth."""

import numpy as np
import pytest
from scipy import stats

from braintwin.inference.discrepancy import learn, predict

FREQ = np.arange(1.0, 40.1, 0.5)
NU, NOISE = 4.0, 0.04
EVERY = np.ones((1, FREQ.size), bool)
VARIANCE = np.full((1, FREQ.size), 0.002)


def bump(height):
    """Return a rhythm at 10 Hz that the model does not have."""
    return height * np.exp(-0.5 * ((FREQ - 10) / 1.5) ** 2)


def noisy(curve, rng):
    return (curve + np.sqrt(NOISE**2 + VARIANCE) * rng.standard_t(NU, curve.shape)).reshape(1, -1)


def test_a_missing_rhythm_is_found_within_its_stated_error():
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(12):
        mean, sd = learn(FREQ, noisy(bump(0.5), rng), VARIANCE, EVERY, NU).average()
        inside.append(np.abs(mean - bump(0.5)) < 1.645 * sd)
        assert mean[0, 18] == pytest.approx(0.5, abs=0.15)
    assert 0.8 < np.mean(inside) <= 1.0


def test_where_nothing_is_missing_nothing_is_learned():
    rng = np.random.default_rng(2)
    mean, _ = learn(FREQ, noisy(0 * FREQ, rng), VARIANCE, EVERY, NU).average()
    assert np.sqrt(np.mean(mean**2)) < 0.02


def test_a_line_that_was_not_masked_does_not_make_a_rhythm():
    rng = np.random.default_rng(3)
    seen = noisy(0 * FREQ, rng)
    seen[0, 42] += 1.5
    mean, _ = learn(FREQ, seen, VARIANCE, EVERY, NU).average()
    assert np.abs(mean).max() < 0.1


def test_another_estimate_is_predicted_better_and_with_honest_width():
    rng = np.random.default_rng(4)
    gain, inside = [], []
    for _ in range(12):
        fitted, judged = noisy(bump(0.4), rng), noisy(bump(0.4), rng)
        model = np.zeros((20, 1, FREQ.size))
        learned = learn(FREQ, fitted, VARIANCE, EVERY, NU)
        score, centre = predict(learned, fitted, model, judged, VARIANCE, NU)
        scale = np.sqrt(np.mean(fitted**2))
        gain.append(float(score.mean() - np.mean(stats.t.logpdf(judged / scale, NU) - np.log(scale))))
        inside.append(np.mean((judged - centre) ** 2))
    assert np.mean(gain) > 0.2
    assert np.mean(inside) < 0.015


def test_unused_bins_do_not_matter():
    rng = np.random.default_rng(5)
    seen, used = noisy(bump(0.3), rng), EVERY.copy()
    used[0, 30:34] = False
    spoilt = seen.copy()
    spoilt[0, 30:34] = 9.0
    first, second = (learn(FREQ, each, VARIANCE, used, NU).average() for each in (seen, spoilt))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
