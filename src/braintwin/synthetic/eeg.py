"""EEG of a whole night as a Gaussian process with the model's cross-spectrum, stage by stage.

Every epoch is a block of noise with the stage's cross-spectral density, made in the frequency domain: at each
frequency the Cholesky factor of the (real) density mixes independent complex normals. Blocks are one second longer
than their epoch and cross-fade with their neighbours by sine and cosine, whose squares add up to one: power is
constant across an epoch's edge and passes smoothly from stage to stage.
"""

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import gaussian_filter1d

from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.models.hypnogram import pressure_step, steady_pressure
from braintwin.synthetic.spectrum import cross_spectrum
from braintwin.synthetic.truth import SpectralTruth

Signal = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Stages = npt.NDArray[np.int8]

PRESSURE_GAIN = 1.5
"""How much more power, per unit of Process S, NREM sleep of high pressure has (natural logarithm)."""

ENVELOPE_RATE_HZ, ENVELOPE_SMOOTH_S = 2.0, 1.5
"""Rate at which the slow envelopes are drawn, and the width (sd) of the Gaussian that smooths them."""
SHARED_ENVELOPE = 0.9


def coloured_blocks(density: Floats, blocks: int, samples: int, sfreq: float, rng: np.random.Generator) -> Signal:
    """Return independent stretches of Gaussian noise with one cross-spectral density.

    Parameters
    ----------
    density : (freq, channel, channel) float
        One-sided density at ``rfftfreq(samples, 1 / sfreq)``, µV²/Hz; real, symmetric, positive.
    blocks, samples : int
        How many and how long.
    sfreq : float
        Sampling rate, Hz.
    rng : numpy.random.Generator

    Returns
    -------
    (channel, block, sample) float32, µV
    """
    channels = density.shape[1]
    n_freq = len(density)
    factor = np.zeros(density.shape, dtype=np.float32)
    # The mean and the Nyquist bin are left empty: an amplifier passes neither.
    inner = slice(1, n_freq - 1 if samples % 2 == 0 else n_freq)
    factor[inner] = np.linalg.cholesky(density[inner]) * np.sqrt(sfreq * samples / 4)
    noise = rng.standard_normal((n_freq, channels, 2 * blocks), dtype=np.float32).view(np.complex64)
    spectrum = np.ascontiguousarray(np.moveaxis(np.matmul(factor, noise), 0, 2))
    return np.asarray(fft.irfft(spectrum, n=samples, axis=2, overwrite_x=True), dtype=np.float32)


def join(blocks: Signal, order: npt.NDArray[np.integer], fade: int, out: Signal) -> None:
    """Add faded blocks into ``out`` (channel, epoch, sample of epoch), block *i* over epoch ``order[i]``.

    A block is `fade` samples longer than an epoch; its tail falls into the next epoch (the last one's is dropped).
    """
    samples = out.shape[2]
    ramp = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / fade).astype(np.float32)
    blocks[..., :fade] *= ramp
    blocks[..., samples:] *= ramp[::-1]
    out[:, order] += blocks[..., :samples]
    inside = order + 1 < out.shape[1]
    out[:, order[inside] + 1, :fade] += blocks[:, inside, samples:]


def night_eeg(
    truth: SpectralTruth, stages: Stages, sfreq: float, envelope_sd: float, rng: np.random.Generator
) -> Signal:
    """Return the EEG of a night.

    Parameters
    ----------
    truth : SpectralTruth
        The person.
    stages : (epoch,) int8
        Hypnogram.
    sfreq : float
        Sampling rate, Hz; a whole number.
    envelope_sd : float
        Sd of the slow log amplitude of a channel.
    rng : numpy.random.Generator

    Returns
    -------
    (channel, sample) float32, µV
    """
    channels, fade = len(truth.graph.channels), round(sfreq)
    samples = round(EPOCH_S * sfreq)
    out = np.zeros((channels, len(stages), samples), dtype=np.float32)
    freq = fft.rfftfreq(samples + fade, 1 / sfreq)
    gain = pressure_gain(stages).astype(np.float32)
    for code, stage in enumerate(STAGES):
        epochs = np.flatnonzero(stages == code)
        if not epochs.size:
            continue
        density = cross_spectrum(truth, stage, freq)
        for part in np.array_split(epochs, -(-epochs.size // 128)):
            blocks = coloured_blocks(density, part.size, samples + fade, sfreq, rng)
            blocks *= gain[part][None, :, None]
            join(blocks, part, fade, out)
    signal = out.reshape(channels, -1)
    # The first block fades in from nothing: give its first second the power of the rest.
    signal[:, :fade] /= np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / fade).astype(np.float32)
    if envelope_sd:
        for channel, envelope in zip(signal, slow_envelopes(truth, len(stages), envelope_sd, rng), strict=True):
            channel *= _stretch(envelope, channel.size, sfreq)
    return signal


def pressure_gain(stages: Stages) -> Floats:
    """Return the amplitude gain of each epoch, (epoch,): NREM power rises with Process S.

    The mean power over the epochs of a stage is not changed, so that the stage's density stays what it is.
    """
    wake, sleep = pressure_step()
    pressure, values = steady_pressure(), np.empty(len(stages))
    for i, stage in enumerate(stages):
        pressure = 1 - (1 - pressure) * wake if stage == 0 else pressure * sleep
        values[i] = pressure
    power = np.ones(len(stages))
    for code in (STAGES.index("N2"), STAGES.index("N3")):
        at = stages == code
        if at.any():
            raised = np.exp(PRESSURE_GAIN * values[at])
            power[at] = raised / raised.mean()
    return np.asarray(np.sqrt(power))


def slow_envelopes(truth: SpectralTruth, epochs: int, sd: float, rng: np.random.Generator) -> Signal:
    """Return the slow amplitude of each channel at 2 Hz, (channel, time), mean square one.

    Log amplitudes wax and wane together where the graph joins channels: their correlation is proportional to the
    weight, as strong as a correlation matrix allows. This is what amplitude-envelope connectivity sees.
    """
    weights = np.array(truth.graph.weights)
    np.fill_diagonal(weights, 0.0)
    strongest = max(-np.linalg.eigvalsh(weights)[0], weights.max())
    mixing = np.linalg.cholesky(np.eye(len(weights)) + SHARED_ENVELOPE * weights / strongest)
    times = round(epochs * EPOCH_S * ENVELOPE_RATE_HZ) + 1
    slow = gaussian_filter1d(rng.standard_normal((len(weights), times)), ENVELOPE_SMOOTH_S * ENVELOPE_RATE_HZ, axis=1)
    slow /= np.sqrt(1 / (2 * np.sqrt(np.pi) * ENVELOPE_SMOOTH_S * ENVELOPE_RATE_HZ))
    return np.exp(sd * (mixing @ slow) - sd**2).astype(np.float32)


def _stretch(envelope: Signal, samples: int, sfreq: float) -> Signal:
    """Return an envelope at the sampling rate, by straight lines."""
    at = np.arange(samples, dtype=np.float32) * np.float32(ENVELOPE_RATE_HZ / sfreq)
    left = np.minimum(at.astype(np.int32), len(envelope) - 2)
    return np.asarray(envelope[left] + (at - left) * (envelope[left + 1] - envelope[left]), dtype=np.float32)
