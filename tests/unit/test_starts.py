"""The search finds the higher of two optima, refuses inadmissible ones and counts who agrees."""

import numpy as np
import pytest

from braintwin.inference.starts import agreement, multistart


def two_hills(point):
    """Return log of two Gaussians at (-2, 0) and (2, 0), the right one 3 nats higher, and its gradient."""
    centres, heights = np.array([[-2.0, 0.0], [2.0, 0.0]]), np.array([0.0, 3.0])
    distance = point - centres
    parts = heights - 4 * np.sum(distance**2, axis=1)
    top = parts.max()
    weight = np.exp(parts - top)
    return float(top + np.log(weight.sum())), -8 * (weight / weight.sum()) @ distance


def test_best_first_and_counts():
    starts = np.array([[-3.0, 1.0], [-1.5, 0.3], [3.0, -1.0], [1.0, 1.0], [2.5, 0.0]])
    optima = multistart(two_hills, starts)
    np.testing.assert_allclose(optima.points[0], [2.0, 0.0], atol=1e-4)
    assert np.all(np.diff(optima.log_posterior) <= 0)
    n_best, gap = agreement(optima.log_posterior)
    assert n_best == 3
    assert gap == pytest.approx(3.0, abs=1e-3)


def test_inadmissible_optima_are_not_best():
    starts = np.array([[-3.0, 1.0], [3.0, -1.0]])
    optima = multistart(two_hills, starts, admissible=lambda points: points[:, 0] < 0)
    np.testing.assert_allclose(optima.points[0], [-2.0, 0.0], atol=1e-4)
    assert optima.log_posterior[1] == -np.inf
    assert agreement(optima.log_posterior) == (1, np.inf)


def test_no_finite_start():
    optima = multistart(lambda point: (-np.inf, np.zeros_like(point)), np.zeros((3, 2)))
    assert agreement(optima.log_posterior) == (0, np.inf)


def test_a_known_shape_saves_steps_and_changes_no_optimum():
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    precision = turn @ np.diag(np.geomspace(1, 1e4, 12)) @ turn.T
    centre, calls = rng.standard_normal(12), [0]

    def hill(point):
        calls[0] += 1
        pull = precision @ (centre - point)
        return float(-0.5 * (centre - point) @ pull - 0.1 * np.sum((point - centre) ** 4)), (
            pull - 0.4 * (point - centre) ** 3
        )

    starts = rng.standard_normal((4, 12))
    plain = multistart(hill, starts)
    used = calls[0]
    known = multistart(hill, starts, covariance=np.linalg.inv(precision))
    assert calls[0] - used < used / 2
    np.testing.assert_allclose(known.points, plain.points, atol=1e-4)
