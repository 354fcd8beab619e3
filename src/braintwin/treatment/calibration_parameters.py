"""What calibration fits of a treatment, with its priors, and the posterior over the hazards that this amounts to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.treatment.closed_form import hazard_shifts
from braintwin.treatment.contrasts import Contrast, time_in_bed_effect
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.library import Meta
from braintwin.treatment.posterior import TIME_IN_BED, OperatorPosterior

Floats = npt.NDArray[np.float64]

ONSET_SD, WAKE_SD, STAGE_SD = 0.5, 0.6, 0.5
"""Priors of log-hazard operators: two thirds of treatments change a hazard by less than these."""

TYPICAL_WAKE = 0.4
"""Size of a wake operator at which the class's doubt about the split counts."""

STEPS = {"minutes": 10.0, "log": 0.15, "bridge": 0.1}


@dataclass(frozen=True)
class Parameter:
    """One number to be fitted: its prior, the step of its derivative, and what a unit of it does to the hazards."""

    name: str
    mean: float
    sd: float
    step: float
    row: Floats  # (group,) shift per unit


def _log(name: str, sd: float, row: Floats) -> Parameter:
    return Parameter(name, 0.0, sd, STEPS["log"], row[0])


def sleep_parameters(meta: Meta, cls: str) -> list[Parameter]:
    """Return what acts on latency and wake: onset, a wake operator along the class's split, and across it."""
    split = meta.split(cls)
    across = hazard_shifts(wake_odds=1.0, wake_entry_share=1.0) - hazard_shifts(wake_odds=1.0, wake_entry_share=0.0)
    return [
        _log("onset", ONSET_SD, hazard_shifts(onset=1.0)),
        _log("wake", WAKE_SD, hazard_shifts(wake_odds=1.0, wake_entry_share=split.mean)),
        _log("across", split.sd * TYPICAL_WAKE, across),
    ]


def parameters_of(treatment: Treatment, meta: Meta, contrasts: Sequence[Contrast]) -> list[Parameter]:
    """Return what is to be fitted for an entry with these contrasts (those left out say nothing)."""
    used = {c.outcome for c in contrasts if not c.left_out}
    found: list[Parameter] = []
    if used & {"latency", "LPS", "LPS_ratio", "WASO", "TST", "SE"}:
        found.extend(sleep_parameters(meta, treatment.cls))
    if "N3_share" in used:
        found.append(_log("n3", STAGE_SD, hazard_shifts(n3_odds=1.0)))
    if "REM_share" in used:
        found.append(_log("rem", STAGE_SD, hazard_shifts(rem_odds=1.0)))
    mean, se = time_in_bed_effect(treatment)
    if treatment.instrument == "diary" and treatment.cls == "behavioural" and not se and "TST" in used:
        se = 15.0  # bed restriction is part of these programmes, even where nobody says by how much
    nothing = np.zeros(len(GROUPS))
    if se:
        found.append(Parameter(TIME_IN_BED, mean, se, STEPS["minutes"], nothing))
    if treatment.instrument == "diary":
        bridge = treatment.measurement_bridge or meta.measurement_bridge
        for outcome in ("SOL", "WASO"):
            factor, sd = bridge.factor(outcome)
            found.append(Parameter(f"bridge_{outcome}", factor, sd, STEPS["bridge"], nothing))
    return found


def as_posterior(
    parameters: Sequence[Parameter], mean: Floats, cov: Floats, *, source: str, population: str = ""
) -> OperatorPosterior:
    """Return fitted parameters as a posterior over the hazard groups they shift (and time in bed)."""
    rows = np.array([p.row for p in parameters])
    touched = [k for k in range(len(GROUPS)) if rows[:, k].any()]
    names, to = [GROUPS[k] for k in touched], rows[:, touched]
    in_bed = np.array([[float(p.name == TIME_IN_BED)] for p in parameters])
    if in_bed.any():
        names, to = [*names, TIME_IN_BED], np.hstack([to, in_bed])
    return OperatorPosterior.of(
        dict(zip(names, mean @ to, strict=True)), to.T @ cov @ to, origin="calibrated", source=source,
        population=population,
    )  # fmt: skip
