"""Rows of the treatment table, as text that is ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.tables import PersonRow
from braintwin.report import numbers
from braintwin.report.answer import best_row
from braintwin.report.figures_night import OUTCOMES_SHOWN
from braintwin.report.material import is_ranked
from braintwin.report.names import in_words
from braintwin.report.utility import draws_of
from braintwin.treatment.eligibility import judge
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.library import NO_CHANGE, Library

_TO_SD = 3.29
"""Width of a 90 % interval in standard deviations, for a normal."""


@dataclass(frozen=True)
class TreatmentLine:
    """One row of the treatment table."""

    key: str
    label: str
    cls: str
    utility: str
    utility_interval: str
    p_best: str
    regret: str
    sucra: str
    population: str
    highest: bool
    near_tie: bool
    candidate: bool
    status: str
    contrasts: list[tuple[str, str]]
    instrument: str = ""
    comparator: str = ""
    horizon: str = ""
    harms: list[str] = field(default_factory=list)
    contraindications: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    own: str = ""
    sources: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Columns:
    """The ranking as plain arrays: selecting cell by cell in xarray took a sixth of a page's time."""

    key: list[str]
    label: list[str]
    values: Mapping[str, npt.NDArray[Any]]
    low: int
    high: int
    outcome: list[str]
    draws: int
    ranked: bool
    best: int | None


def treatment_lines(
    ranking: xr.Dataset, simulated: xr.Dataset | None, library: Library, person: PersonRow
) -> list[TreatmentLine]:
    """Return the treatments in the order of the ranking, candidates first.

    A number has no more digits than its Monte-Carlo standard error supports. Where nothing was ranked, no row is the
    highest or a near tie, and none has a probability of being best, a regret or a SUCRA.
    """
    quantile = ranking["quantile"].values
    columns = _Columns(
        key=[str(key) for key in ranking["treatment"].values],
        label=[str(label) for label in ranking["label"].values],
        values={str(name): v.values for name, v in ranking.data_vars.items() if v.dims[:1] == ("treatment",)},
        low=int(np.abs(quantile - 0.05).argmin()),
        high=int(np.abs(quantile - 0.95).argmin()),
        outcome=[str(name) for name in ranking["outcome"].values],
        draws=draws_of(ranking),
        ranked=is_ranked(ranking),
        best=best_row(ranking),
    )
    states = _states(simulated)
    lines = [_treatment(columns, i, states, library, person) for i in range(len(columns.key))]
    return sorted(lines, key=lambda line: not line.candidate)


def _states(simulated: xr.Dataset | None) -> dict[str, tuple[bool, str, bool]]:
    """Return for each treatment whether it is eligible, why not, and whether it is exploratory."""
    if simulated is None:
        return {}
    parts = (simulated[name].values for name in ("treatment", "eligible", "ineligible_reason", "exploratory"))
    return {str(key): (bool(ok), str(why), bool(new)) for key, ok, why, new in zip(*parts)}


def _treatment(
    columns: _Columns, i: int, states: Mapping[str, tuple[bool, str, bool]], library: Library, person: PersonRow
) -> TreatmentLine:
    key, value = columns.key[i], {name: values[i] for name, values in columns.values.items()}
    known, exact = library.treatments.get(key), key == NO_CHANGE
    error = float(value["utility_mcse"])
    digits, ends = numbers.digits_for(error, 1), numbers.digits_for(numbers.END_ERROR * error, 1)
    low, high = (float(value["utility_quantile"][q]) for q in (columns.low, columns.high))
    candidate = bool(value["candidate"])
    placed = candidate and columns.ranked
    return TreatmentLine(
        key=key,
        label=columns.label[i],
        cls=known.cls if known else "reference",
        utility="0" if exact else numbers.fixed(float(value["expected_utility"]), digits, sign=True),
        utility_interval=numbers.NOTHING if exact else numbers.interval(low, high, ends, sign=True),
        p_best=numbers.probability(float(value["p_best"]), columns.draws or None) if placed else numbers.NOTHING,
        regret=numbers.fixed(float(value["expected_regret"]), digits) if placed else numbers.NOTHING,
        sucra=numbers.fixed(float(value["sucra"]), 2) if placed else numbers.NOTHING,
        population=numbers.fixed(float(value["population_expected_utility"]), digits, sign=not exact),
        highest=columns.ranked and i == columns.best,
        near_tie=placed and bool(value["near_tie"]),
        candidate=candidate,
        status=_status(key, candidate, known, states, library.shortcoming(key) if known else ""),
        contrasts=_contrasts(columns, value, exact),
        **_evidence(known, person),
    )


def _contrasts(columns: _Columns, value: Mapping[str, Any], exact: bool) -> list[tuple[str, str]]:
    """Return the change of each outcome and its interval in print, with the digits that the draws support."""
    shown = []
    for name in OUTCOMES_SHOWN:
        place = columns.outcome.index(name)
        low, high = (float(value["contrast_quantile"][place, q]) for q in (columns.low, columns.high))
        error = (high - low) / _TO_SD / np.sqrt(columns.draws) if columns.draws else 0.0
        most = 0 if OUTCOME_UNITS[name] == "min" else 1
        middle = numbers.fixed(float(value["contrast_mean"][place]), numbers.digits_for(error, most), sign=True)
        ends = numbers.digits_for(numbers.END_ERROR * error, most)
        shown.append((numbers.NOTHING, "") if exact else (middle, numbers.interval(low, high, ends, sign=True)))
    return shown


def _status(
    key: str,
    candidate: bool,
    known: Treatment | None,
    states: Mapping[str, tuple[bool, str, bool]],
    shortcoming: str,
) -> str:
    """Return in words whether a treatment may be ranked first, and if not, why."""
    if key == NO_CHANGE:
        return "the reference"
    eligible, reason, exploratory = states.get(key, (True, "", False))
    if not eligible:
        return f"not eligible: {in_words(reason)}" if reason else "not eligible"
    if exploratory or (known is not None and known.exploratory):
        return "exploratory: no demonstrated benefit, may not be ranked first"
    if candidate:
        return "candidate"
    if known is None or known.control:
        return "control, for comparison"
    return f"not calibrated: {shortcoming}" if shortcoming else "not a candidate"


def _evidence(known: Treatment | None, person: PersonRow) -> dict[str, Any]:
    """Return what trials say beside the effect: harms, contraindications, cautions, sources."""
    if known is None:
        return {}
    harms = [
        f"{name.replace('_', ' ')} {numbers.fixed(effect.mean, 2)}"
        + (f" (95 % interval {numbers.interval(*effect.ci95, 2)})" if effect.ci95 else "")
        + f" [{effect.prov}]"
        for name, effect in known.harms.items()
    ]
    return {
        "instrument": known.scale,
        "comparator": known.comparator,
        "horizon": f"{known.horizon_weeks:g} weeks" if known.horizon_weeks else "one night",
        "harms": harms,
        "contraindications": list(known.contraindications),
        "cautions": list(known.cautions),
        "own": judge(known, age_band=person.age_band, covariates=person.covariates).caution,
        "sources": [(source.citation, source.doi, source.provenance) for source in known.sources],
    }
