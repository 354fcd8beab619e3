"""Leave-one-out densities against known tails and exact refits, with every ArviZ that the locks name."""

import numpy as np
import pytest
from scipy import stats

from braintwin.inference.psis import leave_one_out, smooth


def test_the_shape_of_a_pareto_tail_is_found():
    rng = np.random.default_rng(1)
    shapes = np.array([0.2, 0.5, 0.9])
    ratios = np.log(stats.genpareto.rvs(shapes[:, None], size=(3, 400_000), random_state=rng))
    weights, found = smooth(ratios)
    assert found == pytest.approx(shapes, abs=0.15)
    assert np.exp(weights).sum(axis=1) == pytest.approx(1)


def test_equal_ratios_have_no_tail_beside_others_that_do():
    ratios = np.vstack(
        [np.zeros(200), np.random.default_rng(3).normal(0, 1, 200), np.r_[np.full(100, -9.0), np.zeros(100)]]
    )
    weights, shape = smooth(ratios)
    assert np.exp(weights[0]) == pytest.approx(1 / 200)
    assert np.exp(weights).sum(axis=1) == pytest.approx(1)
    assert shape[0] == shape[2] == -np.inf
    assert np.isfinite(shape[1])


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
