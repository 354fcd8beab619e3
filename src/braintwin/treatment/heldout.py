"""Contrasts that no operator was fitted to, predicted from another dose, another trial or another outcome.

The rule, fixed before looking: a dose in a trial that the library's entry does not come from is predicted with that
entry's operators; a dose of the entry's own trial from the nearest other dose; sleep times of a drug that is not in the
library from its nearest other dose at the same time; stages from the sleep time of the same dose and time alone. Doses
scale operators by Emax with an unknown half-maximal dose. The interval holds the error of the operators, of the dose
scaling, of stages that no sleep time tells of, of diaries against the laboratory, and of the new trial itself; added
after a first look (decision 023): how much the effect differs between trials, as meta-analyses have found it to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.treatment.calibration_parameters import as_posterior, sleep_parameters
from braintwin.treatment.calibration_record import HeldOutRecord
from braintwin.treatment.closed_form import hazard_shifts
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.gauss_newton import fit
from braintwin.treatment.heldout_pairs import NAMES, Pair, doses_of, own_trials
from braintwin.treatment.library import Library
from braintwin.treatment.posterior import OperatorPosterior
from braintwin.treatment.response import Responses, lightening
from braintwin.treatment.simulated_contrasts import placebo_mean
from braintwin.treatment.trial import Trial

Floats = npt.NDArray[np.float64]

STAGES = ("N1", "N2", "N3", "REM")
STAGE_SD = 0.15
"""Prior of what a sleep time does not tell of depth, of lightening and of REM: log hazards."""

DOSE_SD = 1.0
"""Doubt about the half-maximal dose, log."""

DIARY_SD = 0.65
"""Diary over laboratory for pills, log sd around 1: six pairs of the library (sTST or sSOL against TST or SOL)."""

INCONSISTENCY_LOGIT = (-0.405, 0.70)
"""Mean and sd of the logit of I², the share of the variance between trials of one treatment that is not their error:
median 40 %, 95 % 15 to 73 %, over 5,132 meta-analyses of continuous outcomes (doi:10.1002/jrsm.1193)."""

DRAWS = 4000


def dose_factors(to: float, known: float, typical: float, rng: np.random.Generator) -> Floats:
    """Return draws of the factor on the operators of `known` mg that makes them those of `to` mg: Emax."""
    half = typical * np.exp(DOSE_SD * rng.standard_normal(DRAWS))
    return np.asarray((to / (to + half)) / (known / (known + half)))


def between_trials(se: float, rng: np.random.Generator) -> Floats:
    """Return draws of how far the effect in a trial with this error is from the mean of such trials."""
    middle, sd = INCONSISTENCY_LOGIT
    odds = np.exp(middle + sd * rng.standard_normal(DRAWS))
    return np.asarray(se * np.sqrt(odds) * rng.standard_normal(DRAWS))


@dataclass(frozen=True)
class Route:
    """How a contrast is predicted.

    Attributes
    ----------
    entry : Treatment
        Whose trial's population is simulated.
    operators : OperatorPosterior
    factor : (draw,) float
        On the operators, for the dose.
    elsewhere : bool
        Whether the contrast is of another trial than the operators.
    words : str
    """

    entry: Treatment
    operators: OperatorPosterior
    factor: Floats
    elsewhere: bool
    words: str


def from_one_outcome(responses: Responses, library: Library, cls: str, pair: Pair) -> OperatorPosterior:
    """Return the operators of a class that one contrast leads to."""
    parameters = sleep_parameters(library.meta, cls)
    rows = np.array([p.row for p in parameters])

    def predict(values: Floats) -> Floats:
        return responses((values @ rows)[None], NAMES[pair.outcome])

    at, cov, _, _ = fit(predict, parameters, np.array([pair.mean]), np.array([pair.se]), np.ones(1))
    return as_posterior(parameters, at, cov, source=f"{pair.id} alone")


def _stage_doubt(rng: np.random.Generator) -> Floats:
    depth, rem = 2 * STAGE_SD * rng.standard_normal((2, DRAWS))
    shift = hazard_shifts(onset=np.zeros(DRAWS), n3_odds=depth, rem_odds=rem)
    return shift + STAGE_SD * rng.standard_normal((DRAWS, 1)) * lightening()


def _nearest(pairs: Sequence[Pair], dose: float) -> Pair:
    return min((p for p in pairs if p.dose != dose), key=lambda p: abs(np.log(p.dose / dose)))


class HeldOut:
    """The held-out contrasts of a library, and the way to each of them.

    Parameters
    ----------
    library : Library
    fitted : mapping of str to OperatorPosterior
        Calibrated operators, by key.
    enrolled : function
        The simulated population of an entry's trials.
    analogue : str
        The entry whose class and baseline stand for drugs that are not in the library.
    """

    def __init__(
        self,
        library: Library,
        fitted: Mapping[str, OperatorPosterior],
        enrolled: Callable[[Treatment], Trial],
        analogue: str,
    ) -> None:
        self.library, self.fitted, self.enrolled, self.analogue = library, fitted, enrolled, analogue
        self.raw = list(library.heldout_validation_pairs.get("pairs", ()))
        self.pairs = [pair for pair in map(Pair.read, self.raw) if pair is not None]
        self._responses: dict[int, Responses] = {}
        self._learned: dict[str, OperatorPosterior] = {}

    def response(self, entry: Treatment) -> Responses:
        """Return the surface of an entry's trial; trials of one baseline share it."""
        trial = self.enrolled(entry)
        if id(trial) not in self._responses:
            self._responses[id(trial)] = Responses(trial, placebo_mean(self.library.meta))
        return self._responses[id(trial)]

    def route(self, pair: Pair, rng: np.random.Generator) -> Route:
        """Return the way to a contrast."""
        doses = doses_of(self.library, pair.drug)
        return self._from_library(pair, doses, rng) if doses else self._from_sleep_time(pair, rng)

    def _from_library(self, pair: Pair, doses: Mapping[float, str], rng: np.random.Generator) -> Route:
        elsewhere = pair.trial not in own_trials(self.raw, pair.drug)
        same = pair.dose in doses and elsewhere
        others = [d for d in doses if d != pair.dose]
        known = pair.dose if same else min(others, key=lambda d: abs(np.log(d / pair.dose)))
        factor = dose_factors(pair.dose, known, float(np.exp(np.mean(np.log([*doses])))), rng)
        words = "same dose, another trial" if same else f"from {known:g} mg" + (", another trial" if elsewhere else "")
        return Route(self.library.treatments[doses[known]], self.fitted[doses[known]], factor, elsewhere, words)

    def _from_sleep_time(self, pair: Pair, rng: np.random.Generator) -> Route:
        entry = self.library.treatments[self.analogue]
        alike = [p for p in self.pairs if (p.drug, p.time, p.outcome) == (pair.drug, pair.time, "TST_min")]
        teacher = (
            _nearest(alike, pair.dose) if pair.outcome == "TST_min" else next(p for p in alike if p.dose == pair.dose)
        )
        if teacher.id not in self._learned:
            self._learned[teacher.id] = from_one_outcome(self.response(entry), self.library, entry.cls, teacher)
        typical = float(np.exp(np.mean([np.log(p.dose) for p in alike])))
        factor = dose_factors(pair.dose, teacher.dose, typical, rng)
        return Route(entry, self._learned[teacher.id], factor, False, f"from TST at {teacher.dose:g} mg")

    def predict(self, pair: Pair, rng: np.random.Generator) -> HeldOutRecord:
        """Return the prediction of a contrast."""
        route, outcome = self.route(pair, rng), NAMES[pair.outcome]
        shifts = route.factor[:, None] * route.operators.average(DRAWS, rng)[0]
        if outcome in STAGES:
            shifts = shifts + _stage_doubt(rng)
        drawn = self.response(route.entry)(shifts, outcome)
        if pair.scale == "diary":
            drawn = drawn * np.exp(DIARY_SD * rng.standard_normal(DRAWS))
        alike = drawn + pair.se * rng.standard_normal(DRAWS)
        total = alike + between_trials(pair.se, rng) if route.elsewhere else alike
        low, middle, high = (float(x) for x in np.quantile(total, (0.025, 0.5, 0.975)))
        low_alike, high_alike = (float(x) for x in np.quantile(alike, (0.025, 0.975)))
        return HeldOutRecord(
            id=pair.id, drug=pair.drug, dose_mg=pair.dose, trial=pair.trial, time=pair.time, outcome=pair.outcome,
            measured=pair.mean, se=pair.se, predicted=middle, low=low, high=high, low_alike=low_alike,
            high_alike=high_alike, route=route.words,
        )  # fmt: skip


def predict_held_out(
    library: Library,
    fitted: Mapping[str, OperatorPosterior],
    enrolled: Callable[[Treatment], Trial],
    analogue: str,
    seed: int,
) -> list[HeldOutRecord]:
    """Return the prediction of every held-out contrast of the library; arguments as of :class:`HeldOut`."""
    held = HeldOut(library, fitted, enrolled, analogue)
    return [held.predict(pair, np.random.default_rng([seed, number])) for number, pair in enumerate(held.pairs)]
