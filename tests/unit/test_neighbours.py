"""How many neighbouring frequencies say the same thing: independent errors count in full, smeared ones do not."""

import numpy as np
import pytest

from braintwin.inference.neighbours import repeats, scores

FREQ = np.arange(1.0, 40.1, 0.5)
EVERYTHING = np.ones((5, FREQ.size), bool)


def errors(seed, smear, spectra=5):
    """Return Student-t errors (spectrum, freq), smeared over neighbours by the weights `smear`."""
    rng = np.random.default_rng(seed)
    fresh = rng.standard_t(4.0, (spectra, FREQ.size + len(smear) - 1))
    return np.array([np.convolve(row, smear, mode="valid") for row in fresh])


def nothing_taken(used):
    return np.zeros((*used.shape, 1))


def counted(error, used=EVERYTHING, reach=None):
    spread = np.full(error.shape, error[used].std() * np.sqrt(0.5))
    reach = nothing_taken(used) if reach is None else reach
    return float(repeats(scores(error, spread, used, 4.0)[None], used[None], reach[None], 0.5)[0])


def test_independent_errors_count_in_full():
    found = [counted(errors(seed, [1.0])) for seed in range(40)]
    assert np.median(found) == 1.0
    assert np.mean(found) < 1.05


@pytest.mark.parametrize("smear", [(0.5, 1.0, 0.5), (1.0, 1.0, 1.0, 1.0)])
def test_smeared_errors_count_for_fewer(smear):
    """The integrated autocorrelation of a moving average is known: (Σ w)² / Σ w²."""
    known = np.sum(smear) ** 2 / np.sum(np.square(smear))
    found = np.mean([counted(errors(seed, smear)) for seed in range(60)])
    assert found == pytest.approx(known, rel=0.15)


def test_bins_that_are_not_used_say_nothing():
    used = EVERYTHING.copy()
    used[:, 20:26] = False
    clean = errors(3, (0.5, 1.0, 0.5))
    spoilt = np.where(used, clean, 1e6)
    assert counted(spoilt, used) == counted(clean, used)
    nobody = np.zeros_like(used)
    pull = scores(clean, np.ones(clean.shape), nobody, 4.0)
    assert repeats(pull[None], nobody[None], nothing_taken(nobody)[None], 0.5).tolist() == [1.0]


def test_each_stage_has_its_own():
    """As far as all stages together are correlated each one is asked, and one that is not keeps its bins."""
    smear, spread = (0.5, 1.0, 1.0, 0.5), np.full((1, FREQ.size), 1.5)
    used, known, found = EVERYTHING[:2, None], np.sum(smear) ** 2 / np.sum(np.square(smear)), []
    for seed in range(60):
        pull = scores(np.stack([errors(seed, smear, 1), errors(1000 + seed, [1.0], 1)]), spread, used, 4.0)
        found.append(repeats(pull, used, np.zeros((*used.shape, 1)), 0.5))
    assert np.mean(found, axis=0) == pytest.approx([known, 1.0], rel=0.2)
    assert np.quantile(found, 0.9, axis=0)[1] < 0.6 * known


def test_what_a_fit_takes_away_is_given_back():
    """Residuals of independent errors about a fitted curve are correlated by minus the hat matrix, and count as 1."""
    curve = np.linalg.qr(np.vander(np.linspace(-1, 1, FREQ.size), 12))[0]
    taken, given = [], []
    for seed in range(60):
        error = errors(seed, (0.5, 1.0, 0.5))
        left = error - error @ curve @ curve.T
        taken.append(counted(left))
        given.append(counted(left, reach=np.broadcast_to(curve, (5, *curve.shape))))
    known = 2.0**2 / 1.5
    assert np.mean(taken) < 0.85 * known
    assert np.mean(given) > np.mean(taken) + 0.1
    assert np.mean(given) < 1.1 * known


def test_far_bins_pull_less():
    pull = scores(np.array([1.0, 2.0, 100.0]), np.ones(3), np.ones(3, bool), 4.0)
    assert pull[2] < pull[0] < pull[1]
