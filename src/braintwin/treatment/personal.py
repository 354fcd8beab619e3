"""Whether a ranking is this person's own or the population's.

The personalisation index is the Jensen–Shannon divergence between the rank distributions of the person's twin and of
people drawn from the population. Draws of both come in pairs that share operators and noise; if the twin knew nothing
of the person, the two of a pair could be exchanged, and exchanging them at random gives the null.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.treatment.ranking import rank_mass

Floats = npt.NDArray[np.float64]

NULL_QUANTILE = 0.95


@dataclass(frozen=True)
class Personalisation:
    """The index, the 95th percentile of its null, and what following the population would cost.

    Attributes
    ----------
    index, null : float
        Bits, 0 to 1.
    gain : float
        Expected utility of the person's best candidate over the population's best, for this person.
    """

    index: float
    null: float
    gain: float

    @property
    def personal(self) -> bool:
        """Whether the ranking is told apart from the population's."""
        return self.index > self.null


def divergence(p: Floats, q: Floats) -> Floats:
    """Return the Jensen–Shannon divergence of rank distributions, bits, averaged over treatments.

    Parameters
    ----------
    p, q : (..., treatment, rank) float
        Rows sum to one.

    Returns
    -------
    (...) float in [0, 1]
    """
    mixed = (p + q) / 2

    def relative(x: Floats) -> Floats:
        ratio = np.divide(x, mixed, out=np.ones_like(mixed), where=x > 0)
        return np.asarray((x * np.log2(ratio)).sum(axis=-1))

    return np.asarray(np.clip((relative(p) + relative(q)) / 2, 0.0, 1.0).mean(axis=-1))


def personalisation(
    person: Floats, population: Floats, *, permutations: int, rng: np.random.Generator
) -> Personalisation:
    """Compare draws of utility of a person with those of the population.

    Parameters
    ----------
    person, population : (candidate, draw) float
        Draw by draw with the same operators and noise.
    permutations : int
        Exchanges of the pairs for the null.

    Returns
    -------
    Personalisation
    """
    own, others = rank_mass(person), rank_mass(population)
    draws, treatments, _ = own.shape
    index = float(divergence(own.mean(axis=0), others.mean(axis=0)))
    swap = (rng.random((permutations, draws)) < 0.5).astype(np.float64)
    difference = (others - own).reshape(draws, -1)
    moved = (swap @ difference / draws).reshape(permutations, treatments, treatments)
    null = divergence(np.maximum(own.mean(axis=0) + moved, 0.0), np.maximum(others.mean(axis=0) - moved, 0.0))
    mean = person.mean(axis=1)
    gain = float(mean.max() - mean[np.argmax(population.mean(axis=1))])
    return Personalisation(index, float(np.quantile(null, NULL_QUANTILE)), gain)
