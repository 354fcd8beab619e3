"""Operators of a treatment learned from a trial, by empirical Bayes.

Everybody's nights are joined by Laplace's method at the joint mode of their effects and of (β, τ), see
:mod:`braintwin.inference.trial`; the between-person spread of the operators follows by EM with a prior that shrinks
it. A trial of a few people says little of that spread, and the prior is then what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.inference.trial import SIZE, Member, Prior
from braintwin.models.hypnogram import GROUP_OF

Floats = npt.NDArray[np.float64]

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "wake entry": ("n1_w", "n23_w", "r_w"),
    "wake exit": ("w_n1", "w_deep"),
    "deepening": ("n1_n2", "n2_n3"),
    "lightening": ("n3_n2", "n2_n1"),
    "REM entry": ("nrem_r",),
    "REM exit": ("r_nrem",),
}
"""The four mechanisms of Karlsson et al. 2000 (doi:10.1067/mcp.2000.108669) and the two of REM sleep."""


@dataclass(frozen=True)
class OperatorFit:
    """The posterior of a treatment's operators.

    Attributes
    ----------
    mean : (2 × group,) float
        Of (β, τ): the trial's people against the population, and the operators.
    cov : (2 × group, 2 × group) float
    spread : (group,) float
        Between-person sd of the operators.
    prior_sd : float
        Of an operator.
    people, treated_nights, control_nights : int
    """

    mean: Floats
    cov: Floats
    spread: Floats
    prior_sd: float
    people: int
    treated_nights: int
    control_nights: int

    @property
    def operator(self) -> Floats:
        """Return the posterior mean of the operators, (group,)."""
        return self.mean[SIZE:]

    @property
    def operator_cov(self) -> Floats:
        """Return the posterior covariance of the operators, (group, group)."""
        return self.cov[SIZE:, SIZE:]

    @property
    def contraction(self) -> Floats:
        """Return 1 - posterior variance / prior variance of each operator, (group,): 0 where nothing was learned."""
        return np.asarray(1 - np.diag(self.operator_cov) / self.prior_sd**2)

    def family(self, name: str) -> tuple[float, float]:
        """Return the shift common to a family of groups: (mean, sd) by generalised least squares."""
        pick = [GROUPS.index(group) for group in FAMILIES[name]]
        precision = np.linalg.inv(self.operator_cov[np.ix_(pick, pick)])
        total = float(precision.sum())
        return float(precision.sum(axis=0) @ self.operator[pick] / total), total**-0.5


@dataclass
class _Person:
    """What a member adds at the present (β, τ): gradient and curvature, and the moments of δ."""

    at: Floats
    gradient: Floats
    curvature: Floats
    inverse: Floats
    precision: Floats


def _look(member: Member, mean: Floats, spread: Floats, at: Floats, iterations: int) -> _Person:
    from braintwin.inference import night_laplace

    precision = np.linalg.inv(member.covariance(spread))
    precision = (precision + precision.T) / 2
    design = member.design
    expected = member.mean + design @ mean
    counts = member.counts
    _, hessian = night_laplace.mode(
        counts.bounds, member.offset, *counts.arrays, GROUP_OF, expected, precision, at, iterations
    )
    inverse = np.linalg.inv(hessian)
    pull = precision - precision @ inverse @ precision
    return _Person(at, design.T @ precision @ (at - expected), design.T @ pull @ design, inverse, precision)


def _moment(member: Member, found: _Person, mean: Floats, cov: Floats, spread: Floats) -> Floats:
    """Return the posterior second moment of a treated person's δ, (group,)."""
    design = member.design
    across = np.kron(member.treated.astype(float), np.diag(spread**2))
    gain = across @ found.precision
    gap = found.at - member.mean - design @ mean
    moved = found.inverse @ found.precision @ design - design
    around = found.inverse + moved @ cov @ moved.T
    second = np.diag(spread**2) - gain @ across.T + gain @ around @ gain.T
    return np.asarray(np.square(gain @ gap) + np.diag(second))


def fit_operators(
    trial: Sequence[Member], prior: Prior, *, iterations: int = 60, tolerance: float = 1e-4
) -> OperatorFit:
    """Return the operators of a trial's treatment.

    Parameters
    ----------
    trial : sequence of Member
        At least one treated and one untreated night among them.
    prior : Prior
    iterations : int
        Of EM at most.
    tolerance : float
        EM ends where no sd and no mean moves by more.

    Raises
    ------
    ValueError
        If no night is treated, or none is not.
    """
    treated = sum(int(member.treated.sum()) for member in trial)
    nights = sum(len(member.treated) for member in trial)
    if not 0 < treated < nights:
        message = f"{treated} of {nights} nights are treated: expected nights of both kinds"
        raise ValueError(message)
    study = np.mean([member.study_sd for member in trial], axis=0)
    weight = np.diag(1 / np.concatenate([study, np.full(SIZE, prior.operator_sd)]) ** 2)
    mean: Floats = np.zeros(2 * SIZE)
    cov: Floats = np.asarray(np.linalg.inv(weight), dtype=np.float64)
    spread = np.full(SIZE, prior.spread_sd)
    at = [member.mean.copy() for member in trial]
    takers = [i for i, member in enumerate(trial) if member.treated.any()]
    for i in range(iterations):
        before = np.concatenate([mean, spread])
        for _ in range(4 if i == 0 else 2):
            found = [_look(m, mean, spread, place, 25) for m, place in zip(trial, at, strict=True)]
            cov = np.asarray(np.linalg.inv(weight + sum(f.curvature for f in found)), dtype=np.float64)
            mean = mean + cov @ (sum(f.gradient for f in found) - weight @ mean)
        moments = [_moment(trial[k], found[k], mean, cov, spread) for k in takers]
        pooled = sum(moments) + prior.spread_people * prior.spread_sd**2
        spread = np.sqrt(pooled / (len(takers) + prior.spread_people))
        if np.abs(np.concatenate([mean, spread]) - before).max() < tolerance:
            break
    return OperatorFit(mean, (cov + cov.T) / 2, spread, prior.operator_sd, len(trial), treated, nights - treated)
