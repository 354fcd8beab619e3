"""Posterior modes by Gauss-Newton, for contrasts that should be met together where they can be."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from braintwin.treatment.calibration_parameters import Parameter

Floats = npt.NDArray[np.float64]

ITERATIONS, SLOPES, REWEIGHTINGS = 4, 2, 60
NEAR_ENOUGH = 0.9


def fit(
    predict: Callable[[Floats], Floats],
    parameters: Sequence[Parameter],
    aim: Floats,
    error: Floats,
    weight: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the posterior mode, its covariance, the slopes and the contrasts there, by Gauss-Newton.

    Where the mode leaves a contrast more than a standard error away, weight moves to it for as long as this brings
    the largest distance down: contrasts that can be met together, each within its error, are met.

    Parameters
    ----------
    predict : function
        Contrasts (contrast,) of parameters (parameter,); deterministic.
    aim, error : (contrast,) float
        What was measured, and its standard errors.
    weight : (contrast,) float
        How much of the information of each counts; 0 where it is left out.
    """
    prior, sd = np.array([p.mean for p in parameters]), np.array([p.sd for p in parameters])
    precision = np.diag(1 / sd**2)
    at, now = prior.copy(), predict(prior)
    slope = np.zeros((len(aim), len(prior)))
    given = weight / error**2

    def posterior(information: Floats) -> tuple[Floats, Floats]:
        inverse = slope.T @ (information[:, None] * slope) + precision
        push = slope.T @ (information * (aim - now)) - precision @ (at - prior)
        return np.asarray(np.linalg.solve(inverse, push)), np.asarray(np.linalg.inv(inverse))

    for iteration in range(ITERATIONS):
        if iteration < SLOPES:
            for k, parameter in enumerate(parameters):
                ahead = at.copy()
                ahead[k] += parameter.step
                slope[:, k] = (predict(ahead) - now) / parameter.step
        move, _ = posterior(given)
        if iteration >= SLOPES - 1:
            move = _nearest(posterior, given, slope, now, aim, error)
        at = at + np.clip(move, -2 * sd, 2 * sd)
        now = predict(at)
    return at, posterior(given)[1], slope, now


def _nearest(
    posterior: Callable[[Floats], tuple[Floats, Floats]],
    given: Floats,
    slope: Floats,
    now: Floats,
    aim: Floats,
    error: Floats,
) -> Floats:
    """Return the move that leaves no used contrast farther away than need be, starting from the posterior's own."""
    counts = given > 0
    information, best, move = given.copy(), np.inf, np.zeros(slope.shape[1])
    for _ in range(REWEIGHTINGS):
        tried, _ = posterior(information)
        distance = np.where(counts, np.abs(now + slope @ tried - aim) / error, 0.0)
        if distance.max() < best - 1e-3:
            best, move = float(distance.max()), tried
        if best < NEAR_ENOUGH:
            break
        information = information * np.exp(0.3 * (distance - distance[counts].mean())) * counts
    return move
