"""Is this twin personal: does it expect a night that it has not seen better than the population does.

Every night of a person is left out in turn; what the others leave of the person is scored on it against what the
population, with age, sex and AHI, expects. The safe twin mixes the two by how far the nights, and people before this
one, speak for the person's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.inference.night_counts import CountTable
from braintwin.inference.night_evidence import night_evidence, prior_belief
from braintwin.models.population import Draws, Population, Who

Floats = npt.NDArray[np.float64]

OWN_WEIGHT = 0.7
"""Weight of the own twin before any left-out night was scored, as nested cross-validation over people chose it
(docs/explanation/hypnogram-twin.md)."""


@dataclass(frozen=True)
class PersonTest:
    """How a person's twin does on nights that it has not seen.

    Attributes
    ----------
    gains : (night,) float
        Log score of each night, left out, by the own twin over the population, nats; empty for a single night.
    ess : float
        Least effective sample size of the marginal likelihoods; NaN for a single night.
    """

    gains: Floats
    ess: float

    @property
    def own_weight(self) -> float:
        """Return the weight of the own twin in the safe twin: the posterior odds of the two by the left-out nights."""
        odds = np.log(OWN_WEIGHT) - np.log1p(-OWN_WEIGHT) + float(self.gains.sum())
        return float(1 / (1 + np.exp(-odds)))

    @property
    def verdict(self) -> str:
        """Return own, population (the left-out nights speak for it) or unknown (there is none)."""
        if not self.gains.size:
            return "unknown"
        return "own" if self.own_weight >= 0.5 else "population"


def mixture(gain: npt.ArrayLike, weight: float) -> Floats:
    """Return the log score over the population of a mixture of own twin and population, given the own twin's."""
    return np.asarray(np.logaddexp(np.log(weight) + np.asarray(gain), np.log1p(-weight)))


def choose_weight(gains: Floats, grid: Sequence[float] = tuple(np.linspace(0.05, 0.95, 19))) -> float:
    """Return the weight of the own twin that people's left-out nights favour, (person,) gains."""
    scores = [float(mixture(gains, weight).mean()) for weight in grid]
    return float(grid[int(np.argmax(scores))])


def nested_mixture(gains: Floats, folds: npt.NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Return mixed scores (person,) whose weight was chosen on the people of the other folds, and the weights."""
    score, weight = np.empty_like(gains), np.empty_like(gains)
    for fold in np.unique(folds):
        out = folds == fold
        weight[out] = choose_weight(gains[~out])
        score[out] = mixture(gains[out], weight[out][0])
    return score, weight


def permutation_p(scores: Floats, rng: np.random.Generator, permutations: int = 9999) -> float:
    """Return the one-sided p-value that own twins score higher than twins dealt out at random.

    Parameters
    ----------
    scores : (night's person, twin's person) float
        Log score of each person's left-out night under each person's twin.
    """
    n = len(scores)
    own = np.trace(scores)
    dealt = np.array([scores[np.arange(n), rng.permutation(n)].sum() for _ in range(permutations)])
    return float((1 + (dealt >= own).sum()) / (1 + permutations))


def person_test(
    population: Population,
    counts: CountTable,
    who: Who,
    *,
    arousal_rate: float = 0.0,
    rng: np.random.Generator,
    most: int = 8,
) -> PersonTest:
    """Leave out each of a person's nights in turn, `most` of them at most.

    Parameters
    ----------
    population : Population
        One that did not learn from this person, see :meth:`Population.for_person`.
    counts : CountTable
        The person's nights, the first one first.
    """
    nights = len(counts)
    if nights < 2:
        return PersonTest(np.empty(0), float("nan"))
    prior, first = prior_belief(population, who), np.arange(nights) == 0
    gains, least = [], np.inf
    for i in np.unique(np.linspace(0, nights - 1, min(nights, most)).round().astype(int)):
        others = counts.pick([j for j in range(nights) if j != i])
        kept = np.delete(first, i)
        belief = night_evidence(
            population, others, prior, arousal_rate=arousal_rate, first=kept, who=who, rng=rng
        ).belief
        night = counts.of(int(i), int(i) + 1)
        own, base = (
            night_evidence(population, night, known, arousal_rate=arousal_rate, first=first[i], who=who, rng=rng)
            for known in (belief, prior)
        )
        gains.append(own.log_probability - base.log_probability)
        least = min(least, own.ess, base.ess)
    return PersonTest(np.array(gains), float(least))


def safe_twin(own: Draws, population: Draws, weight: float) -> Draws:
    """Return the twin of which a share `weight` of the draws is the person's own, the rest the population's.

    Own draws come first of every block, so that the share holds for any evenly spaced part of them.
    """
    n = len(own.person_effect)
    if len(population.person_effect) != n:
        message = f"{len(population.person_effect)} draws of the population, expected {n}"
        raise ValueError(message)
    rank = (np.arange(n) * 0.6180339887498949) % 1.0
    mine = (rank < weight)[:, None]
    return Draws(
        np.where(mine, own.person_effect, population.person_effect),
        np.where(mine, own.night_effect, population.night_effect),
        np.where(mine, own.night_sd, population.night_sd),
        own.night_corr,
    )
