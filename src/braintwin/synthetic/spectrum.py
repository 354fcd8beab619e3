"""The exact cross-spectrum that a synthetic recording is drawn from, and the channel graph beneath it."""

import numpy as np
import numpy.typing as npt

from braintwin.models.corticothalamic import emg_shape, transfer_power
from braintwin.models.parameters import BETA_OVER_ALPHA, STAGE_PRIORS
from braintwin.signals.graphs import laplacian_modes
from braintwin.synthetic.truth import GraphTruth, SpectralTruth

Floats = npt.NDArray[np.float64]

POSITIONS_MM = {
    "F3": (-50, 53, 42), "F4": (52, 54, 41), "C3": (-65, -12, 64),
    "C4": (67, -11, 64), "O1": (-29, -112, 9), "O2": (30, -112, 9),
}  # fmt: skip
"""Electrodes of a polysomnogram on the head, mm (right, front, up)."""

BAND = (1.0, 40.0)
"""Band in which the share of muscle is meant, Hz."""

HIGHPASS_HZ = 0.3
"""Corner of the amplifier's second-order high-pass, Hz; at 1 Hz it takes 0.8 % of the power."""

REACH_MM, HOMOLOGOUS, WEIGHT_SD = 70.0, 0.3, 0.3


def channel_graph(channels: tuple[str, ...], rng: np.random.Generator) -> GraphTruth:
    """Return a person's graph: near and homologous channels are joined, with a spread between people.

    The weight of a pair d apart is ``exp(-d² / 2 · 70 mm²)``, plus 0.3 between the hemispheres' homologous
    channels, times a log-normal factor of sd 0.3.
    """
    place = np.array([POSITIONS_MM[c] for c in channels], dtype=float)
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    mirror = np.array([[a[0] == b[0] and a != b for b in channels] for a in channels])
    weights = np.exp(-(distance**2) / (2 * REACH_MM**2)) + HOMOLOGOUS * mirror
    own = np.triu(np.exp(WEIGHT_SD * rng.standard_normal(weights.shape)), 1)
    weights = weights * (own + own.T)
    return GraphTruth(
        channels=list(channels), weights=weights.tolist(), eigenvalues=laplacian_modes(weights)[0].tolist()
    )


def _network(truth: SpectralTruth, stage: str, freq: Floats) -> Floats:
    """Return ``U diag|H_k|² Uᵀ`` at unit input power, (freq, channel, channel)."""
    loop = truth.stages[stage]
    regime = STAGE_PRIORS[stage].regime
    alpha = truth.alpha_wake if regime == "wake" else truth.alpha_sleep
    values, vectors = laplacian_modes(truth.graph.weights)
    power = transfer_power(
        freq,
        X=loop.X, Y=loop.Y, Z=loop.Z, t0=truth.t0, alpha=alpha, beta=alpha * BETA_OVER_ALPHA[regime],
        coupling=truth.kappa * values[:, None],
    )  # fmt: skip
    return np.asarray(np.einsum("ik,kf,jk->fij", vectors, power, vectors))


def cross_spectrum(truth: SpectralTruth, stage: str, freq: npt.ArrayLike) -> Floats:
    """Return the one-sided cross-spectral density of the EEG in a stage.

    ``s_i s_j Σ_k U_ik U_jk |H_k|²``, and on the diagonal muscle that makes up `emg_fraction` of each channel's power
    in 1–40 Hz; both behind the amplifier's high-pass. The graph's nodes are the channels against their mastoid, so
    that the mixing A is the identity. It is real: the model has no phase lags between channels.

    Parameters
    ----------
    truth : SpectralTruth
        The person.
    stage : str
        One of STAGES.
    freq : (freq,) float
        Frequency, Hz.

    Returns
    -------
    (freq, channel, channel) float, µV²/Hz
    """
    freq = np.asarray(freq, dtype=float)
    loop = truth.stages[stage]
    scale = np.exp(np.asarray(loop.log_scale) / 2)
    spectrum = _network(truth, stage, freq) * scale[:, None] * scale[None]
    grid = np.linspace(*BAND, 391)
    field = np.einsum("fii->fi", _network(truth, stage, grid)) * scale**2
    area = np.trapezoid(field, grid, axis=0)
    muscle = loop.emg_fraction / (1 - loop.emg_fraction) * area
    diagonal = np.arange(len(scale))
    spectrum[:, diagonal, diagonal] += np.asarray(emg_shape(freq, *BAND))[:, None] * muscle
    return np.asarray(spectrum * highpass_power(freq)[:, None, None])


def highpass_power(freq: Floats) -> Floats:
    """Return the gain in power of the amplifier's high-pass (second-order Butterworth), (freq,)."""
    return np.asarray(freq**4 / (freq**4 + HIGHPASS_HZ**4))


def scale_of(truth: SpectralTruth, stage: str) -> float:
    """Return the ln s² that gives the channels, at ln s² = 0 in `truth`, 1 µV rms in 0.5–40 Hz on average."""
    grid = np.linspace(0.5, BAND[1], 791)
    power = np.einsum("fii->fi", cross_spectrum(truth, stage, grid)).mean(axis=1)
    return float(-np.log(np.trapezoid(power, grid)))


def slow_share(truth: SpectralTruth, stage: str) -> float:
    """Return the share of 0.5–4 Hz in the power of 0.5–40 Hz, averaged over channels."""
    grid = np.linspace(0.5, BAND[1], 396)
    power = np.einsum("fii->f", cross_spectrum(truth, stage, grid))
    slow = grid <= 4
    return float(np.trapezoid(power[slow], grid[slow]) / np.trapezoid(power, grid))
