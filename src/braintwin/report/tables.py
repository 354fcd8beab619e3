"""Rows of the tables on the pages, as text that is ready to print."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from braintwin.contracts.check import ParameterRow, PersonCheck, TwinCheck
from braintwin.contracts.night import NIGHT_POSTERIOR
from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.spectral import SPECTRAL_POSTERIOR
from braintwin.contracts.tables import PersonRow
from braintwin.report import numbers
from braintwin.report.figures_night import OUTCOMES_SHOWN
from braintwin.treatment.eligibility import judge
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.library import Library

_MANY = ("log_scale", "time_effect", "dwell_effect", "pressure_effect", "night_effect")
"""Parameters that are one per channel, night or transition: shown only on demand."""

WEAK = 0.1
"""Contraction below which a parameter is, in practice, its prior."""

_GATES = {
    "rhat": "largest R-hat",
    "ess": "smallest effective sample size",
    "diverg": "divergent draws",
    "ebfmi": "smallest E-BFMI",
    "stable": "draws that are stable brains",
    "residual": "residual scale of the log spectrum, nat",
    "starts": "starts that reached the best optimum",
    "mode": "distance to a second optimum, nat",
}


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
    near_tie: bool
    candidate: bool
    status: str
    contrasts: list[tuple[str, str]]
    instrument: str = ""
    comparator: str = ""
    horizon: str = ""
    harms: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    sources: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class ParameterLine:
    """One row of the table of parameters."""

    name: str
    meaning: str
    prior: str
    posterior: str
    interval: str
    contraction: float | None
    rhat: str
    ess: str
    many: bool


def treatment_lines(
    ranking: xr.Dataset, simulated: xr.Dataset | None, library: Library, person: PersonRow
) -> list[TreatmentLine]:
    """Return the treatments in the order of the ranking, candidates first.

    A number has no more digits than its Monte-Carlo standard error supports.
    """
    lines = [
        _treatment(ranking.isel(treatment=i), simulated, library, person) for i in range(ranking.sizes["treatment"])
    ]
    return sorted(lines, key=lambda line: not line.candidate)


def _treatment(row: xr.Dataset, simulated: xr.Dataset | None, library: Library, person: PersonRow) -> TreatmentLine:
    key = str(row["treatment"].values)
    known = library.treatments.get(key)
    digits = numbers.digits_for(float(row["utility_mcse"]), 1)
    edges = [float(row["utility_quantile"].sel(quantile=q, method="nearest")) for q in (0.05, 0.95)]
    contrasts = []
    for outcome in OUTCOMES_SHOWN:
        place = 0 if OUTCOME_UNITS[outcome] == "min" else 1
        change = row.sel(outcome=outcome)
        middle = numbers.fixed(float(change["contrast_mean"]), place, sign=True)
        low, high = (float(change["contrast_quantile"].sel(quantile=q, method="nearest")) for q in (0.05, 0.95))
        contrasts.append((middle, numbers.interval(low, high, place, sign=True)))
    exact = key == "none"
    return TreatmentLine(
        key=key,
        label=str(row["label"].values),
        cls=known.cls if known else "reference",
        utility="0" if exact else numbers.fixed(float(row["expected_utility"]), digits, sign=True),
        utility_interval=numbers.NOTHING if exact else numbers.interval(edges[0], edges[1], digits, sign=True),
        p_best=numbers.probability(float(row["p_best"])) if bool(row["candidate"]) else numbers.NOTHING,
        regret=numbers.fixed(float(row["expected_regret"]), digits) if bool(row["candidate"]) else numbers.NOTHING,
        sucra=numbers.fixed(float(row["sucra"]), 2) if bool(row["candidate"]) else numbers.NOTHING,
        population=numbers.fixed(float(row["population_expected_utility"]), digits, sign=not exact),
        near_tie=bool(row["near_tie"]),
        candidate=bool(row["candidate"]),
        status=_status(key, bool(row["candidate"]), known, simulated),
        contrasts=[(numbers.NOTHING, "")] * len(contrasts) if exact else contrasts,
        **_evidence(known, person),
    )


def _status(key: str, candidate: bool, known: Treatment | None, simulated: xr.Dataset | None) -> str:
    """Return in words whether a treatment may be ranked first, and if not, why."""
    reason = ""
    exploratory = known is not None and known.exploratory
    if simulated is not None and key in simulated["treatment"].values:
        chosen = simulated.sel(treatment=key)
        reason = str(chosen["ineligible_reason"].values)
        exploratory = exploratory or bool(chosen["exploratory"])
        if not bool(chosen["eligible"]):
            return f"not eligible: {reason}" if reason else "not eligible"
    if exploratory:
        return "exploratory: no demonstrated benefit, may not be ranked first"
    return "candidate" if candidate else "control, for comparison"


def _evidence(known: Treatment | None, person: PersonRow) -> dict[str, Any]:
    """Return what trials say beside the effect: harms, cautions, sources."""
    if known is None:
        return {}
    harms = [
        f"{name.replace('_', ' ')} {numbers.fixed(effect.mean, 2)}"
        + (f" (95 % interval {numbers.interval(*effect.ci95, 2)})" if effect.ci95 else "")
        + f" [{effect.prov}]"
        for name, effect in known.harms.items()
    ]
    own = judge(known, age_band=person.age_band, covariates=person.covariates).caution
    cautions = [f"for this person: {own}"] if own else []
    cautions += [f"contraindicated: {text}" for text in known.contraindications] + known.cautions
    return {
        "instrument": known.scale,
        "comparator": known.comparator,
        "horizon": f"{known.horizon_weeks:g} weeks" if known.horizon_weeks else "one night",
        "harms": harms,
        "cautions": cautions,
        "sources": [(source.citation, source.doi, source.provenance) for source in known.sources],
    }


def _meaning(name: str) -> str:
    base = name.split("[")[0]
    for contract in (SPECTRAL_POSTERIOR, NIGHT_POSTERIOR):
        if base in contract.variables:
            var = contract.variables[base]
            return var.meaning + (f", {var.units}" if var.units else "")
    return ""


def parameter_lines(rows: Sequence[ParameterRow]) -> list[ParameterLine]:
    """Return the parameters of one twin: prior, posterior, contraction and diagnostics in print."""
    return [
        ParameterLine(
            name=row.name,
            meaning=_meaning(row.name),
            prior=_prior(row),
            posterior=_supported(row.mean, row.mcse, row.sd),
            interval=f"{_supported(row.q05, row.mcse, row.sd)} to {_supported(row.q95, row.mcse, row.sd)}",
            contraction=None
            if row.contraction is None or not np.isfinite(row.contraction)
            else float(np.clip(row.contraction, 0, 1)),
            rhat=numbers.fixed(row.rhat, 3),
            ess=numbers.fixed(
                None if row.ess_bulk is None or row.ess_tail is None else min(row.ess_bulk, row.ess_tail), 0
            ),
            many=row.name.split("[")[0] in _MANY,
        )
        for row in rows
    ]


def _prior(row: ParameterRow) -> str:
    """Return prior mean ± standard deviation in print."""
    if row.prior_mean is None or row.prior_sd is None:
        return numbers.NOTHING
    places = _places(row.prior_sd)
    return f"{numbers.fixed(row.prior_mean, places)} ± {numbers.fixed(row.prior_sd, places)}"


def _places(spread: float | None) -> int:
    """Return the decimals of the second leading digit of a spread."""
    if spread is None or not np.isfinite(spread) or spread <= 0:
        return 3
    return int(np.clip(1 - np.floor(np.log10(spread)), 0, 6))


def _supported(value: float, error: float | None, spread: float) -> str:
    """Return a posterior summary: two digits of its spread, and none below its Monte-Carlo standard error."""
    if error is None or not np.isfinite(error) or error <= 0:
        return numbers.by_size(value)
    return numbers.fixed(value, min(numbers.digits_for(error, 6), _places(spread)))


def weakly_informed(check: PersonCheck, twin: str) -> tuple[list[str], int]:
    """Return the parameters of a twin that the data hardly moved, and how many have a contraction at all."""
    rows = [
        row
        for row in check.parameters
        if row.twin == twin and row.contraction is not None and row.name.split("[")[0] not in _MANY
    ]
    return [row.name for row in rows if row.contraction is not None and row.contraction < WEAK], len(rows)


def gate_lines(check: TwinCheck) -> list[tuple[str, str]]:
    """Return the gates of a twin in words, with what was found."""
    lines = []
    for name, value in check.gates.items():
        words = next((text for part, text in _GATES.items() if part in name.lower()), "")
        shown = name.replace("_", " ")
        if isinstance(value, bool):
            text = "yes" if value else "no"
        elif isinstance(value, float):
            text = numbers.by_size(value, 4)
        else:
            text = numbers.NOTHING if value is None else str(value)
        lines.append((f"{words} ({shown})" if words else shown, text))
    return lines


def weights_line(attrs: Mapping[str, object]) -> str:
    """Return the utility weights of a ranking in words; empty where they are not recorded."""
    try:
        weights = json.loads(str(attrs.get("weights", "") or "{}"))
    except json.JSONDecodeError:
        return ""
    units = {"harm": "per unit of log odds of leaving a trial over adverse events", "burden": "per unit of burden"}
    return "; ".join(f"{name} {float(v):.3g} {units.get(name, 'per min')}" for name, v in weights.items()).replace(
        "-", "−"
    )


def mcid(attrs: Mapping[str, object]) -> float | None:
    """Return the smallest difference in utility that matters, from the ranking or from its stamped options."""
    try:
        stamped = json.loads(str(attrs.get("options", "") or "{}"))
        found = attrs.get("mcid", stamped.get("mcid"))
        return None if found is None else float(str(found))
    except (json.JSONDecodeError, ValueError):
        return None
