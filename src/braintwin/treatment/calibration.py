"""Operators that give a trial's contrasts back, fitted on the trial's own simulated population.

What is fitted, by Gauss-Newton on simulated arms with common random numbers: sleep onset; a wake operator along the
class's split between waking up and falling asleep again, and across it; depth of sleep and REM sleep where a change of
theirs was read; time in bed where the entry implies one; and for diaries how much they exaggerate latency and wake.
Priors are normal. Several contrasts of one trial are not as many independent facts (sleep time is what latency and
wake leave over): their errors are widened until they count as many as there are operators to be learned from them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.treatment.contrasts import Contrast, contrasts_of, time_in_bed_effect
from braintwin.treatment.evidence import Effect, Treatment
from braintwin.treatment.library import PLACEBO, Meta
from braintwin.treatment.operators import (
    Operators,
    Uncertainty,
    draw_operators,
    hazard_shifts,
    log_onset_ratio,
    log_wake_odds,
)
from braintwin.treatment.posterior import TIME_IN_BED, OperatorPosterior
from braintwin.treatment.trial import Trial

Floats = npt.NDArray[np.float64]

ONSET_SD, WAKE_SD, STAGE_SD = 0.5, 0.6, 0.5
"""Priors of log-hazard operators: two thirds of treatments change a hazard by less than these."""

TYPICAL_WAKE = 0.4
"""Size of a wake operator at which the class's doubt about the split counts."""

STEPS = {"minutes": 10.0, "log": 0.15, "bridge": 0.1}
ITERATIONS, SLOPES, REWEIGHTINGS = 4, 2, 60
NEAR_ENOUGH = 0.9


@dataclass(frozen=True)
class Parameter:
    """One number to be fitted: its prior, the step of its derivative, and what a unit of it does to the hazards."""

    name: str
    mean: float
    sd: float
    step: float
    row: Floats  # (group,) shift per unit


@dataclass(frozen=True)
class Reproduced:
    """One contrast of a trial against the simulated one.

    Attributes
    ----------
    contrast : Contrast
    simulated, sd : float
        Mean of the simulated trial, and how uncertain the operators leave it.
    """

    contrast: Contrast
    simulated: float
    sd: float

    @property
    def distance(self) -> float:
        """Return the difference in standard errors of the trial."""
        return (self.simulated - self.contrast.mean) / self.contrast.se

    @property
    def within(self) -> bool:
        """Whether the simulated contrast is within one standard error."""
        return abs(self.distance) <= 1.0


@dataclass(frozen=True)
class Calibrated:
    """What calibration found of one treatment.

    Attributes
    ----------
    operators : OperatorPosterior or None
        None where there is nothing to fit (devices that act on breathing alone).
    reproduced : tuple of Reproduced
    notes : tuple of str
        Coherence of the entry's numbers.
    bridge : dict of str to float
        Laboratory over diary, as fitted.
    """

    operators: OperatorPosterior | None
    reproduced: tuple[Reproduced, ...]
    notes: tuple[str, ...]
    bridge: dict[str, float]


def parameters_of(treatment: Treatment, meta: Meta, contrasts: Sequence[Contrast]) -> list[Parameter]:
    """Return what is to be fitted for an entry with these contrasts (those left out say nothing)."""
    used = {c.outcome for c in contrasts if not c.left_out}
    found: list[Parameter] = []
    split = meta.split(treatment.cls)

    def log(name: str, sd: float, row: Floats) -> None:
        found.append(Parameter(name, 0.0, sd, STEPS["log"], row[0]))

    if used & {"latency", "LPS", "LPS_ratio", "WASO", "TST", "SE"}:
        log("onset", ONSET_SD, hazard_shifts(onset=1.0))
        log("wake", WAKE_SD, hazard_shifts(wake_odds=1.0, wake_entry_share=split.mean))
        across = hazard_shifts(wake_odds=1.0, wake_entry_share=1.0) - hazard_shifts(wake_odds=1.0, wake_entry_share=0.0)
        log("across", split.sd * TYPICAL_WAKE, across)
    if "N3_share" in used:
        log("n3", STAGE_SD, hazard_shifts(n3_odds=1.0))
    if "REM_share" in used:
        log("rem", STAGE_SD, hazard_shifts(rem_odds=1.0))
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


def placebo_mean(meta: Meta) -> Operators:
    """Return the mean of what a placebo does, bridged to the laboratory."""
    change = {}
    for outcome in ("SOL", "WASO"):
        diary = meta.comparator_offsets_min.get("instrument") == "diary"
        change[outcome] = meta.offset(outcome)[0] * (meta.measurement_bridge.factor(outcome)[0] if diary else 1.0)
    base = meta.reference_baseline
    row = hazard_shifts(
        onset=log_onset_ratio(change["SOL"], base),
        wake_odds=log_wake_odds(change["SOL"], change["WASO"], base),
        wake_entry_share=meta.split(PLACEBO).mean,
    )
    return Operators(row, np.zeros(1), np.ones(1))


def measured(treated: Floats, control: Floats, latency: str) -> dict[str, float]:
    """Return the contrasts of two arms (person, outcome), by the names of `contrasts.OUTCOME_OF`."""
    night = [dict(zip(OUTCOMES, arm.mean(axis=0), strict=True)) for arm in (treated, control)]
    change = {name: float(night[0][name] - night[1][name]) for name in OUTCOMES}
    lps = OUTCOMES.index("LPS")
    ratio = np.exp((np.log(treated[:, lps] + 1) - np.log(control[:, lps] + 1)).mean())
    share = {
        name: 100 * (night[0][name] / night[0]["TST"] - night[1][name] / night[1]["TST"]) for name in ("N3", "REM")
    }
    return change | {
        "latency": change[latency],
        "LPS_ratio": float(ratio),
        "N3_share": float(share["N3"]),
        "REM_share": float(share["REM"]),
        "SE0": float(night[1]["SE"]),
        "TST0": float(night[1]["TST"]),
        "TIB0": float(night[1]["TIB"]),
    }


def by_diary(found: Mapping[str, float], bridge: Mapping[str, float]) -> dict[str, float]:
    """Return contrasts as a diary tells them: latency and wake exaggerated by 1 / bridge, sleep what is left over."""
    latency, waso = found["latency"] / bridge["SOL"], found["WASO"] / bridge["WASO"]
    in_bed = found["TIB"]
    tst = in_bed - latency - waso
    efficiency = 100 * ((found["TST0"] + tst) / (found["TIB0"] + in_bed) - found["TST0"] / found["TIB0"])
    return {**found, "latency": latency, "WASO": waso, "TST": tst, "SE": efficiency}


class _Model:
    """The simulated contrasts of a treatment as a function of its parameters; people differ as `simulate` has them."""

    def __init__(
        self, treatment: Treatment, meta: Meta, trial: Trial, parameters: Sequence[Parameter], seed: int
    ) -> None:
        self.treatment, self.meta, self.trial, self.seed = treatment, meta, trial, seed
        self.parameters = list(parameters)
        self.placebo = placebo_mean(meta) if treatment.reference == PLACEBO else Operators.nothing(1)
        self.control = trial.arm(self.placebo)

    def operators(self, values: Floats) -> Operators:
        """Return everybody's operators when their mean is what `values` say."""
        certain = None
        if any(p.row.any() for p in self.parameters):
            size = len(self.parameters)
            certain = as_posterior(self.parameters, values, np.zeros((size, size)), source="a trial value")
        drawn = draw_operators(
            self.treatment.model_copy(update={"operators": certain, "effects": self._devices()}),
            self.meta, draws=len(self.trial.effects), time_in_bed_min=self.trial.baseline.TIB,
            placebo=(np.zeros(1), np.zeros(1)), rng=np.random.default_rng(self.seed),
            uncertainty=Uncertainty(comparator_offset=False, error_scale=0.0),
        )  # fmt: skip
        return Operators(drawn.shift + self.placebo.shift, drawn.time_in_bed_min, drawn.arousal_factor)

    def _devices(self) -> dict[str, Effect]:
        return {k: e for k, e in self.treatment.effects.items() if k == "AHI_ln_ratio_on_device"}

    def predict(self, values: Floats, outcomes: Sequence[str]) -> Floats:
        """Return the contrasts, as the trial's instrument tells them."""
        found = measured(self.trial.arm(self.operators(values)), self.control, self.trial.baseline.latency)
        if self.treatment.instrument == "diary":
            named = dict(zip([p.name for p in self.parameters], values, strict=True))
            found = by_diary(found, {name: max(named[f"bridge_{name}"], 0.1) for name in ("SOL", "WASO")})
        return np.array([found[name] for name in outcomes])


def fit(
    predict: Callable[[Floats], Floats],
    parameters: Sequence[Parameter],
    aim: Floats,
    error: Floats,
    weight: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the posterior mode, its covariance, the slopes and the contrasts there, by Gauss-Newton.

    Where the mode leaves a contrast more than a standard error away, weight moves to it for as long as this brings
    the largest distance down: contrasts that can be met together, each within its error, are met.

    Parameters
    ----------
    predict : function
        Contrasts (contrast,) of parameters (parameter,); deterministic.
    aim, error : (contrast,) float
        What was measured, and its standard errors.
    weight : (contrast,) float
        How much of the information of each counts; 0 where it is left out.
    """
    prior, sd = np.array([p.mean for p in parameters]), np.array([p.sd for p in parameters])
    precision = np.diag(1 / sd**2)
    at, now = prior.copy(), predict(prior)
    slope = np.zeros((len(aim), len(prior)))
    given = weight / error**2

    def posterior(information: Floats) -> tuple[Floats, Floats]:
        inverse = slope.T @ (information[:, None] * slope) + precision
        push = slope.T @ (information * (aim - now)) - precision @ (at - prior)
        return np.asarray(np.linalg.solve(inverse, push)), np.asarray(np.linalg.inv(inverse))

    for iteration in range(ITERATIONS):
        if iteration < SLOPES:
            for k, parameter in enumerate(parameters):
                ahead = at.copy()
                ahead[k] += parameter.step
                slope[:, k] = (predict(ahead) - now) / parameter.step
        move, _ = posterior(given)
        if iteration >= SLOPES - 1:
            move = _nearest(posterior, given, slope, now, aim, error)
        at = at + np.clip(move, -2 * sd, 2 * sd)
        now = predict(at)
    return at, posterior(given)[1], slope, now


def _nearest(
    posterior: Callable[[Floats], tuple[Floats, Floats]],
    given: Floats,
    slope: Floats,
    now: Floats,
    aim: Floats,
    error: Floats,
) -> Floats:
    """Return the move that leaves no used contrast farther away than need be, starting from the posterior's own."""
    counts = given > 0
    information, best, move = given.copy(), np.inf, np.zeros(slope.shape[1])
    for _ in range(REWEIGHTINGS):
        tried, _ = posterior(information)
        distance = np.where(counts, np.abs(now + slope @ tried - aim) / error, 0.0)
        if distance.max() < best - 1e-3:
            best, move = float(distance.max()), tried
        if best < NEAR_ENOUGH:
            break
        information = information * np.exp(0.3 * (distance - distance[counts].mean())) * counts
    return move


def calibrate(treatment: Treatment, meta: Meta, trial: Trial, *, population: str, seed: int) -> Calibrated:
    """Fit the operators of an entry to its contrasts on its trial's population, and simulate the trial with them.

    Parameters
    ----------
    treatment : Treatment
        The entry; a posterior that it carries is not looked at.
    meta : Meta
    trial : Trial
        The trial's population (:func:`braintwin.treatment.trial.enrol`).
    population : str
        Name of the population model, for the record.
    seed : int
        Of what people differ by in their response.
    """
    contrasts, notes = contrasts_of(treatment, meta)
    if contrasts and all(c.prov == "assumed" for c in contrasts if not c.left_out):
        return Calibrated(None, (), ("all of it is assumed: nothing is fitted, and the closed form stands",), {})
    parameters = parameters_of(treatment, meta, contrasts)
    model = _Model(treatment, meta, trial, parameters, seed)
    names = [c.outcome for c in contrasts]
    at = np.array([p.mean for p in parameters])
    operators, spread = None, np.zeros(len(contrasts))
    if any(p.row.any() for p in parameters):
        used = np.array([not c.left_out for c in contrasts])
        informed = 2 + sum(p.name in ("n3", "rem", TIME_IN_BED) for p in parameters)
        at, cov, slope, found = fit(
            lambda values: model.predict(values, names), parameters, np.array([c.mean for c in contrasts]),
            np.array([c.se for c in contrasts]), used * min(informed / used.sum(), 1.0),
        )  # fmt: skip
        operators = as_posterior(parameters, at, cov, source=f"contrasts of {treatment.label}", population=population)
        spread = np.sqrt(np.einsum("ij,jk,ik->i", slope, cov, slope))
    else:
        found = model.predict(at, names)
    reproduced = tuple(Reproduced(c, float(x), float(sd)) for c, x, sd in zip(contrasts, found, spread, strict=True))
    bridge = {p.name.removeprefix("bridge_"): float(v) for p, v in zip(parameters, at) if "bridge" in p.name}
    return Calibrated(operators, reproduced, tuple(notes), bridge)


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
