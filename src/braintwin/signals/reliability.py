"""How far a connectome can be trusted: split halves, equal epochs, and what instantaneous mixing alone would give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

FEWEST_PAIRS = 6
"""Pairs that a correlation over pairs needs; four channels have six."""


def split_half(one: Floats, other: Floats) -> Floats:
    """Return the reliability of (…, pair) estimates from two halves of the data.

    The correlation over pairs of the halves, stepped up to the whole by Spearman and Brown's 2r / (1 + r).

    Returns
    -------
    (…,) float
        NaN with fewer than six pairs; never below 0, where halves that disagree would step up to nonsense.

    References
    ----------
    Spearman 1910, doi:10.1111/j.2044-8295.1910.tb00206.x; Brown 1910, doi:10.1111/j.2044-8295.1910.tb00207.x.
    """
    known = np.isfinite(one) & np.isfinite(other)
    number = known.sum(axis=-1)
    safe = np.maximum(number, 1)[..., None]
    a, b = np.where(known, one, 0.0), np.where(known, other, 0.0)
    a = np.where(known, a - a.sum(axis=-1, keepdims=True) / safe, 0.0)
    b = np.where(known, b - b.sum(axis=-1, keepdims=True) / safe, 0.0)
    spread = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    r = np.clip((a * b).sum(axis=-1) / np.where(spread > 0, spread, 1.0), 0.0, 1.0)
    return np.asarray(np.where((number >= FEWEST_PAIRS) & (spread > 0), 2 * r / (1 + r), np.nan))


def equal_epochs(available: int, wanted: int) -> Index:
    """Return `wanted` of `available` positions, spread evenly, so that stages of any length have the same bias."""
    if wanted >= available:
        return np.arange(available)
    return np.asarray(np.floor((np.arange(wanted) + 0.5) * available / wanted), dtype=np.intp)


@dataclass(frozen=True)
class InstantMixing:
    """Surrogate epochs whose channels share nothing but instantaneous mixing (a `portions.Change`).

    The phases of every channel are drawn anew (Theiler et al. 1992, doi:10.1016/0167-2789(92)90102-S), so channels keep
    their spectra and lose their coupling; then they are mixed so that they correlate as the real ones do at lag zero.

    Attributes
    ----------
    mixing : (channel, channel) float
        Symmetric root of the correlation of the real channels.
    seeds : (epoch,) int
        Seed of each epoch, so that neither portions nor threads change the draws.
    """

    mixing: Floats
    seeds: NDArray[np.int64]

    @property
    def nodes(self) -> int:
        """Channels."""
        return len(self.mixing)

    def __call__(self, data: Singles, valid: Bools, epochs: Index) -> tuple[Singles, Bools]:
        """Return the surrogate of each epoch; a channel that is not valid stays so."""
        from scipy.fft import irfft, rfft

        out = np.empty_like(data)
        for row, seed in enumerate(self.seeds[epochs]):
            spectrum = np.abs(rfft(data[row] - data[row].mean(axis=-1, keepdims=True), axis=-1))
            power = np.sqrt((spectrum.astype(np.float64) ** 2).sum(axis=-1, keepdims=True))
            phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, spectrum.shape)
            unit = irfft(spectrum / np.where(power > 0, power, 1.0) * np.exp(1j * phase), data.shape[-1], axis=-1)
            out[row] = self.mixing @ unit
        out[~valid] = 0
        return out, valid


def correlation_root(data: Singles, valid: Bools) -> Floats:
    """Return the symmetric root of the channels' correlation at lag zero over (epoch, channel, time).

    Each pair is taken over the epochs in which both are valid; what that leaves negative definite is set to 0.
    """
    centred = np.where(valid[..., None], data - data.mean(axis=-1, keepdims=True), 0).astype(np.float64)
    product = np.einsum("ect,edt->cd", centred, centred, optimize=True)
    power = np.einsum("ec,ed->cd", (centred**2).sum(axis=-1), valid.astype(np.float64))
    scale = np.sqrt(power * power.T)
    correlation = product / np.where(scale > 0, scale, 1.0)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def null_band(value: Floats, level: float = 0.95) -> Floats:
    """Return the `level` quantile of the size of (…, node, node) estimates over pairs; NaN where there is none."""
    rows, columns = np.triu_indices(value.shape[-1], 1)
    pairs = np.abs(value[..., rows, columns])
    out: Floats = np.full(pairs.shape[:-1], np.nan)
    for place in np.ndindex(out.shape):
        there = pairs[place][np.isfinite(pairs[place])]
        if there.size:
            out[place] = np.quantile(there, level)
    return out


def share_above(value: Floats, bound: Floats) -> Floats:
    """Return the share of the pairs of (…, node, node) whose size exceeds `bound` (…)."""
    rows, columns = np.triu_indices(value.shape[-1], 1)
    pairs = np.abs(value[..., rows, columns])
    known = np.isfinite(pairs)
    number = known.sum(axis=-1)
    above = (known & (np.nan_to_num(pairs) > bound[..., None])).sum(axis=-1)
    return np.asarray(np.where((number > 0) & np.isfinite(bound), above / np.maximum(number, 1), np.nan))
