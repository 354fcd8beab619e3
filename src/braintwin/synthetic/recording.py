"""A whole polysomnogram: the EEG, eyes and chin around it, and what disturbs a real recording."""

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.synthetic.eeg import Signal, Stages
from braintwin.synthetic.spectrum import cross_spectrum
from braintwin.synthetic.truth import ArtefactTruth, LineTruth, SpectralTruth

EYES, CHIN = ("E1", "E2"), "CHIN"

CHIN_RMS_UV = {"W": 20.0, "N1": 11.0, "N2": 8.0, "N3": 7.0, "R": 2.5}
"""Muscle tone of the chin, µV rms: it falls with sleep and is lost in REM sleep."""

LINE_ABOVE_DB = 8.0
"""Height of an interference line over the strongest stage, in a spectrum of 0.25-Hz resolution (Hann, 4 s)."""
_BIN_HZ = 0.375  # noise bandwidth of that Hann window


def eye_movements(stages: Stages, sfreq: float, rng: np.random.Generator) -> Signal:
    """Return what the eyes add to E1 and E2, (2, sample) float32, µV.

    Saccades of REM sleep and wake turn the eyes, so that E1 and E2 deflect in opposite directions; the amplifier's
    high-pass lets each deflection decay. Lids (wake) deflect both the same way. In N1 the eyes roll slowly.
    """
    samples = round(EPOCH_S * sfreq)
    out = np.zeros((2, len(stages) * samples + samples), dtype=np.float32)
    t = np.arange(round(1.5 * sfreq)) / sfreq
    saccade = ((1 - np.exp(-t / 0.03)) * np.exp(-t / 0.4)).astype(np.float32)
    blink = np.exp(-(((t - 0.15) / 0.06) ** 2)).astype(np.float32)
    roll = np.sin(np.pi * np.arange(samples) / samples) ** 2
    clock = np.arange(samples) / sfreq
    rate = {"W": (2.0, 3.0), "R": (7.0, 0.0)}
    for epoch, code in enumerate(stages):
        stage, start = STAGES[code], epoch * samples
        saccades, blinks = rate.get(stage, (0.0, 0.0))
        for _ in range(rng.poisson(saccades)):
            at = start + int(rng.integers(samples))
            size = rng.choice((-1.0, 1.0)) * rng.uniform(50.0, 150.0)
            out[:, at : at + len(t)] += np.outer((size, -size), saccade)
        for _ in range(rng.poisson(blinks)):
            at = start + int(rng.integers(samples))
            out[:, at : at + len(t)] += np.float32(rng.uniform(60.0, 160.0)) * blink
        if stage == "N1":
            wave = rng.uniform(30.0, 70.0) * roll * np.sin(2 * np.pi * (rng.uniform(0.2, 0.4) * clock + rng.random()))
            out[:, start : start + samples] += np.outer((1.0, -1.0), wave)
    return out[:, : len(stages) * samples]


def eye_channels(eeg: Signal, channels: list[str], stages: Stages, sfreq: float, rng: np.random.Generator) -> Signal:
    """Return E1 and E2, (2, sample) float32, µV: eyes, a part of the frontal EEG, amplifier noise."""
    eyes = eye_movements(stages, sfreq, rng)
    for eye, side in zip(eyes, ("F3", "F4"), strict=True):
        eye += np.float32(0.5) * eeg[channels.index(side)]
        eye += np.float32(4.0) * rng.standard_normal(eye.size, dtype=np.float32)
    return eyes


def chin_channel(stages: Stages, sfreq: float, rng: np.random.Generator) -> Signal:
    """Return the chin EMG, (sample,) float32, µV: differenced noise (more power at high frequency), tone by stage."""
    samples = round(EPOCH_S * sfreq)
    noise = rng.standard_normal(len(stages) * samples + 1, dtype=np.float32)
    chin = np.diff(noise) / np.float32(np.sqrt(2))
    tone = np.array([CHIN_RMS_UV[s] for s in STAGES])[stages] * np.exp(0.15 * rng.standard_normal(len(stages)))
    # Tone changes within two seconds around an epoch's edge.
    ramp = np.linspace(0, 1, round(2 * sfreq), dtype=np.float32)
    level = np.repeat(tone.astype(np.float32), samples).reshape(len(stages), samples)
    level[1:, : ramp.size] = tone[:-1, None] + (tone[1:] - tone[:-1])[:, None] * ramp
    return np.asarray(chin * level.ravel(), dtype=np.float32)


def draw_artefacts(epochs: int, channels: list[str], rng: np.random.Generator) -> list[ArtefactTruth]:
    """Return the disturbances of a night in order: movements and muscle bursts, and one loose electrode."""
    hours, end = epochs * EPOCH_S / 3600, epochs * EPOCH_S
    found: list[ArtefactTruth] = []
    for _ in range(max(1, round(0.75 * hours))):
        duration = float(rng.uniform(3.0, 10.0))
        onset = float(rng.uniform(0, end - duration))
        found.append(
            ArtefactTruth(kind="movement", channels=channels, onset=round(onset, 2), duration=round(duration, 2))
        )
    for _ in range(max(1, round(0.5 * hours))):
        duration = float(rng.uniform(8.0, 20.0))
        onset = float(rng.uniform(0, end - duration))
        pair = sorted(rng.choice(channels, 2, replace=False).tolist())
        found.append(ArtefactTruth(kind="muscle", channels=pair, onset=round(onset, 2), duration=round(duration, 2)))
    duration = float(rng.uniform(45.0, 120.0))
    onset = float(rng.uniform(0, end - duration))
    one = [str(rng.choice(channels))]
    found.append(
        ArtefactTruth(kind="loose_electrode", channels=one, onset=round(onset, 2), duration=round(duration, 2))
    )
    return sorted(found, key=lambda a: a.onset)


def add_artefacts(
    signal: Signal, channels: list[str], artefacts: list[ArtefactTruth], sfreq: float, rng: np.random.Generator
) -> None:
    """Disturb ``signal`` (channel, sample) in place; movements and muscle reach the chin as well."""
    for artefact in artefacts:
        first = round(artefact.onset * sfreq)
        n = min(round(artefact.duration * sfreq), signal.shape[1] - first)
        window = np.sin(np.pi * (np.arange(n) + 0.5) / n)
        clock = np.arange(n) / sfreq
        for name in artefact.channels:
            row = signal[channels.index(name), first : first + n]
            if artefact.kind == "movement":
                speed, phase, size = rng.uniform(0.4, 2.5, 3), rng.random(3), rng.uniform(0.5, 1.0, 3)
                sway = window * (size @ np.sin(2 * np.pi * (np.outer(speed, clock) + phase[:, None])))
                row += (rng.uniform(700.0, 1100.0) * sway / np.abs(sway).max()).astype(np.float32)
            elif artefact.kind == "muscle":
                burst = np.diff(rng.standard_normal(n + 1)) / np.sqrt(2)
                row += (rng.uniform(35.0, 60.0) * np.sqrt(window) * burst).astype(np.float32)
            else:
                row[:] = np.float32(0.05) * rng.standard_normal(n, dtype=np.float32)
        if artefact.kind != "loose_electrode":
            chin = signal[channels.index(CHIN), first : first + n]
            chin += (60.0 * window * rng.standard_normal(n)).astype(np.float32)


def line_in(truth: SpectralTruth, freq: float) -> LineTruth:
    """Return a line at `freq` that stands LINE_ABOVE_DB over the strongest stage's spectrum."""
    level = max(float(np.einsum("fii->fi", cross_spectrum(truth, s, [freq])).max()) for s in truth.stages)
    power = 10 ** (LINE_ABOVE_DB / 10) * level * _BIN_HZ
    return LineTruth(freq=freq, amplitude_uv=float(np.sqrt(2 * power)))


def add_line(eeg: Signal, line: LineTruth, sfreq: float, phase: float) -> None:
    """Add a sinusoid to every row of ``eeg`` (channel, sample) in place."""
    cycles = np.arange(eeg.shape[1]) * (line.freq / sfreq) + phase
    eeg += (line.amplitude_uv * np.sin(2 * np.pi * (cycles % 1.0))).astype(np.float32)


def epochs_touched(artefacts: list[ArtefactTruth], epochs: int) -> npt.NDArray[np.bool_]:
    """Return the epochs that any artefact overlaps, (epoch,)."""
    touched = np.zeros(epochs, dtype=bool)
    for artefact in artefacts:
        last = int(np.ceil((artefact.onset + artefact.duration) / EPOCH_S))
        touched[int(artefact.onset // EPOCH_S) : last] = True
    return touched
