"""Why the order is not surer than it is: weights, trials, people, nights; and what the twins add to it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from braintwin.treatment.ranking import rank_mass

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SOURCES = ("trial", "heterogeneity", "person", "night")
"""Error of trials (and of bridges and comparators), differences between people in their response, what is not known of
this person, and nights with all that factors do together."""

GUIDELINE = (
    "Guidelines put CBT-I before any drug for chronic insomnia (doi:10.1111/jsr.14035, doi:10.5664/jcsm.8986), for its "
    "lasting effect and on what people report; this order is not in the numbers here"
)


def acceptability(component: Floats, factors: Floats, candidate: Bools) -> Floats:
    """Return how often each candidate takes each rank of expected utility when the weights vary, (treatment, rank).

    Rank acceptability of stochastic multicriteria analysis (doi:10.1287/opre.49.3.444.11220); rows of zeros for the
    others.

    Parameters
    ----------
    component : (component, treatment, draw) float
        Contributions to the utility at the stated weights.
    factors : (sample, component) float
        Factors on the weights.
    candidate : (treatment,) bool
    """
    mean = component.mean(axis=2).T @ factors.T
    chosen = np.flatnonzero(candidate)
    share = np.zeros((len(candidate), len(candidate)))
    share[np.ix_(chosen, np.arange(chosen.size))] = rank_mass(mean[chosen]).mean(axis=0)
    return share


def _columns(values: Floats) -> Floats:
    """Return what varies in (draw, quantity) as few orthogonal columns, centred."""
    centred = values - values.mean(axis=0)
    if not centred.size or not np.isfinite(centred).all():
        return np.zeros((len(values), 0))
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, size > 1e-6 * max(float(size.max(initial=0.0)), 1e-12)])


def explained(value: Floats, factors: Mapping[str, Floats]) -> dict[str, float]:
    """Return how much of the variance of draws each factor explains linearly, and the rest under ``night``.

    Factors are drawn independently of each other, so that their parts add up (first-order effects). Each part is
    lessened by what as many columns of noise would explain.

    Parameters
    ----------
    value : (draw,) float
    factors : mapping of str to (draw, quantity) float
    """
    return _shared_out(value, {name: _columns(part) for name, part in factors.items()})


def _shared_out(value: Floats, columns: Mapping[str, Floats]) -> dict[str, float]:
    """Return the same of factors whose columns are orthogonal, (draw, column) each."""
    design = np.hstack([*columns.values()])
    draws, used = len(value), design.shape[1]
    centred = value - value.mean()
    total = float(centred @ centred)
    if total == 0 or used >= draws - 1:
        return {**dict.fromkeys(columns, 0.0), "night": 0.0}
    weight = np.linalg.solve(design.T @ design + 1e-9 * np.eye(used), design.T @ centred)
    noise = float(((centred - design @ weight) ** 2).sum()) / (draws - used - 1)
    found, start = {}, 0
    for name, part in columns.items():
        stop = start + part.shape[1]
        fitted = part @ weight[start:stop]
        found[name] = max(float(fitted @ fitted) - noise * part.shape[1], 0.0)
        start = stop
    found["night"] = max(total - sum(found.values()), 0.0)
    return found


def uncertainty_shares(
    utility: Floats, candidate: Bools, best: int, by_treatment: Mapping[str, Floats], person: Floats
) -> tuple[Floats, Floats]:
    """Return where the uncertainty of the order comes from: what decides between the best and each other candidate.

    Parameters
    ----------
    utility : (treatment, draw) float
    candidate : (treatment,) bool
    best : int
        Row of the highest expected utility.
    by_treatment : mapping of str to (treatment, draw, quantity) float
        Under ``trial`` and ``heterogeneity``: what was drawn of each treatment.
    person : (draw, quantity) float
        What was drawn of the person.

    Returns
    -------
    of_order : (source,) float
        Shares of SOURCES over all candidates; they add to 1 (NaN where there is nothing to decide).
    of_treatment : (treatment, source) float
        The same for the lead of the best over each; NaN for the best and for those that are no candidate.
    """
    rivals = [int(t) for t in np.flatnonzero(candidate) if t != best]
    each = np.full((len(candidate), len(SOURCES)), np.nan)
    total = np.zeros(len(SOURCES))
    of_person = _columns(person)  # the same for every rival, and a third of the work
    for t in rivals:
        columns = {name: _columns(np.hstack([part[best], part[t]])) for name, part in by_treatment.items()}
        found = _shared_out(utility[best] - utility[t], {**columns, "person": of_person})
        parts = np.array([found[name] for name in SOURCES])
        if parts.sum() > 0:
            each[t] = parts / parts.sum()
            total += parts
    whole = total.sum()
    return (total / whole if whole > 0 else np.full(len(SOURCES), np.nan)), each


def shift_of_utility(own: Floats, other: Floats, candidate: Bools) -> tuple[float, bool]:
    """Return the mean absolute shift of expected utility of the candidates, and whether the same one is highest.

    Parameters
    ----------
    own, other : (treatment,) float
        Expected utility with all parts of the twin, and without one of them.
    candidate : (treatment,) bool
    """
    chosen = np.flatnonzero(candidate)
    moved = float(np.abs(own[chosen] - other[chosen]).mean())
    return moved, bool(np.argmax(own[chosen]) == np.argmax(other[chosen]))
