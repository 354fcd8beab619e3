"""What a model of a log spectrum leaves out, learned as a smooth function of frequency beside its parameters.

The residual of the fitted log spectrum is a Gaussian process in ln f plus Student-t noise (Kennedy & O'Hagan 2001,
doi:10.1111/1467-9868.00294). It is learned *after* the parameters, from their residuals, and never feeds back: learned
with them it explains the whole spectrum and the parameters nothing (modularisation, doi:10.1214/09-BA404).
Amplitude, length and noise are not chosen but averaged over a grid by their evidence, row by row.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]

AMPLITUDE = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
"""Standard deviations of the discrepancy, nat; 0 is a model that leaves nothing smooth out."""

LENGTH = np.array([0.12, 0.25, 0.5])
"""Correlation lengths, in ln f: a rhythm of 1 Hz at 10 Hz to half the band."""

NOISE = np.array([0.02, 0.04, 0.08, 0.16, 0.32])
"""Scales of the noise that is left, nat."""

AMPLITUDE_SD, NOISE_SD = 0.4, 0.4
"""Scales of the half-normal priors of the two, nat; lengths are equally likely before the data."""

ITERATIONS = 6


@dataclass(frozen=True)
class Discrepancy:
    """The discrepancy of each row (stage or stage and channel) as a mixture over hyperparameters.

    Attributes
    ----------
    weight : (row, component) array
        Posterior weight of each amplitude, length and noise.
    mean, sd : (row, component, freq) array
        Of the discrepancy, nat.
    smoother : (row, component, freq, freq) array
        How the mean depends on the residual.
    noise : (component,) array
        Scale of the Student-t noise about it, nat.
    """

    weight: Floats
    mean: Floats
    sd: Floats
    smoother: Floats
    noise: Floats

    def average(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the discrepancy (row, freq), over all hyperparameters."""
        weight = self.weight[..., None]
        mean = np.sum(weight * self.mean, axis=1)
        square = np.sum(weight * (self.sd**2 + self.mean**2), axis=1)
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def learn(freq: Floats, residual: Floats, variance: Floats, used: npt.NDArray[np.bool_], nu: float) -> Discrepancy:
    """Learn the smooth part of residuals of a log spectrum.

    Parameters
    ----------
    freq : (freq,) array
        Hz.
    residual, variance : (row, freq) array
        Observed minus modelled log spectrum, nat, and the sampling variance of the observed one.
    used : (row, freq) bool array
        Which bins count; the discrepancy is given at the others too.
    nu : float
        Degrees of freedom of the noise.
    """
    grid = np.array([(a, length, s) for a in AMPLITUDE for length in (LENGTH if a else LENGTH[:1]) for s in NOISE])
    prior = -0.5 * ((grid[:, 0] / AMPLITUDE_SD) ** 2 + (grid[:, 2] / NOISE_SD) ** 2)
    # an amplitude of 0 has one length in the grid and must weigh as much as one with all of them
    prior = prior + np.where(grid[:, 0] == 0, np.log(LENGTH.size), 0.0)
    apart = np.log(freq)[:, None] - np.log(freq)
    kernel = grid[:, 0, None, None] ** 2 * np.exp(-0.5 * (apart / grid[:, 1, None, None]) ** 2)
    rows = [_row(kernel, grid[:, 2], residual[i], variance[i], used[i], nu) for i in range(len(residual))]
    weight = np.array([evidence + prior for evidence, *_ in rows])
    weight = np.exp(weight - weight.max(axis=1, keepdims=True))
    mean, sd, smoother = (np.array([row[i] for row in rows]) for i in (1, 2, 3))
    return Discrepancy(weight / weight.sum(axis=1, keepdims=True), mean, sd, smoother, grid[:, 2])


def _row(
    kernel: Floats, noise: Floats, residual: Floats, variance: Floats, used: npt.NDArray[np.bool_], nu: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return log evidence (component,), mean, sd (component, freq) and smoother (component, freq, freq) of one row.

    The mode by expectation-maximisation of the noise's scale mixture; Laplace with the Fisher information of a
    Student-t, which is positive where its Hessian is not.
    """
    seen = np.flatnonzero(used)
    inner, across = kernel[:, seen[:, None], seen], kernel[:, :, seen]
    spread = noise[:, None] ** 2 + variance[seen]
    y = residual[seen]
    eye = np.eye(seen.size)
    effective, right = spread * (nu + 2) / nu, np.broadcast_to(y, spread.shape)[..., None]
    for _ in range(ITERATIONS):
        solved = np.linalg.solve(inner + effective[:, :, None] * eye, right)[..., 0]
        mean = np.einsum("hij,hj->hi", inner, solved)
        effective = (nu * spread + (y - mean) ** 2) / (nu + 1)
    fisher = (nu + 1) / (nu + 3) / spread
    root = np.sqrt(fisher)
    log_det = np.linalg.slogdet(eye + root[:, :, None] * inner * root[:, None, :])[1]
    tail = np.log1p((y - mean) ** 2 / (nu * spread))
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    density = np.sum(constant - 0.5 * np.log(spread) - 0.5 * (nu + 1) * tail, axis=1)
    evidence = density - 0.5 * np.einsum("hi,hi->h", mean, solved) - 0.5 * log_det
    smoother = np.zeros(kernel.shape)
    gain = np.linalg.solve(inner + effective[:, :, None] * eye, np.swapaxes(across, 1, 2))
    smoother[:, :, seen] = np.swapaxes(gain, 1, 2)
    known = np.einsum("hij,hji->hi", across, gain)
    sd = np.sqrt(np.maximum(np.diagonal(kernel, axis1=1, axis2=2) - known, 0.0))
    return evidence, smoother @ np.where(used, residual, 0.0), sd, smoother


def predict(
    found: Discrepancy, observed: Floats, modelled: Floats, judged: Floats, variance: Floats, nu: float
) -> tuple[Floats, Floats]:
    """Return the log density of another estimate of the same log spectra, and the mean that is predicted, (row, freq).

    Parameters
    ----------
    found : Discrepancy
        Learned from `observed` less the mean of `modelled`.
    observed : (row, freq) array
        What was fitted; anything where it was not used.
    modelled : (draw, row, freq) array
        Draws of the model's log spectrum.
    judged, variance : (row, freq) array
        The other estimate and its sampling variance.
    nu : float
        Degrees of freedom of the noise.
    """
    centre = modelled.mean(axis=0)
    about = modelled - centre
    mean = centre[:, None] + np.einsum("rhij,rj->rhi", found.smoother, observed - centre)
    # what the smoother takes up of a draw's departure is not left to predict
    left = about[:, :, None] - np.einsum("rhij,drj->drhi", found.smoother, about)
    spread = np.sqrt(found.noise[:, None] ** 2 + found.sd**2 + left.var(axis=0) + variance[:, None])
    error = (judged[:, None] - mean) / spread
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    log = constant - np.log(spread) - 0.5 * (nu + 1) * np.log1p(error**2 / nu)
    weight = found.weight[..., None]
    mixed = np.log(np.sum(weight * np.exp(log), axis=1))
    return mixed, np.sum(weight * mean, axis=1)
