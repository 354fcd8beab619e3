"""Who is in a synthetic cohort: diagnosis, corticothalamic loop, hazards of the hypnogram, nights."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.models.corticothalamic import dispersion_floor, is_stable
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.parameters import (
    BETA_OVER_ALPHA,
    LOG_KAPPA_MEAN,
    LOG_KAPPA_SD,
    STAGE_PRIORS,
    T0_HIGH,
    T0_LOW,
    T0_MEAN,
    T0_SD,
    Z_MAX,
)
from braintwin.models.population import NOBODY, Population, Who, correlated, scales
from braintwin.synthetic.spectrum import channel_graph, scale_of, slow_share
from braintwin.synthetic.truth import BreathingTruth, Diagnosis, SpectralTruth, StageTruth

Floats = npt.NDArray[np.float64]

DIAGNOSES: tuple[Diagnosis, ...] = ("healthy", "insomnia", "osa")

HAZARD_SHIFT: dict[Diagnosis, dict[str, float]] = {
    "healthy": {"n1_w": -0.3, "n23_w": -0.3, "r_w": -0.3, "w_n1": 0.15, "w_deep": 0.15},
    "insomnia": {"onset": -0.9, "n1_w": 0.2, "n23_w": 0.3, "r_w": 0.2, "w_n1": -0.35, "w_deep": -0.35},
    "osa": {"n1_n2": -0.2, "n2_n3": -0.3, "n3_n2": 0.2, "n2_n1": 0.3},
}
"""Mean shift of the log hazards of each diagnosis: long latency and wake in insomnia, light sleep in OSA, whose
waking comes from its respiratory events."""


def spread_within(population: Population) -> Floats:
    """Return the sd of people about their diagnosis, (group,).

    With the shifts of the diagnoses it makes up what the population expects of a new dataset: the cohort comes from
    the prior of its fit.
    """
    shifts = np.array([[shift.get(group, 0.0) for group in GROUPS] for shift in HAZARD_SHIFT.values()])
    variance = np.diag(population.person_covariance(NOBODY))
    return np.asarray(np.sqrt(np.maximum(variance - np.square(shifts).mean(axis=0), 0.25 * variance)))


AGES: dict[Diagnosis, tuple[int, int]] = {"healthy": (22, 66), "insomnia": (28, 71), "osa": (38, 71)}

STAGE_RMS_UV = {"W": 26.0, "N1": 24.0, "N2": 29.0, "N3": 40.0, "R": 23.0}
"""Typical amplitude of the EEG of each stage in 0.5–40 Hz, µV rms against the mastoid."""
PERSON_RMS_SD, CHANNEL_RMS_SD = 0.12, 0.08

LOG_ALPHA_MEAN, LOG_ALPHA_SD = {"wake": float(np.log(80.0)), "sleep": float(np.log(50.0))}, 0.35
"""ln α of synthetic people, 1/s: one rate serves all of their sleep."""

STABILITY_MARGIN = 0.06
"""Least |L²/H| of the uniform mode: brains nearer to instability ring like a tuning fork."""


@dataclass(frozen=True)
class Someone:
    """A person before any night: what participants.tsv says, and the lasting hazards."""

    diagnosis: Diagnosis
    age: int
    sex: Literal["F", "M"]
    ahi: float
    effect: Floats


def draw_someone(diagnosis: Diagnosis, population: Population, rng: np.random.Generator) -> Someone:
    """Return a person with this diagnosis, their hazards drawn about the population's."""
    low, high = AGES[diagnosis]
    typical, spread, least, most = (28.0, 0.4, 15.0, 80.0) if diagnosis == "osa" else (2.0, 0.5, 0.2, 4.9)
    ahi = float(np.clip(np.exp(np.log(typical) + spread * rng.standard_normal()), least, most))
    shift = np.array([HAZARD_SHIFT[diagnosis].get(group, 0.0) for group in GROUPS])
    _, corr = scales(population.person_covariance(NOBODY))
    around = spread_within(population) * correlated(rng, 1, corr)[0]
    age, ahi = int(rng.integers(low, high)), round(ahi, 1)
    sex: Literal["F", "M"] = "F" if rng.random() < 0.5 else "M"
    return Someone(diagnosis, age, sex, ahi, population.person_mean(Who(age, sex, ahi)) + shift + around)


def draw_night(
    someone: Someone, population: Population, n_epochs: int, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.int8]]:
    """Return the night's own shift of the hazards, (group,), and its hypnogram, (epoch,)."""
    sd, corr = scales(population.night_cov)
    effect = sd * correlated(rng, 1, corr)[0]
    stages = simulate_nights(
        population,
        effects=(someone.effect + effect)[None],
        arousal_rate=someone.ahi,
        n_epochs=n_epochs,
        uniforms=rng.random((1, n_epochs)),
    )
    return effect, stages[0]


def draw_breathing(stages: npt.NDArray[np.int8], ahi: float, rng: np.random.Generator) -> list[BreathingTruth]:
    """Return respiratory events at `ahi` per hour of sleep, none in wake, fewer in N3, no two at once."""
    weight = np.array([0.0, 1.0, 1.0, 0.3, 1.4])[stages]
    asleep = float((stages > 0).sum())
    if asleep == 0:
        return []
    expected = ahi * EPOCH_S / 3600 * weight * asleep / weight.sum()
    # At most two fit an epoch: one in either half, 10 to 14 s long.
    half = np.repeat(expected / 2, 2)
    onset = np.flatnonzero(rng.random(half.size) < half) * EPOCH_S / 2
    found = []
    for start in onset:
        duration = float(rng.uniform(10.0, 14.0))
        kind: Literal["Obstructive apnea", "Hypopnea"] = "Obstructive apnea" if rng.random() < 0.4 else "Hypopnea"
        found.append(BreathingTruth(kind=kind, onset=float(start) + 0.5, duration=round(duration, 1)))
    return found


def regime(stage: str) -> str:
    """Return ``wake`` or ``sleep``: which dendritic rates a stage has."""
    return STAGE_PRIORS[stage].regime


def _loop(stage: str, t0: float, alpha: float, rng: np.random.Generator) -> dict[str, float]:
    """Return X, Y, Z of a stage from its prior, drawn again until the loop is stable with a margin."""
    unbounded = STAGE_PRIORS[stage].unbounded()
    freq, beta = np.linspace(0.0, 45.0, 181), alpha * BETA_OVER_ALPHA[regime(stage)]
    while True:
        raw = {name: float(rng.normal(*unbounded[name])) for name in ("X", "Y", "Z")}
        loop = {
            "X": 1 / (1 + np.exp(-raw["X"])),
            "Y": raw["Y"],
            "Z": Z_MAX / (1 + np.exp(-raw["Z"])),
        }
        x, y, z = loop["X"], loop["Y"], loop["Z"]
        if not bool(is_stable(x, y, z, t0, alpha, beta)):
            continue
        if float(np.min(dispersion_floor(freq, X=x, Y=y, Z=z, t0=t0, alpha=alpha, beta=beta))) > STABILITY_MARGIN**2:
            return {name: float(value) for name, value in loop.items()}


def draw_spectral(channels: tuple[str, ...], rng: np.random.Generator) -> SpectralTruth:
    """Return a corticothalamic twin from the stage priors, at the amplitudes of real EEG.

    The stages are drawn independently, and drawn again as a whole until slow waves make up more of N3 than of N2 and
    more of N2 than of wake and REM sleep: otherwise nobody could score this person.
    """
    t0 = float(rng.normal(T0_MEAN, T0_SD))
    while not T0_LOW < t0 < T0_HIGH:
        t0 = float(rng.normal(T0_MEAN, T0_SD))
    rate = {name: float(np.exp(rng.normal(mean, LOG_ALPHA_SD))) for name, mean in LOG_ALPHA_MEAN.items()}
    kappa = float(np.exp(rng.normal(LOG_KAPPA_MEAN, LOG_KAPPA_SD)))
    graph = channel_graph(channels, rng)

    def twin(stages: dict[str, StageTruth]) -> SpectralTruth:
        return SpectralTruth(
            t0=t0, alpha_wake=rate["wake"], alpha_sleep=rate["sleep"], kappa=kappa, graph=graph, stages=stages
        )

    unit = [0.0] * len(channels)
    while True:
        truth = twin(
            {
                stage: StageTruth(
                    **_loop(stage, t0, rate[regime(stage)], rng),
                    emg_fraction=float(rng.beta(*STAGE_PRIORS[stage].emg)),
                    log_scale=unit,
                )
                for stage in STAGES
            }
        )
        slow = {stage: slow_share(truth, stage) for stage in STAGES}
        if slow["N3"] > slow["N2"] > max(slow["W"], slow["R"]):
            break
    person_rms = PERSON_RMS_SD * rng.standard_normal()
    channel_rms = CHANNEL_RMS_SD * rng.standard_normal(len(channels))
    scaled: dict[str, StageTruth] = {}
    for stage, loop in truth.stages.items():
        level = 2 * (np.log(STAGE_RMS_UV[stage]) + person_rms) + scale_of(truth, stage)
        scaled[stage] = loop.model_copy(update={"log_scale": [float(level + 2 * own) for own in channel_rms]})
    return twin(scaled)
