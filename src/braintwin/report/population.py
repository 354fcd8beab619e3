"""What holds for the cohort as a whole: parameters against the population's prior, and calibration of the twins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from braintwin.contracts.check import ParameterRow
from braintwin.report import figures_cohort, numbers
from braintwin.report.figures_night import OUTCOMES_SHOWN, finite_of
from braintwin.report.member import Member
from braintwin.report.names import name_of
from braintwin.report.utility import stamped

_INFORMATIVE = 8
_OWN = ("log_scale", "night_effect", "time_effect", "dwell_effect", "pressure_effect")
"""Scales of single channels and effects of single nights are not comparable between people."""


@dataclass(frozen=True)
class PopulationLine:
    """One parameter over the people of the cohort, in print."""

    twin: str
    words: str
    symbol: str
    unit: str
    prior: str
    mean: str
    spread: str
    within: str
    contraction: str
    people: int


def _shared(members: Sequence[Member]) -> Iterator[tuple[Member, ParameterRow]]:
    for member in members:
        if member.check is None or member.check.verdict == "fail":
            continue
        failed = {t for t, part in (("spectral", member.check.spectral), ("night", member.check.night))
                  if part.verdict == "fail"}  # fmt: skip
        for row in member.check.parameters:
            if row.twin not in failed and not row.name.startswith(_OWN) and row.contraction is not None:
                yield member, row


def population_lines(members: Sequence[Member]) -> list[PopulationLine]:
    """Return every parameter that two people or more share: the prior of the population, and what this cohort has.

    The mean and the spread between people are those of posterior means, which shrink towards the prior; `within` is
    how well one person is known. Failed fits are left out.
    """
    found: dict[tuple[str, str], list[ParameterRow]] = {}
    for _, row in _shared(members):
        found.setdefault((row.twin, row.name), []).append(row)
    lines = []
    for (twin, code), rows in found.items():
        if len(rows) < 2:
            continue
        name = name_of(code)
        means = name.factor * np.array([row.mean for row in rows])
        spread = float(means.std(ddof=1))
        digits = numbers.digits_for(spread / np.sqrt(len(rows)), 3)
        priors = [(row.prior_mean, row.prior_sd) for row in rows if row.prior_mean is not None and row.prior_sd]
        contraction = float(np.median([row.contraction for row in rows if row.contraction is not None]))
        lines.append(
            PopulationLine(
                twin={"night": "hypnogram"}.get(twin, twin), words=name.words, symbol=name.symbol, unit=name.unit,
                prior=_mean_sd(name.factor * np.array(priors, float), digits) if priors else numbers.NOTHING,
                mean=numbers.fixed(float(means.mean()), digits), spread=numbers.fixed(spread, digits),
                within=numbers.fixed(name.factor * float(np.median([row.sd for row in rows])), digits),
                contraction=numbers.fixed(float(np.clip(contraction, 0, 1)), 2), people=len(rows),
            )
        )  # fmt: skip
    return lines


def _mean_sd(pairs: npt.NDArray[np.float64], digits: int) -> str:
    mean, spread = (float(v) for v in np.median(pairs, axis=0))
    return f"{numbers.fixed(mean, digits)} ± {numbers.fixed(spread, digits)}"


def parameter_figure(members: Sequence[Member]) -> Markup | None:
    """Draw the parameters that the data informed most: median contraction over the people who have them."""
    values: dict[str, dict[str, list[float]]] = {}
    contraction: dict[str, list[float]] = {}
    for member, row in _shared(members):
        values.setdefault(row.name, {}).setdefault(member.group, []).append(name_of(row.name).factor * row.mean)
        contraction.setdefault(row.name, []).append(row.contraction or 0.0)
    most = max((len(found) for found in contraction.values()), default=0)
    shared = [name for name, found in contraction.items() if 2 * len(found) >= most]
    chosen = sorted(shared, key=lambda name: (-float(np.median(contraction[name])), name))[:_INFORMATIVE]
    if not chosen:
        return None
    panels = {}
    for code in sorted(chosen):
        name = name_of(code)
        # symbol, stage or hazard, unit: the table below has the words
        parts = [name.symbol, *([name.words.rsplit(", ", 1)[-1]] if "[" in code else []), name.unit]
        panels[", ".join(part for part in parts if part)] = values[code]
    return figures_cohort.by_group(panels, "Posterior means", columns=4)


def held_out(members: Sequence[Member]) -> dict[str, Any] | None:
    """Return how twins do on nights left out of their fit, by group; None where none was left out.

    The gain is the log score of a left-out night by the person's own twin over the population's, nats a night.
    """
    gains: dict[str, list[float]] = {}
    for member in members:
        gain = stamped(member.twin, "personal_gain")
        if gain is not None and np.isfinite(gain):
            gains.setdefault(member.group, []).append(gain)
    if not gains:
        return None
    total = np.array([gain for found in gains.values() for gain in found])
    error = float(total.std(ddof=1) / np.sqrt(total.size)) if total.size > 1 else None
    digits = numbers.digits_for(error, 1)
    return {
        "image": figures_cohort.by_group({"gain, nats a left-out night": gains}, "Gain of the own twin", columns=2),
        "people": int(total.size),
        "better": int((total > 0).sum()),
        "mean": numbers.fixed(float(total.mean()), digits, sign=True),
        "error": numbers.NOTHING if error is None else numbers.by_size(error, 1),
    }


def calibrated(members: Sequence[Member]) -> dict[str, Any] | None:
    """Return where recorded nights fall among the predicted ones, and how many lie inside the 90 % interval.

    These nights were fitted: the figure finds gross misfit, it does not show prediction of nights held out.
    """
    levels: dict[str, list[float]] = {name: [] for name in OUTCOMES_SHOWN}
    for member in members:
        if member.check is None or member.check.night.verdict == "fail":
            continue
        for name in OUTCOMES_SHOWN:
            draws = np.sort(finite_of(member.predicted, name))
            if draws.size:
                nights = finite_of(member.observed, name)
                # the middle of the ties, so that outcomes of few values do not pile up at the edges
                place = np.searchsorted(draws, nights, "left") + np.searchsorted(draws, nights, "right")
                levels[name] += [float(p) for p in place / (2 * draws.size)]
    known = {name: np.array(found) for name, found in levels.items() if found}
    if not known:
        return None
    total = np.concatenate(list(known.values()))
    inside = float(((total >= 0.05) & (total <= 0.95)).mean())
    return {
        "image": figures_cohort.calibration(known),
        "inside": round(100 * inside),
        "count": int(total.size),
        "nights": max(len(found) for found in known.values()),
    }
