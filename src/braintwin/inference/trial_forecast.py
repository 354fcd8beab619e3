"""A treated night foretold: from the person's untreated nights and from what the treatment did to the others.

Every person of a trial is left out in turn. The operators come from the other people; the person's own untreated
nights say who they are; their treated night is scored against four rivals:

``own``         own nights and operators
``no change``   own nights, as if untreated
``mean``        own nights and the operators' mean, the same for everybody and known exactly
``population``  operators, and nothing of the person but age, sex and AHI

All are conditionals of one normal prior of the stacked effects, so that what an untreated night tells of the trial's
people (β) and of the treatment (τ) is counted once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.inference.night_counts import CountTable
from braintwin.inference.night_evidence import FREEDOM, importance, systematic
from braintwin.inference.trial import SIZE, Member, Prior
from braintwin.inference.trial_fit import OperatorFit, fit_operators
from braintwin.models.population import root

Floats = npt.NDArray[np.float64]

RIVALS = ("own", "no change", "mean", "population")
DRAWS = 1000


@dataclass(frozen=True)
class Forecast:
    """What is expected of one treated night.

    Attributes
    ----------
    log_probability : float
        Log probability of the night that came, nats.
    ess : float
        Least effective number of the draws that it rests on.
    effect : (draw, group) float
        Draws of the effects of the night before it came.
    """

    log_probability: float
    ess: float
    effect: Floats


def weigh_nights(
    counts: CountTable, offset: Floats, mean: Floats, cov: Floats, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float, Floats]:
    """Return the log marginal likelihood of nights, its effective sample size, and draws of their effects.

    Parameters
    ----------
    mean : (night × group,) float
    cov : (night × group, night × group) float
        Prior of the stacked effects, of any structure.

    Returns
    -------
    log_probability, ess : float
    effects : (draw, night × group) float
        Equally weighted draws from the posterior.
    """
    precision = np.linalg.inv(cov)
    precision = (precision + precision.T) / 2
    chi = np.sqrt(rng.chisquare(FREEDOM, draws) / FREEDOM)
    normals = rng.standard_normal((draws, len(mean)))
    value, weight, drawn = importance(counts, offset, mean, precision, normals, chi)
    return value, float(1 / np.square(weight).sum()), drawn[systematic(weight, draws, rng)]


def stacked_prior(member: Member, fit: OperatorFit, rival: str) -> tuple[Floats, Floats]:
    """Return mean and covariance of all nights of a person, untreated and treated, as a rival sees them."""
    design, mean, cov, spread = member.design, fit.mean.copy(), fit.cov.copy(), fit.spread
    if rival == "no change":
        design = design.copy()
        design[:, SIZE:] = 0.0
    if rival == "mean":
        cov[SIZE:], cov[:, SIZE:] = 0.0, 0.0
    if rival in ("no change", "mean"):
        spread = np.zeros(SIZE)
    return member.mean + design @ mean, member.covariance(spread) + design @ cov @ design.T


def foretell(
    member: Member, night: int, fit: OperatorFit, rival: str, rng: np.random.Generator, draws: int = DRAWS
) -> Forecast:
    """Return the forecast of one treated night, given the person's untreated nights.

    Parameters
    ----------
    night : int
        Position of the treated night.
    fit : OperatorFit
        Learned without this person.
    rival : str
        One of RIVALS.
    rng : Generator
        Generators in the same state give rivals the same noise.
    """
    mean, cov = stacked_prior(member, fit, rival)
    given = [] if rival == "population" else np.flatnonzero(~member.treated).tolist()
    known, target = _rows(given), _rows([night])
    start = int(rng.integers(2**63))

    def weighed(which: list[int]) -> tuple[float, float, Floats]:
        rows = _rows(which)
        cells = np.concatenate([np.flatnonzero(member.counts.owner == i) for i in which])
        counts, offset = member.counts.pick(which), member.offset[cells]
        return weigh_nights(counts, offset, mean[rows], cov[np.ix_(rows, rows)], np.random.default_rng(start), draws)

    joint, ess, _ = weighed([*given, night])
    noise = np.random.default_rng([start, 1]).standard_normal((draws, SIZE))
    if not given:
        return Forecast(joint, ess, mean[target] + noise @ root(cov[np.ix_(target, target)]))
    before, least, effects = weighed(given)
    gain = np.linalg.solve(cov[np.ix_(known, known)], cov[np.ix_(known, target)]).T
    rest = cov[np.ix_(target, target)] - gain @ cov[np.ix_(known, target)]
    expected = mean[target] + (effects - mean[known]) @ gain.T
    return Forecast(joint - before, min(ess, least), expected + noise @ root(rest))


def _rows(nights: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the rows of some nights among the stacked effects."""
    return np.concatenate([np.arange(i * SIZE, (i + 1) * SIZE) for i in nights] or [np.zeros(0, np.int64)])


def left_out(trial: Sequence[Member], person: int, prior: Prior) -> OperatorFit:
    """Return the operators learned from everybody but one person."""
    return fit_operators([member for i, member in enumerate(trial) if i != person], prior)


def can_be_foretold(member: Member) -> bool:
    """Tell whether a person has nights of both kinds."""
    return bool(member.treated.any() and not member.treated.all())
