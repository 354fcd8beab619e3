"""From trial effects to what a treatment does to a night: the one place where this is decided.

Minutes of latency and of wake after sleep onset, at the untreated night of the trial, become shifts of log hazards
(:mod:`braintwin.treatment.closed_form`), and a person's own night decides how many minutes these are worth.
``ρ ~ Beta`` by class: orexin antagonists act on wake exit (Di Marco et al. 2024, Sleep 47(11)). The estimand is the
treated night against the person's own *untreated* night in the laboratory: effects against placebo gain the effect of
a placebo, one draw of it for all of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.treatment.closed_form import (
    LEAST_RATIO,
    WAKE_ENTRY,
    WAKE_EXIT,
    hazard_shifts,
    log_onset_ratio,
    log_wake_odds,
)
from braintwin.treatment.evidence import Effect, Treatment
from braintwin.treatment.library import PLACEBO, Meta
from braintwin.treatment.posterior import OperatorPosterior

Floats = npt.NDArray[np.float64]

ARCHITECTURE_SHARE = 0.5
"""Share of a stage effect that operators carry: the rest may follow from the wake that the treatment changes."""


@dataclass(frozen=True)
class Uncertainty:
    """What the draws of operators allow for.

    Attributes
    ----------
    heterogeneity_sd : float
        Scale of the half-normal prior on the sd between people of a log-hazard operator.
    diary_bridge, comparator_offset : bool
        Whether diary effects are shrunk to the laboratory's, and whether placebo differs from no change.
    error_scale : float
        Factor on the standard errors of trials (1; 2 for the control that doubles them).
    """

    heterogeneity_sd: float = 0.15
    diary_bridge: bool = True
    comparator_offset: bool = True
    error_scale: float = 1.0


@dataclass(frozen=True)
class Operators:
    """What a treatment does to a night, one row per draw.

    Attributes
    ----------
    shift : (draw, group) float
        Shift of the log hazards, groups as in `contracts.night.GROUPS`.
    time_in_bed_min : (draw,) float
        Change of the time in bed.
    arousal_factor : (draw,) float
        Factor on the rate of respiratory events.
    between : (draw, group) float, optional
        The part of `shift` by which a person differs from the average of people.
    """

    shift: Floats
    time_in_bed_min: Floats
    arousal_factor: Floats
    between: Floats | None = None

    def idle(self, arousal_rate: float) -> bool:
        """Tell whether these change nothing in a person with this rate of respiratory events."""
        still = not self.shift.any() and not self.time_in_bed_min.any()
        return still and (arousal_rate == 0 or bool((self.arousal_factor == 1).all()))

    @classmethod
    def nothing(cls, draws: int) -> "Operators":
        """Return operators that change nothing."""
        return cls(np.zeros((draws, len(GROUPS))), np.zeros(draws), np.ones(draws))


def placebo_shift(meta: Meta, draws: int, rng: np.random.Generator, uncertainty: Uncertainty) -> tuple[Floats, Floats]:
    """Return draws of placebo against no change: (ln HR onset, ln OR wake), each (draw,).

    All treatments that were compared with placebo share them, so that contrasts among them do not depend on them.
    What placebo does against a waiting list is known by diary, and is bridged to the laboratory like any diary effect.
    """
    change = {}
    diary = meta.comparator_offsets_min.get("instrument") == "diary" and uncertainty.diary_bridge
    for outcome in ("SOL", "WASO"):
        (mean, sd), (bridge, bridge_sd) = meta.offset(outcome), meta.measurement_bridge.factor(outcome)
        effect = mean + uncertainty.error_scale * sd * rng.standard_normal(draws)
        factor = bridge + bridge_sd * rng.standard_normal(draws)
        change[outcome] = effect * (factor if diary else 1.0)
    base = meta.reference_baseline
    return log_onset_ratio(change["SOL"], base), log_wake_odds(change["SOL"], change["WASO"], base)


def _draw(effect: Effect | None, rng: np.random.Generator, draws: int, scale: float) -> Floats:
    """Return draws of a trial effect; the noise is consumed whether or not there is one."""
    noise = rng.standard_normal(draws)
    if effect is None:
        return np.zeros(draws)
    return np.asarray(effect.mean + scale * (effect.se or 0.0) * noise)


def _stage_odds(treatment: Treatment, meta: Meta, name: str, rng: np.random.Generator, scale: float, n: int) -> Floats:
    """Return draws of the log odds ratio of a stage (`N3_pct`, `REM_pct`), where it was measured and not assumed."""
    effect = treatment.effects.get(name)
    change = _draw(effect, rng, n, scale)
    if effect is None or effect.prov not in ("read", "derived"):
        return np.zeros(n)
    share = float(meta.stage_baseline[name]) / 100
    after = np.clip(share + change / 100, LEAST_RATIO * share, 0.9)
    return np.asarray(ARCHITECTURE_SHARE * (np.log(after / (1 - after)) - np.log(share / (1 - share))))


def draw_operators(
    treatment: Treatment,
    meta: Meta,
    *,
    draws: int,
    time_in_bed_min: float,
    placebo: tuple[Floats, Floats],
    rng: np.random.Generator,
    uncertainty: Uncertainty,
    arousal_rate: float | None = None,
) -> Operators:
    """Return draws of what `treatment` does to a night of `time_in_bed_min`.

    Where the entry carries a posterior of its operators they are drawn from it; otherwise from its minutes, by the
    closed form. Trial error, the diary-to-laboratory bridge and the spread between people are drawn anew for each
    draw; `placebo` (see :func:`placebo_shift`) is added where the comparator was a placebo. `arousal_rate` is the
    person's respiratory events per hour; that of the trial's people where not given (see :func:`_by_severity`).
    """
    if treatment.operators is not None:
        shift, between, minutes = _from_posterior(treatment, treatment.operators, meta, rng, draws, uncertainty)
    else:
        shift, between = _from_minutes(treatment, meta, rng, draws, uncertainty)
        minutes = _time_in_bed(treatment, rng, draws, uncertainty.error_scale)
    part = _by_severity(treatment, arousal_rate)
    shift, between = part * (shift + between), part * between
    if treatment.reference == PLACEBO and uncertainty.comparator_offset:
        # A placebo does the same whatever it imitates: a sham treatment is the placebo.
        shift = shift + hazard_shifts(onset=placebo[0], wake_odds=placebo[1], wake_entry_share=meta.split(PLACEBO).mean)
    arousal = _arousals(treatment, rng, draws, uncertainty.error_scale, time_in_bed_min)
    return Operators(shift=shift, time_in_bed_min=minutes, arousal_factor=arousal, between=between)


def _by_severity(treatment: Treatment, arousal_rate: float | None) -> float:
    """Return the part of a treatment's operators that a person with so many respiratory events gets.

    What keeps the airway open changes sleep by the events it prevents: in proportion to how many there are, up to the
    severity of the trial's people. That it is proportional is assumed.
    """
    there = treatment.trial_baseline.AHI if treatment.trial_baseline else 0.0
    if arousal_rate is None or "AHI_ln_ratio_on_device" not in treatment.effects or not there:
        return 1.0
    return min(1.0, arousal_rate / there)


def _spread(draws: int, rng: np.random.Generator, sd: float) -> Floats:
    """Return what people differ by from the average, (2, draw): a half-normal sd shrinks what is not known to vary."""
    return np.asarray(np.abs(rng.standard_normal((2, draws))) * sd * rng.standard_normal((2, draws)))


def _from_posterior(
    treatment: Treatment,
    posterior: OperatorPosterior,
    meta: Meta,
    rng: np.random.Generator,
    draws: int,
    uncertainty: Uncertainty,
) -> tuple[Floats, Floats, Floats]:
    """Return draws of average shifts, a person's distance from them, and time in bed, as an entry carries them."""
    shift, minutes = posterior.average(draws, rng, uncertainty.error_scale)
    if posterior.between_sd:
        apart, apart_min = posterior.between(draws, rng)
        return shift, apart, minutes + apart_min
    spread = _spread(draws, rng, uncertainty.heterogeneity_sd)
    latency = spread[0] if "onset" in posterior.mean else 0.0
    wake = spread[1] if {*WAKE_ENTRY, *WAKE_EXIT} & {*posterior.mean} else 0.0
    share = meta.split(treatment.cls).mean
    apart = np.broadcast_to(hazard_shifts(onset=latency, wake_odds=wake, wake_entry_share=share), shift.shape)
    return shift, apart, minutes


def _from_minutes(
    treatment: Treatment, meta: Meta, rng: np.random.Generator, draws: int, uncertainty: Uncertainty
) -> tuple[Floats, Floats]:
    """Return draws of average shifts, and a person's distance from them, from minutes by the closed form."""
    scale = uncertainty.error_scale
    effects = treatment.effects
    baseline = treatment.trial_baseline or meta.reference_baseline
    change = {name: _draw(effects.get(f"{name}_min"), rng, draws, scale) for name in ("SOL", "WASO")}
    bridge_noise = {name: rng.standard_normal(draws) for name in change}
    if treatment.instrument == "diary" and uncertainty.diary_bridge:
        bridge = treatment.measurement_bridge or meta.measurement_bridge
        for name in change:
            mean, sd = bridge.factor(name)
            change[name] = change[name] * (mean + sd * bridge_noise[name])
    onset = log_onset_ratio(change["SOL"], baseline)
    ratio = _draw(effects.get("LPS_ratio"), rng, draws, scale)
    if "SOL_min" not in effects and "LPS_ratio" in effects:
        onset = -np.log(np.maximum(ratio, LEAST_RATIO))
    wake = log_wake_odds(change["SOL"], change["WASO"], baseline)
    spread = _spread(draws, rng, uncertainty.heterogeneity_sd)
    if not {"SOL_min", "LPS_ratio", "WASO_min"} & set(effects):
        spread = np.zeros_like(spread)
    split = meta.split(treatment.cls)
    share = rng.beta(split.a, split.b, draws)
    average = hazard_shifts(
        onset=onset,
        wake_odds=wake,
        wake_entry_share=share,
        n3_odds=_stage_odds(treatment, meta, "N3_pct", rng, scale, draws),
        rem_odds=_stage_odds(treatment, meta, "REM_pct", rng, scale, draws),
    )
    return average, hazard_shifts(onset=spread[0], wake_odds=spread[1], wake_entry_share=share)


def _time_in_bed(treatment: Treatment, rng: np.random.Generator, draws: int, scale: float) -> Floats:
    """Return draws of the change of time in bed that the treatment asks for, or implies, min."""
    implied = treatment.implied.get("TIB_min")
    effect = treatment.effects.get("TIB_min")
    if effect is None and implied is not None:
        effect = Effect(mean=float(implied["mean"]), se=float(implied["se"]), prov="derived")
    return _draw(effect, rng, draws, scale)


def _arousals(treatment: Treatment, rng: np.random.Generator, draws: int, scale: float, in_bed_min: float) -> Floats:
    """Return draws of the factor on the event rate: AHI (1 − u (1 − ratio)), u the share of the night on the device."""
    log_ratio = _draw(treatment.effects.get("AHI_ln_ratio_on_device"), rng, draws, scale)
    between = treatment.heterogeneity.get("AHI_ln_ratio_on_device", 0.0)
    log_ratio = log_ratio + between * rng.standard_normal(draws)
    hours = rng.standard_normal(draws)
    worn = np.ones(draws)
    if treatment.adherence is not None and treatment.adherence.hours_per_night is not None:
        mean, sd = treatment.adherence.hours_per_night
        worn = np.clip((mean + sd * hours) * 60 / in_bed_min, 0.0, 1.0)
    return np.asarray(1 - worn * (1 - np.exp(log_ratio)))
