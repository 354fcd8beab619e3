"""The answer in words: what comes first, how sure, how personal.

Every sentence is derived from the artefacts. The vocabulary is that of a measurement: expected utility, 90 % interval,
probability; no test is made, and nothing is advised.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from braintwin.report import numbers
from braintwin.report.material import is_ranked
from braintwin.report.numbers import apart, count, fixed, interval, listing, probability
from braintwin.report.utility import draws_of, stamped
from braintwin.treatment.library import NO_CHANGE


@dataclass(frozen=True)
class Answer:
    """The three boxes on top of a person's page; `ranked` is False where nothing could be compared."""

    best: str
    best_text: str
    sure: str
    sure_text: str
    personal: str
    personal_text: str
    ranked: bool = True


def best_row(ranking: xr.Dataset) -> int | None:
    """Return the first treatment in the ranking that may be first; None where there is none."""
    rows = np.flatnonzero(ranking["candidate"].values.astype(bool))
    if rows.size == 0:
        return None
    return int(rows[np.argmax(ranking["expected_utility"].values[rows])])


def near_ties(ranking: xr.Dataset, best: int) -> list[str]:
    """Return the labels of the candidates that cannot be told from the best."""
    tie = ranking["near_tie"].values.astype(bool) & ranking["candidate"].values.astype(bool)
    return [str(ranking["label"].values[i]) for i in np.flatnonzero(tie) if i != best]


def utility_digits(row: xr.Dataset) -> tuple[int, int]:
    """Return the decimals that the Monte-Carlo error supports of a mean utility and of the ends of its interval."""
    error = float(row["utility_mcse"])
    return numbers.digits_for(error, 1), numbers.digits_for(numbers.END_ERROR * error, 1)


def left_out(attrs: Mapping[str, object]) -> str:
    """Return in a sentence how the hypnogram twin does on nights left out of its fit; empty where none was.

    `attrs` are those of the twin's posterior: ``personal_gain`` is the log score of a left-out night by the own twin
    over the population's, nats.
    """
    gain, weight = stamped(attrs, "personal_gain"), stamped(attrs, "own_weight")
    if gain is None or not np.isfinite(gain):
        return ""
    said = "better" if gain > 0 else "no better"
    text = f" Nights left out of the fit are expected {said} by this person's twin than by the population"
    text += f" ({fixed(gain, 1, sign=True)} nats a night)"
    if weight is not None and np.isfinite(weight):
        text += f", so simulated nights mix the two with weight {fixed(weight, 1)} on the own"
    return text + "."


def answer(ranking: xr.Dataset, twin: Mapping[str, object] | None = None) -> Answer | None:
    """Return the answer that a ranking gives; None where there is no row that could be one.

    `twin` are the attributes of the hypnogram twin's posterior, for what nights left out say of it.
    """
    best = best_row(ranking)
    if best is None:
        return None
    if not is_ranked(ranking):
        reason = str(ranking.attrs.get("reason", "") or "no treatment of the library is a candidate here")
        return Answer(
            "No ranking", _sentence(reason), "Nothing to compare",
            "The table shows what is expected of each treatment, without order, place or probability of being best.",
            "Not asked", "Without a ranking there is no order that could be this person's own.", ranked=False,
        )  # fmt: skip
    row = ranking.isel(treatment=best)
    key, label = str(row["treatment"].values), str(row["label"].values)
    digits, ends = utility_digits(row)
    low, high = (float(row["utility_quantile"].sel(quantile=q, method="nearest")) for q in (0.05, 0.95))
    if key == NO_CHANGE:
        text = "No treatment in the library is expected to do better for this person than leaving things as they are."
    else:
        value = fixed(float(row["expected_utility"]), digits, sign=True)
        text = f"Expected utility {value} against no change, 90 % interval {interval(low, high, ends, sign=True)}."
        if low <= 0 <= high:
            text += " The interval includes no change at all."
    if key != "cbti" and ranking.attrs.get("guideline"):
        text += " " + _sentence(str(ranking.attrs["guideline"]))
    ties = near_ties(ranking, best)
    p_best = probability(float(row["p_best"]), draws_of(ranking) or None)
    if ties:
        sure = f"Not alone: {count(len(ties), 'near tie')}"
        shown = listing(ties if len(ties) <= 5 else [*ties[:4], f"{len(ties) - 4} more"])
        sure_text = f"Too likely within the smallest difference that matters to be told apart: {shown}."
    else:
        sure = "Clear of the others"
        sure_text = "No other candidate is likely to come within the smallest difference that matters."
    regret = fixed(float(row["expected_regret"]), digits)
    sure_text += f" Probability of the highest utility {p_best}; expected regret {regret}."
    personal, personal_text = _personal(ranking)
    return Answer(label, text, sure, sure_text, personal, personal_text + left_out(twin or {}))


def _personal(ranking: xr.Dataset) -> tuple[str, str]:
    attrs = ranking.attrs
    index, null = (stamped(attrs, name) for name in ("personalisation_index", "personalisation_null"))
    figures = ""
    if index is not None and null is not None and np.isfinite(index) and np.isfinite(null):
        first, second = apart(index, null, null)
        figures = f" Personalisation index {first}; 95th percentile under permuted people {second}."
    if attrs.get("verdict") == "personal":
        said = "The expected utilities differ from the population's by more than the null of permuted people."
        if stamped(attrs, "personalisation_gain") == 0:
            said += " The highest is the population's highest all the same: knowing the person gains nothing there."
        return "Personal", said + figures
    reason = str(attrs.get("reason", "") or "")
    if "index" in reason:  # the sentence of the ranking step has digits that its draws do not support
        reason = "the twin orders the treatments no more differently from the population than permuted people do"
    said = (_sentence(reason) + figures).strip()
    return "Ranking is the population ranking", said or "Nothing personal could be shown."


def _sentence(text: str) -> str:
    """Return `text` with a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith(".") else ".")
