"""What a treated night is worth: a weighted sum that a user can see and change."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from braintwin.contracts.simulate import OUTCOMES

Floats = npt.NDArray[np.float64]

COSTS = ("harm", "burden")


def components(
    outcome: Floats, reference: int, harm: Floats, burden: Floats, weights: Mapping[str, float]
) -> tuple[tuple[str, ...], Floats]:
    """Return what each weight contributes to the utility against no change.

    Parameters
    ----------
    outcome : (treatment, draw, outcome) float
        Outcomes as in `contracts.simulate.OUTCOMES`.
    reference : int
        Row of no change.
    harm : (treatment, draw) float
        Log odds ratio of leaving a trial over adverse events.
    burden : (treatment,) float
        0 (nothing) to 1.
    weights : mapping of str to float
        By outcome, and ``harm`` and ``burden``.

    Returns
    -------
    names : tuple of str
    (component, treatment, draw) float

    Raises
    ------
    ValueError
        If a weight names no outcome.
    """
    change = outcome - outcome[reference]
    names, parts = [], []
    for name, weight in weights.items():
        if name == "harm":
            part = weight * (harm - harm[reference])
        elif name == "burden":
            part = np.broadcast_to(weight * (burden - burden[reference])[:, None], harm.shape)
        elif name in OUTCOMES:
            part = weight * change[:, :, OUTCOMES.index(name)]
        else:
            message = f"weight {name!r} names no outcome; known: {', '.join((*OUTCOMES, *COSTS))}"
            raise ValueError(message)
        names.append(name)
        parts.append(part)
    return tuple(names), np.stack(parts)


def weight_factors(names: Sequence[str], samples: int, concentration: float, rng: np.random.Generator) -> Floats:
    """Return factors on the weights, (sample, component): Dirichlet with mean one, for weight sensitivity.

    Stochastic multicriteria acceptability analysis asks how often a treatment comes first when nobody knows the
    weights (doi:10.1287/opre.49.3.444.11220); a larger `concentration` stays nearer to those stated.
    """
    return np.asarray(len(names) * rng.dirichlet(np.full(len(names), concentration), samples))
