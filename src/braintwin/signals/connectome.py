"""The connectome of one stage, with error bars: epochs are read block by block and never held all at once.

Each block of consecutive epochs gives one set of sums. Their total gives the estimate; the total less one block gives
the jackknife. Blocks are added in one order, so that the number of threads changes no bit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from braintwin.contracts.connect import MEASURES
from braintwin.signals.coupling import SUMS, band_bins, cross_sums, phase_measures, window_length
from braintwin.signals.envelopes import band_gains, envelope_sums
from braintwin.signals.jackknife import block_standard_error

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Index = NDArray[np.intp]
Singles = NDArray[np.float32]

ANTISYMMETRIC = ("imaginary_coherence",)
"""Measures whose sign says which of the two leads: value (i, j) is minus value (j, i)."""

SUMS_MIB = 192
"""Memory for the sums of all blocks; pairs are taken in groups that fit."""

PORTION_MIB = 64
"""Most memory for the signals that one task holds."""


@dataclass(frozen=True)
class Settings:
    """How a connectome is estimated; times in s, frequencies in Hz."""

    sfreq: float
    window_s: float
    bands: Mapping[str, tuple[float, float]]
    lines: Sequence[tuple[float, float]] = ()
    min_epochs: int = 10
    blocks: int = 20
    chunk_epochs: int = 60
    threads: int = 1

    @property
    def window(self) -> int:
        """Samples per window, even."""
        return window_length(self.window_s, self.sfreq)


@dataclass(frozen=True)
class StageConnectome:
    """Estimates of one stage.

    Attributes
    ----------
    value, standard_error : (band, measure, node, node) float
        NaN for a pair with fewer than ``min_epochs`` epochs in which both channels are clean.
    n_epochs : (node, node) int
        Epochs in which both channels of the pair are clean.
    """

    value: Floats
    standard_error: Floats
    n_epochs: NDArray[np.int64]


def stage_connectome(eeg: Any, valid: Bools, settings: Settings) -> StageConnectome:
    """Return the connectome of one stage.

    A pair uses the epochs in which both of its channels are clean, so that one bad channel costs only its own pairs.

    Parameters
    ----------
    eeg : (epoch, channel, time) dask or numpy array, µV
        The stage's epochs in order of time; read in portions.
    valid : (epoch, channel) bool
        Clean channels of each epoch; samples that are not finite count as not clean.
    settings : Settings
        Bands, windows, blocks, threads.
    """
    n_epochs, n_channels, n_times = eeg.shape
    first, second = np.triu_indices(n_channels, 1)
    bins, member = band_bins(settings.bands, settings.sfreq, settings.window, settings.lines)
    gains = band_gains(settings.bands, settings.sfreq, n_times, settings.lines)
    portion = max(1, min(settings.chunk_epochs, PORTION_MIB * 2**20 // (4 * n_channels * n_times)))
    parts = _portions(n_epochs, settings.blocks, portion)
    epochs = eeg if isinstance(eeg, da.Array) else da.from_array(eeg, chunks=(portion, -1, -1), name=False)

    def blocks(function: Callable[..., Floats], pairs: Index, **kw: Any) -> list[Floats]:
        return _block_sums(
            function, epochs, valid, parts, settings.threads, first=first[pairs], second=second[pairs], **kw
        )

    shape = (len(settings.bands), len(MEASURES), first.size)
    value, error = np.full(shape, np.nan), np.full(shape, np.nan)
    envelopes = np.stack(blocks(_counted_envelopes, np.arange(first.size), gains=gains, sfreq=settings.sfreq))
    counts = envelopes[:, -1]
    kept = np.flatnonzero(counts.sum(axis=0) >= settings.min_epochs)
    value[:, -1, kept], error[:, -1, kept] = _mean_jackknife(envelopes[:, :-1, kept], counts[:, kept])
    windows = (n_times - settings.window) // (settings.window // 2) + 1
    group = max(1, SUMS_MIB * 2**20 // (8 * len(SUMS) * bins.size * len(parts)))
    for start in range(0, kept.size, group):
        pairs = kept[start : start + group]
        sums = blocks(cross_sums, pairs, window=settings.window, bins=bins)
        value[:, :-1, pairs], error[:, :-1, pairs] = _phase_jackknife(sums, counts[:, pairs], windows, member)
    return StageConnectome(
        value=_matrix(value, first, second, n_channels, signed=True),
        standard_error=_matrix(error, first, second, n_channels, signed=False),
        n_epochs=_count_matrix(counts.sum(axis=0), first, second, valid),
    )


def _portions(n_epochs: int, blocks: int, portion: int) -> list[list[slice]]:
    """Return, for each block of consecutive epochs, the slices in which it is read."""
    edges = np.linspace(0, n_epochs, min(blocks, n_epochs) + 1).round().astype(int)
    return [
        [slice(start, min(start + portion, stop)) for start in range(low, stop, portion)]
        for low, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]


def _clean(epochs: Any, valid: Bools) -> tuple[Singles, Bools]:
    data = np.asarray(epochs, dtype=np.float32)
    usable = valid & np.isfinite(data).all(axis=-1)
    return np.where(usable[:, :, None], data, np.float32(0)), usable


def _counted_envelopes(epochs: Singles, valid: Bools, first: Index, second: Index, **kw: Any) -> Floats:
    """Return the sums of `envelope_sums`, with the number of epochs of each pair as the last row."""
    counts = np.count_nonzero(valid[:, first] & valid[:, second], axis=0)
    return np.vstack([envelope_sums(epochs, valid, first, second, **kw), counts])


def _block_sums(
    function: Any, eeg: Any, valid: Bools, parts: list[list[slice]], threads: int, **kw: Any
) -> list[Floats]:
    """Return `function` of each block, the portions of a block added in order; blocks run side by side in threads."""

    def portion(epochs: Any, part: slice) -> Floats:
        data, usable = _clean(epochs, valid[part])
        return np.asarray(function(data, usable, **kw))

    def add(total: Floats, more: Floats) -> Floats:
        total += more
        return total

    tasks = []
    for block in parts:
        total: Any = None
        for part in block:
            one = dask.delayed(portion)(eeg[part], part)
            total = one if total is None else dask.delayed(add)(total, one)
        tasks.append(total)
    return list(dask.compute(*tasks, scheduler="threads", num_workers=max(1, threads)))


def _phase_jackknife(sums: list[Floats], counts: Floats, windows: int, member: Bools) -> tuple[Floats, Floats]:
    """Return phase measures (band, measure, pair) and their standard errors from the sums of the blocks."""
    total = np.zeros_like(sums[0])
    for block in sums:
        total += block
    n_windows = counts.sum(axis=0) * windows
    value = phase_measures(total, n_windows, member)
    left_out = np.stack(
        [
            phase_measures(total - block, n_windows - count * windows, member)
            for block, count in zip(sums, counts, strict=True)
        ]
    )
    return value, block_standard_error(value, left_out, counts[:, None, None, :])


def _mean_jackknife(sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Return the mean over epochs (band, pair) and its standard error from sums (block, band, pair)."""
    total, number = sums.sum(axis=0), counts.sum(axis=0)
    rest = (number - counts)[:, None, :]
    left_out = (total - sums) / np.where(rest > 0, rest, np.nan)
    value = total / number
    return value, block_standard_error(value, left_out, counts[:, None, :])


def _matrix(pairs: Floats, first: Index, second: Index, nodes: int, *, signed: bool) -> Floats:
    """Return (band, measure, node, node) from (band, measure, pair).

    A node with itself is 0, or NaN where all its pairs are missing.
    """
    matrix = np.full((*pairs.shape[:2], nodes, nodes), np.nan)
    sign = np.array([-1.0 if signed and name in ANTISYMMETRIC else 1.0 for name in MEASURES])
    matrix[:, :, first, second] = pairs
    matrix[:, :, second, first] = pairs * sign[:, None]
    diagonal = np.arange(nodes)
    matrix[:, :, diagonal, diagonal] = np.where(np.isfinite(matrix).any(axis=-1), 0.0, np.nan)
    return matrix


def _count_matrix(pairs: Floats, first: Index, second: Index, valid: Bools) -> NDArray[np.int64]:
    matrix = np.diag(valid.sum(axis=0)).astype(np.int64)
    matrix[first, second] = matrix[second, first] = pairs.astype(np.int64)
    return matrix
