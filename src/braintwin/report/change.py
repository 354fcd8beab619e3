"""What would change the answer: other weights, better knowledge, another diagnosis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from braintwin.report import numbers
from braintwin.report.answer import best_row
from braintwin.report.material import is_ranked
from braintwin.report.names import in_words
from braintwin.report.utility import COST_WORDS, draws_of, parts, stamped, weights
from braintwin.treatment.library import Library

_FURTHEST = 10.0
"""Factor on a weight beyond which it is said that no such weight changes the answer."""


@dataclass(frozen=True)
class Turn:
    """A weight at which another treatment takes over: name, unit, stated and turning values, and which treatment."""

    name: str
    unit: str
    stated: str
    turns: str
    then: str


@dataclass(frozen=True)
class Changes:
    """Sentences, and for each weight where the order turns."""

    sentences: list[str]
    turns: list[Turn]


def what_would_change(ranking: xr.Dataset, simulated: xr.Dataset | None, library: Library) -> Changes | None:
    """Return what would change the answer of a ranking; None where nothing is ranked."""
    best = best_row(ranking)
    if best is None or not is_ranked(ranking):
        return None
    sentences = [
        *_knowledge(ranking, simulated, best),
        *_sources(ranking),
        *what_twins_add([ranking]),
        *_weights_said(ranking, best),
        *_outside(ranking, best),
    ]
    return Changes(sentences, _turns(ranking, library, best))


def _knowledge(ranking: xr.Dataset, simulated: xr.Dataset | None, best: int) -> list[str]:
    """Say what perfect knowledge would be worth, and whether it lacks on the treatments' side or the person's."""
    row = ranking.isel(treatment=best)
    digits = numbers.digits_for(float(row["utility_mcse"]), 1)
    regret, mcid = float(row["expected_regret"]), stamped(ranking.attrs, "mcid")
    said = (
        f"Knowing beforehand how each treatment would turn out would be worth {numbers.fixed(regret, digits)} of "
        "utility (expected regret)"
    )
    if mcid is not None:
        said += ", more" if regret > mcid else ", less"
        said += f" than the smallest difference that matters ({mcid:g})"
    found = [said + "."]
    share = treatment_share(ranking, simulated, str(row["treatment"].values)) if simulated is not None else None
    if share is not None:
        found.append(_lacking(ranking, str(row["label"].values), share))
    return found


def _lacking(ranking: xr.Dataset, label: str, share: float) -> str:
    """Say on whose side knowledge lacks: the treatment's or the nights'."""
    personal = ranking.attrs.get("verdict") != "population"
    nights = "what is not known of this person's nights" if personal else "how people and their nights differ"
    text = (
        f"About {round(100 * share, -1):.0f} % of the spread of the utility of {label} comes from what is not known of "
        f"the treatment (error of the trials, differences between people in its effect), the rest from {nights}."
    )
    if share >= 0.6:
        return text + " Better trials would narrow it most."
    if share <= 0.4:
        return text + " More recorded nights would narrow it most."
    return text


SOURCE_WORDS = {
    "trial": "the error of trials, bridges and comparators",
    "heterogeneity": "how differently people respond",
    "person": "what is not known of this person",
    "night": "nights, and all of these together",
}


def _sources(ranking: xr.Dataset) -> list[str]:
    """Say where the uncertainty of the order comes from."""
    if "rank_uncertainty_share" not in ranking:
        return []
    found = dict(zip((str(s) for s in ranking["source"].values), ranking["rank_uncertainty_share"].values))
    if not np.isfinite(list(found.values())).all():
        return []
    listed = [f"{100 * share:.0f} % {SOURCE_WORDS[name]}" for name, share in found.items()]
    return [f"Of the uncertainty of the order, {numbers.listing(listed)}."]


def what_twins_add(rankings: Sequence[xr.Dataset]) -> list[str]:
    """Say how far expected utilities move if only the population is known, and without connectome and spectral twin.

    One ranking, or those of a cohort.
    """
    attrs = [ranking.attrs for ranking in rankings if is_ranked(ranking)]
    moved = [m for a in attrs if (m := stamped(a, "shift_population_only")) is not None]
    if not moved:
        return []
    same = sum(stamped(a, "same_best_population") == 1 for a in attrs)
    best = f"the highest is the same for {same} of {len(moved)}"
    if len(moved) == 1:
        best = f"the highest is {'the same' if same else 'another one'}"
    said = [
        f"With the population alone in place of the own twin, the candidates' expected utilities are "
        f"{numbers.fixed(float(np.mean(moved)), 2)} apart on average, and {best}."
    ]
    spectral = [m for a in attrs if (m := stamped(a, "shift_without_spectral")) is not None and np.isfinite(m)]
    if spectral:
        shift = float(np.mean(spectral))
        said.append(
            "Without the connectome and the spectral twin "
            + (
                "nothing moves: no simulated night rests on them."
                if shift == 0
                else f"they move by {numbers.fixed(shift, 2)}."
            )
        )
    return said


def treatment_share(ranking: xr.Dataset, simulated: xr.Dataset, key: str) -> float | None:
    """Return the share of the variance of a treatment's utility that its operators explain linearly (adjusted R²).

    The utility of sleep alone, without harm and burden. None where there are too few draws, or nothing varies.
    """
    stated = {name: w for name, w in weights(ranking.attrs).items() if name in simulated["outcome"].values}
    source = "population_outcome_value" if ranking.attrs.get("verdict") == "population" else "outcome_value"
    if key not in simulated["treatment"].values or "none" not in simulated["treatment"].values or not stated:
        return None
    change = simulated[source].sel(treatment=key) - simulated[source].sel(treatment="none")
    utility = sum(w * change.sel(outcome=name).values for name, w in stated.items())
    columns = [simulated["operator_value"].sel(treatment=key).values]
    for name in ("time_in_bed_change", "arousal_factor"):
        if name in simulated:
            columns.append(simulated[name].sel(treatment=key).values[:, None])
    operators = np.concatenate(columns, axis=1)
    operators = operators - operators.mean(axis=0)
    rank = int(np.linalg.matrix_rank(operators)) if np.isfinite(operators).all() else 0
    draws = np.asarray(utility, float)
    centred = draws - draws.mean()
    if rank == 0 or draws.size < 10 * (rank + 1) or not np.isfinite(centred).all() or np.ptp(centred) == 0:
        return None
    fitted = operators @ np.linalg.lstsq(operators, centred, rcond=None)[0]
    left = ((centred - fitted) ** 2).sum() / (centred**2).sum()
    return float(np.clip(1 - left * (draws.size - 1) / (draws.size - rank - 1), 0, 1))


def _weights_said(ranking: xr.Dataset, best: int) -> list[str]:
    """Say how often another treatment comes first under random weights."""
    if "weight_first_share" not in ranking:
        return []
    share = ranking["weight_first_share"].values
    others = [i for i in np.argsort(-np.nan_to_num(share), kind="stable") if i != best and share[i] >= 0.05][:4]
    listed = numbers.listing([f"{ranking['label'].values[i]!s} in {100 * share[i]:.0f} %" for i in others])
    own = numbers.probability(float(share[best]))
    return [
        f"With random weights around those stated, {ranking['label'].values[best]!s} keeps the highest expected "
        f"utility in {own} of them" + (f"; {listed}." if others else "; no other reaches 5 %.")
    ]


def _outside(ranking: xr.Dataset, best: int) -> list[str]:
    """Name what has a higher expected utility and is no candidate."""
    utility, reasons = ranking["expected_utility"].values, ranking.get("not_candidate_reason")
    above = [
        i
        for i in range(ranking.sizes["treatment"])
        if not bool(ranking["candidate"].values[i]) and utility[i] > utility[best]
    ]
    if not above:
        return []

    by_reason: dict[str, list[str]] = {}
    for i in above:
        why = in_words(str(reasons.values[i])) if reasons is not None else ""
        by_reason.setdefault(why, []).append(str(ranking["label"].values[i]))
    parts = []
    for why, labels in by_reason.items():
        shown = labels if len(labels) <= 4 else [*labels[:3], f"{len(labels) - 3} more"]
        parts.append(numbers.listing(shown) + (f" ({why})" if why else ""))
    return [f"Higher in expected utility, but no candidate for this person: {'; '.join(parts)}."]


def _turns(ranking: xr.Dataset, library: Library, best: int) -> list[Turn]:
    """Return for each weight the nearest value at which another candidate overtakes the best, all others kept."""
    found = parts(ranking, library)
    if found is None or draws_of(ranking) == 0:
        return []
    others = [i for i in range(len(found.keys)) if i != best and bool(ranking["candidate"].values[i])]
    lead = found.part.sum(axis=1)[best] - found.part.sum(axis=1)
    lines = []
    for k, name in enumerate(found.names):
        difference = found.part[best, k] - found.part[:, k]
        crossings = _crossings(difference, lead, others)
        unit = COST_WORDS.get(name, "per min")
        stated = f"{found.weight[k]:.2g}".replace("-", "−")
        if not crossings:
            lines.append(Turn(name, unit, stated, numbers.NOTHING, f"no change from 0 to {_FURTHEST:g} times"))
            continue
        _, factor, i = min(crossings)
        at = f"{found.weight[k] * factor:.2g}".replace("-", "−")
        lines.append(Turn(name, unit, stated, at, str(ranking["label"].values[i])))
    return lines


def _crossings(difference: np.ndarray, lead: np.ndarray, others: Sequence[int]) -> list[tuple[float, float, int]]:
    """Return (distance from the stated weight, factor on it, treatment) of each overtaking."""
    crossings = []
    for i in others:
        if difference[i] == 0:
            continue
        factor = 1 - lead[i] / difference[i]
        if 0 <= factor <= _FURTHEST:
            crossings.append((abs(float(np.log(max(factor, 1e-3)))), float(factor), i))
    return crossings
