"""Leave-one-out densities against ArviZ and against exact refits."""

import numpy as np
import pytest
from scipy import stats

from braintwin.inference.psis import leave_one_out, smooth


def test_smoothed_weights_and_tail_shape_agree_with_arviz():
    arviz = pytest.importorskip("arviz")
    if not hasattr(arviz, "psislw"):
        pytest.skip("this ArviZ has no psislw")
    rng = np.random.default_rng(1)
    for ratio in (rng.normal(0, 0.5, 1000), rng.normal(0, 2.5, 1000), rng.standard_t(2, 600)):
        ours, shape = smooth(ratio)
        theirs, their_shape = arviz.psislw(ratio.copy())
        assert shape == pytest.approx(float(their_shape), abs=0.02)
        assert np.exp(ours) == pytest.approx(np.exp(np.asarray(theirs)), abs=0.01)


def test_equal_ratios_have_no_tail():
    weights, shape = smooth(np.zeros(200))
    assert np.exp(weights) == pytest.approx(1 / 200)
    assert shape == -np.inf


def test_leaving_out_is_what_a_refit_without_the_point_predicts():
    # normal data with known sd and a flat prior: the posterior without point i, and its predictive, are closed forms
    rng = np.random.default_rng(2)
    y = np.append(rng.normal(0, 1, 30), 3.0)
    draws = rng.normal(y.mean(), 1 / np.sqrt(y.size), 20000)
    found, shape = leave_one_out(stats.norm.logpdf(y, draws[:, None], 1))
    rest = (y.sum() - y) / (y.size - 1)
    exact = stats.norm.logpdf(y, rest, np.sqrt(1 + 1 / (y.size - 1)))
    assert found == pytest.approx(exact, abs=0.02)
    assert (shape < 0.7).all()
