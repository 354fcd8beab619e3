"""Contrasts that no operator was fitted to, predicted from another dose, another trial or another outcome.

The rule, fixed before looking: a dose in a trial that the library's entry does not come from is predicted with that
entry's operators; a dose of the entry's own trial from the nearest other dose; sleep times of a drug that is not in the
library from its nearest other dose at the same time; stages from the sleep time of the same dose and time alone. Doses
scale operators by Emax with an unknown half-maximal dose. The interval holds the error of the operators, of the dose
scaling, of stages that no sleep time tells of, of diaries against the laboratory, and of the new trial itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.treatment.calibration import (
    ONSET_SD,
    TYPICAL_WAKE,
    WAKE_SD,
    Parameter,
    as_posterior,
    fit,
    measured,
    placebo_mean,
)
from braintwin.treatment.calibration_record import HeldOutRecord
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.library import Library
from braintwin.treatment.operators import hazard_shifts
from braintwin.treatment.posterior import OperatorPosterior
from braintwin.treatment.trial import Trial

Floats = npt.NDArray[np.float64]

NAMES = {
    "WASO_min": "WASO", "TST_min": "TST", "LPS_min": "LPS", "LPS_ratio": "LPS_ratio", "N1_min": "N1", "N2_min": "N2",
    "SWS_min": "N3", "REM_min": "REM", "sTST_min": "TST", "sSOL_min": "SOL",
}  # fmt: skip
"""Outcomes of the pairs, as a simulated trial has them."""

STAGES = ("N1", "N2", "N3", "REM")
STAGE_SD = 0.15
"""Prior of what a sleep time does not tell of depth, of lightening and of REM: log hazards."""

DOSE_SD = 1.0
"""Doubt about the half-maximal dose, log."""

DIARY_SD = 0.65
"""Diary over laboratory for pills, log sd around 1: six pairs of the library (sTST or sSOL against TST or SOL)."""

DRAWS = 4000
DESIGN_STEP = 0.35


@dataclass(frozen=True)
class Pair:
    """A contrast to be predicted."""

    id: str
    drug: str
    dose: float
    trial: str
    time: str
    scale: str
    outcome: str
    mean: float
    se: float

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Pair | None":
        """Return the pair, or None where it is no held-out placebo contrast with an error."""
        if values.get("used_in_effects") or values.get("diff_vs_placebo") is None or not values.get("se"):
            return None
        if values["outcome"] not in NAMES or values.get("dose_mg") is None:
            return None
        return cls(
            str(values["id"]), str(values["drug"]).split()[0], float(values["dose_mg"]), str(values["trial"]),
            str(values["time"]), str(values["scale"]), str(values["outcome"]), float(values["diff_vs_placebo"]),
            float(values["se"]),
        )  # fmt: skip


def doses_of(library: Library, drug: str) -> dict[float, str]:
    """Return the library's keys of a drug, by dose in mg."""
    found = {}
    for key in library.treatments:
        name, _, dose = key.rpartition("_")
        if name == drug and dose.isdigit():
            found[float(dose)] = key
    return found


def own_trials(pairs: Sequence[Mapping[str, Any]], drug: str) -> set[str]:
    """Return the trials that the library's entries of a drug come from."""
    return {str(p["trial"]) for p in pairs if p.get("used_in_effects") and str(p["drug"]).split()[0] == drug}


def dose_factors(to: float, known: float, typical: float, rng: np.random.Generator) -> Floats:
    """Return draws of the factor on the operators of `known` mg that makes them those of `to` mg: Emax."""
    half = typical * np.exp(DOSE_SD * rng.standard_normal(DRAWS))
    return np.asarray((to / (to + half)) / (known / (known + half)))


def _directions() -> Floats:
    """Return what predictions move, (direction, group): onset, waking, return to sleep, depth, REM, lightening."""
    light = np.zeros((1, len(GROUPS)))
    light[0, GROUPS.index("n1_n2")], light[0, GROUPS.index("n2_n1")] = -1.0, 1.0
    return np.vstack([
        hazard_shifts(onset=1.0),
        hazard_shifts(wake_odds=1.0, wake_entry_share=1.0),
        -hazard_shifts(wake_odds=1.0, wake_entry_share=0.0),
        hazard_shifts(n3_odds=2.0),
        hazard_shifts(rem_odds=2.0),
        light,
    ])  # fmt: skip


class _Responses:
    """What operators do to the contrasts of a trial: a quadratic surface through simulated arms."""

    def __init__(self, library: Library, trial: Trial) -> None:
        placebo = placebo_mean(library.meta)
        control = trial.arm(placebo)
        self.rows = _directions()
        size = len(self.rows)
        unit = DESIGN_STEP * np.eye(size)
        pairs = [(i, j) for i in range(size) for j in range(i)]
        points = np.vstack([np.zeros((1, size)), unit, -unit, *(unit[None, i] + unit[j] for i, j in pairs)])
        arms = [replace(placebo, shift=placebo.shift + point @ self.rows) for point in points]
        found = [measured(trial.arm(arm), control, trial.baseline.latency) for arm in arms]
        self.outcomes = [*found[0]]
        values = np.array([[one[name] for name in self.outcomes] for one in found])
        self.coefficients = np.linalg.solve(self._terms(points), values)

    def _terms(self, at: Floats) -> Floats:
        size = at.shape[1]
        squares = [at[:, i] * at[:, j] for i in range(size) for j in range(i + 1)]
        return np.column_stack([np.ones(len(at)), at, *squares])

    def __call__(self, shifts: Floats, outcome: str) -> Floats:
        """Return the contrast (draw,) of draws of shifts (draw, group)."""
        at = shifts @ np.linalg.pinv(self.rows)
        return np.asarray(self._terms(at) @ self.coefficients[:, self.outcomes.index(outcome)])


def _record(pair: Pair, drawn: Floats, route: str, rng: np.random.Generator) -> HeldOutRecord:
    if pair.scale == "diary":
        drawn = drawn * np.exp(DIARY_SD * rng.standard_normal(len(drawn)))
    total = drawn + pair.se * rng.standard_normal(len(drawn))
    low, middle, high = np.quantile(total, (0.025, 0.5, 0.975))
    return HeldOutRecord(
        id=pair.id, drug=pair.drug, dose_mg=pair.dose, trial=pair.trial, time=pair.time, outcome=pair.outcome,
        measured=pair.mean, se=pair.se, predicted=float(middle), low=float(low), high=float(high), route=route,
    )  # fmt: skip


def _class_parameters(library: Library, cls: str) -> list[Parameter]:
    split = library.meta.split(cls)
    across = hazard_shifts(wake_odds=1.0, wake_entry_share=1.0) - hazard_shifts(wake_odds=1.0, wake_entry_share=0.0)
    wake = hazard_shifts(wake_odds=1.0, wake_entry_share=split.mean)
    return [
        Parameter("onset", 0.0, ONSET_SD, 0.15, hazard_shifts(onset=1.0)[0]),
        Parameter("wake", 0.0, WAKE_SD, 0.15, wake[0]),
        Parameter("across", 0.0, split.sd * TYPICAL_WAKE, 0.15, across[0]),
    ]


def from_one_outcome(responses: _Responses, library: Library, cls: str, pair: Pair) -> OperatorPosterior:
    """Return the operators of a class that one contrast leads to."""
    parameters = _class_parameters(library, cls)
    rows = np.array([p.row for p in parameters])

    def predict(values: Floats) -> Floats:
        return responses((values @ rows)[None], NAMES[pair.outcome])

    at, cov, _, _ = fit(predict, parameters, np.array([pair.mean]), np.array([pair.se]), np.ones(1))
    return as_posterior(parameters, at, cov, source=f"{pair.id} alone")


def _stage_doubt(rng: np.random.Generator) -> Floats:
    depth, rem = 2 * STAGE_SD * rng.standard_normal((2, DRAWS))
    shift = hazard_shifts(onset=np.zeros(DRAWS), n3_odds=depth, rem_odds=rem)
    light = STAGE_SD * rng.standard_normal(DRAWS)
    shift[:, GROUPS.index("n1_n2")] -= light
    shift[:, GROUPS.index("n2_n1")] += light
    return shift


def predict_held_out(
    library: Library,
    fitted: Mapping[str, OperatorPosterior],
    enrolled: Callable[[Treatment], Trial],
    analogue: str,
    seed: int,
) -> list[HeldOutRecord]:
    """Return the prediction of every held-out pair of the library.

    Parameters
    ----------
    library : Library
    fitted : mapping of str to OperatorPosterior
        Calibrated operators, by key.
    enrolled : function
        The simulated population of an entry's trials.
    analogue : str
        The entry whose class and baseline stand for drugs that are not in the library.
    seed : int
    """
    raw = list(library.heldout_validation_pairs.get("pairs", ()))
    pairs = [pair for pair in map(Pair.read, raw) if pair is not None]
    records = []
    responses: dict[int, _Responses] = {}

    def response(treatment: Treatment) -> _Responses:
        trial = enrolled(treatment)
        return responses.setdefault(id(trial), _Responses(library, trial))

    learned: dict[tuple[str, float, str], OperatorPosterior] = {}
    for number, pair in enumerate(pairs):
        rng = np.random.default_rng([seed, number])
        doses = doses_of(library, pair.drug)
        outcome = NAMES[pair.outcome]
        if doses:
            same = pair.dose in doses and pair.trial not in own_trials(raw, pair.drug)
            known = (
                pair.dose
                if same
                else min((d for d in doses if d != pair.dose), key=lambda d: abs(np.log(d / pair.dose)))
            )
            posterior, entry = fitted[doses[known]], library.treatments[doses[known]]
            factor = dose_factors(pair.dose, known, float(np.exp(np.mean(np.log([*doses])))), rng)
            route = "same dose, another trial" if same else f"from {known:g} mg"
        else:
            entry = library.treatments[analogue]
            alike = [p for p in pairs if (p.drug, p.time, p.outcome) == (pair.drug, pair.time, "TST_min")]
            if pair.outcome == "TST_min":
                teacher = min((p for p in alike if p.dose != pair.dose), key=lambda p: abs(np.log(p.dose / pair.dose)))
            else:
                teacher = next(p for p in alike if p.dose == pair.dose)
            key = (pair.drug, teacher.dose, pair.time)
            if key not in learned:
                learned[key] = from_one_outcome(response(entry), library, entry.cls, teacher)
            posterior = learned[key]
            factor = dose_factors(pair.dose, teacher.dose, float(np.exp(np.mean([np.log(p.dose) for p in alike]))), rng)
            route = f"from TST at {teacher.dose:g} mg"
        shifts = factor[:, None] * posterior.average(DRAWS, rng)[0]
        if outcome in STAGES:
            shifts = shifts + _stage_doubt(rng)
        records.append(_record(pair, response(entry)(shifts, outcome), route, rng))
    return records
