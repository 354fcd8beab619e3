"""Mass about an optimum: Laplace and bridge sampling against densities whose integral is known."""

import numpy as np
import pytest
from scipy.special import gammaln

from braintwin.inference.evidence import bridge, curvature, laplace

RNG = np.random.default_rng(4)
ROOT = np.linalg.cholesky(np.array([[1.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.25]]))
PRECISION = np.linalg.inv(ROOT @ ROOT.T)


def gaussian(point):
    """Return a Gaussian of log mass 2.5, and its gradient."""
    height = 2.5 - 1.5 * np.log(2 * np.pi) - np.log(np.diag(ROOT)).sum()
    return height - 0.5 * point @ PRECISION @ point, -PRECISION @ point


def skewed(point):
    """Return the log of a gamma variable of shape 3 (log mass ln Γ(3)) beside a standard normal of log mass 0."""
    u, v = point
    return 3 * u - np.exp(u) - 0.5 * v**2 - 0.5 * np.log(2 * np.pi), np.array([3 - np.exp(u), -v])


def test_curvature_and_laplace_of_a_gaussian():
    np.testing.assert_allclose(curvature(gaussian, np.zeros(3)), PRECISION, atol=1e-6)
    log_mass, covariance = laplace(gaussian, np.zeros(3))
    assert log_mass == pytest.approx(2.5, abs=1e-6)
    np.testing.assert_allclose(covariance, ROOT @ ROOT.T, atol=1e-6)


def test_bridge_sampling_of_a_gaussian_and_of_a_skewed_density():
    draws = (RNG.standard_normal((4, 500, 3)) @ ROOT.T).reshape(4, 500, 3)
    value, error = bridge(gaussian, draws, RNG)
    assert value == pytest.approx(2.5, abs=0.02)
    assert error < 0.03
    draws = np.stack([np.log(RNG.gamma(3.0, size=(4, 2000))), RNG.standard_normal((4, 2000))], axis=-1)
    value, _ = bridge(skewed, draws, RNG)
    assert value == pytest.approx(gammaln(3.0), abs=0.03)
    assert laplace(skewed, np.array([np.log(3.0), 0.0]))[0] == pytest.approx(gammaln(3.0), abs=0.05)
