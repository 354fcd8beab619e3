"""The answer in words: what comes first, how sure, how personal; and what the data could not say.

Every sentence is derived from the artefacts. The vocabulary is that of a measurement: expected utility, 90 % interval,
probability; no test is made, and nothing is advised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from braintwin.contracts.check import PersonCheck
from braintwin.report import numbers
from braintwin.report.numbers import count, fixed, interval, listing, probability


@dataclass(frozen=True)
class Answer:
    """The three boxes on top of a person's page."""

    best: str
    best_text: str
    sure: str
    sure_text: str
    personal: str
    personal_text: str


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


def answer(ranking: xr.Dataset) -> Answer | None:
    """Return the answer that a ranking gives; None where nothing could be ranked."""
    best = best_row(ranking)
    if best is None:
        return None
    row = ranking.isel(treatment=best)
    key, label = str(row["treatment"].values), str(row["label"].values)
    digits = numbers.digits_for(float(row["utility_mcse"]), 2)
    low, high = (float(row["utility_quantile"].sel(quantile=q, method="nearest")) for q in (0.05, 0.95))
    if key == "none":
        text = "No treatment in the library is expected to do better for this person than leaving things as they are."
    else:
        value = fixed(float(row["expected_utility"]), digits, sign=True)
        text = f"Expected utility {value} against no change, 90 % interval {interval(low, high, digits, sign=True)}."
        if low <= 0 <= high:
            text += " The interval includes no change at all."
    if ranking.attrs.get("verdict") == "none":
        reason = str(ranking.attrs.get("reason", "") or "No treatment of the library is a candidate here.")
        text = "It stands here alone: no treatment of the library is a candidate to be ranked against it."
        return Answer(label, text, "Nothing to compare", "Effects below are shown without a ranking.",
                      "No ranking", _sentence(reason))  # fmt: skip
    ties = near_ties(ranking, best)
    p_best = probability(float(row["p_best"]))
    if ties:
        sure = f"Not alone: {count(len(ties), 'near tie')}"
        sure_text = f"Too likely within the smallest difference that matters to be told apart: {listing(ties)}."
    else:
        sure, sure_text = (
            "Clear of the others",
            "No other candidate is likely to come within the smallest difference that matters.",
        )
    regret = fixed(float(row["expected_regret"]), digits)
    sure_text += f" Probability of the highest utility {p_best}; expected regret {regret}."
    return Answer(label, text, sure, sure_text, *_personal(ranking))


def _personal(ranking: xr.Dataset) -> tuple[str, str]:
    attrs = ranking.attrs
    index, null = (_number(attrs.get(name)) for name in ("personalisation_index", "personalisation_null"))
    figures = ""
    if np.isfinite(index) and np.isfinite(null):
        figures = f" Personalisation index {fixed(index, 3)}; 95th percentile under permuted people {fixed(null, 3)}."
    if attrs.get("verdict") == "personal":
        said = "The expected utilities differ from the population's by more than the null of permuted people."
        if _number(attrs.get("personalisation_gain")) == 0:
            said += " The highest is the population's highest all the same: knowing the person gains nothing there."
        return "Personal", said + figures
    reason = str(attrs.get("reason", "") or "")
    if "index" in reason:
        figures = ""  # the reason gives both numbers already
    return "Ranking is the population ranking", (
        _sentence(reason) + figures
    ).strip() or "Nothing personal could be shown."


def _sentence(text: str) -> str:
    """Return `text` with a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith(".") else ".")


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def limits(
    *,
    check: PersonCheck | None,
    nights: int,
    eeg: int,
    staged: int,
    channels: int,
    onset_source: str,
    kappa_source: str,
    weak: Sequence[tuple[str, list[str], int]],
    condition: str,
) -> list[str]:
    """Return, as sentences, what the data of this person could not say."""
    found = []
    if nights == 0:
        found.append("No night of this person could be used.")
    elif nights == 1:
        found.append(
            "One night: how much this person varies from night to night is the population's, and a first-night effect "
            "cannot be told from habit (single-night ICC of most sleep outcomes is about 0.5). "
            "A second night would tell them apart."
        )
    if eeg < nights:
        found.append(
            f"{count(nights - eeg, 'night')} of {nights} without EEG: only the hypnogram entered the twin."
            if eeg
            else "No night has EEG: this is a hypnogram twin; nothing is said of spectra, slow waves or connectivity."
        )
    if staged:
        found.append(
            f"{count(staged, 'night')} staged automatically (YASA), not scored by a person; "
            "errors of staging, largest for N1, are not in the intervals."
        )
    if onset_source == "prior":
        found.append(
            "Lights off is unknown: sleep latency is not observed. SOL and its change under treatment are the "
            "population prior's, not this person's."
        )
    if kappa_source == "prior":
        few = f" ({count(channels, 'channel')})" if channels else ""
        found.append(f"κ, the coupling on the graph, is the prior: the spectra{few} do not inform it.")
    for twin, names, total in weak:
        if names:
            shown = listing(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            verb = "is" if len(names) == 1 else "are"
            found.append(
                f"{len(names)} of {total} parameters of the {twin} twin {verb}, in practice, the prior: {shown}."
            )
    if not condition:
        found.append(
            "No diagnosis is recorded: eligibility for treatments could not be judged; effects are those of the trials."
        )
    if check is not None and check.verdict == "warn":
        found.append("The fit passed with warnings: " + "; ".join(check.reasons) + ".")
    return found


READING = (
    "Sleep here is polysomnographic. Insomnia is a complaint: a treatment may help a person whose recorded minutes do "
    "not change, and the reverse (sleep-state misperception). Effects that trials measured with diaries are shrunk to "
    "the laboratory's by an assumed factor.",
    "Treatment effects come from trials, not from this person. It is assumed that log-hazard ratios carry over to them "
    "and that the effect differs between people only by their untreated nights and a small random spread; one "
    "untreated arm cannot identify an individual effect.",
    "Trials compared with placebo and trials compared with a waiting list are joined by an assumed offset; "
    "comparisons across these classes are not randomised evidence. Horizons differ: a pill's weeks, a course's months.",
    "The probability of being best favours what is uncertain. Read it with regret, SUCRA and the near ties.",
    "Utility is a weighted sum of changes with the weights printed here. Other weights give another order.",
    "The spectral twin describes mean spectra from 1 to 40 Hz, not slow-wave shapes, spindles or K-complexes. "
    "Sensor-space connectivity contains volume conduction and is not anatomy. No receptor mechanism is claimed.",
)
"""What holds for every person, and must be known to read the page."""
