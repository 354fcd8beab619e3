"""A tile of the connectome: some pairs of channels over all epochs of a stage, within a budget of memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braintwin.signals.coupling import REGISTRY, band_bins, phase_measures, thinned
from braintwin.signals.envelopes import band_gains, epoch_correlations
from braintwin.signals.jackknife import block_standard_error
from braintwin.signals.kernels import SUMS, add_sums
from braintwin.signals.portions import Change, read, side_by_side, split
from braintwin.signals.tapers import padded, write_spectra

if TYPE_CHECKING:
    from braintwin.signals.connectome import Settings

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Index = NDArray[np.intp]

ENVELOPE = "aec_orth"
"""The measure that is no function of a spectrum."""

SPECTRA_SHARE, SIGNALS_SHARE, SUMS_SHARE = 0.3, 0.1, 0.45
"""How the budget is spent; the rest is for what threads hold for a moment."""

SLICES = 16
"""Frequencies are shared out in so many slices, channels too."""

LARGEST_TILE = 4096
"""Most pairs of a tile: a cohort's workers can share a high-density night."""

FINISHED_AT_ONCE = 128
"""Pairs whose errors are worked out together."""


@dataclass(frozen=True)
class Tile:
    """Pairs of nodes, near each other in both."""

    first: Index
    second: Index

    @property
    def nodes(self) -> Index:
        """Nodes that occur."""
        return np.unique(np.concatenate([self.first, self.second]))


@dataclass(frozen=True)
class TileResult:
    """Estimates of a tile's pairs.

    Attributes
    ----------
    value, error : (band, measure, pair) float
        Estimate and standard error.
    halves : (half, band, measure, pair) float
        Estimates from every other block.
    counts : (pair,) float
        Epochs of each pair.
    nodes, node_counts : (node,) int
        Nodes of the tile and their clean epochs.
    """

    value: Floats
    error: Floats
    halves: Floats
    counts: Floats
    nodes: Index
    node_counts: Index


@dataclass
class _Sums:
    """What is added up over the epochs of a tile."""

    phase: Floats  # (freq, pair, sum)
    blocks: Singles  # (block, thinned freq, pair, sum)
    envelopes: Floats  # (block, band, pair)
    counts: Floats  # (block, pair)
    node_counts: Index


def tile_pairs(n_nodes: int, shape: tuple[int, ...], settings: "Settings") -> list[Tile]:
    """Return all pairs of nodes in tiles whose sums fit in the budget; a tile does not depend on the threads."""
    first, second = np.triu_indices(n_nodes, 1)
    order = _nearby(first, second)
    _, member = band_bins(settings.bands, settings.sfreq, settings.window, settings.lines)
    kept, blocks = thinned(member, settings.tapers.correlated_bins).size, _n_blocks(settings, shape[0])
    spectral = any(name in REGISTRY for name in settings.measures)
    per_pair = 8 * blocks * (len(settings.bands) + 1)
    if spectral:
        per_pair += len(SUMS) * (8 * member.shape[1] + 16 * kept + 4 * blocks * kept)
    budget = SUMS_SHARE * settings.memory_mib * 2**20
    number = max(-(-first.size // LARGEST_TILE), int(np.ceil(first.size * per_pair / budget)), 1)
    return [Tile(first[part], second[part]) for part in np.array_split(order, min(number, max(first.size, 1)))]


def _nearby(first: Index, second: Index) -> Index:
    """Return the order of pairs along Morton's curve, so that neighbours share channels: fewer reads, warmer caches."""
    code = np.zeros(first.size, dtype=np.int64)
    for bit in range(16):
        code |= ((first >> bit) & 1) << (2 * bit + 1) | ((second >> bit) & 1) << (2 * bit)
    return np.argsort(code, kind="stable")


def _n_blocks(settings: "Settings", n_epochs: int) -> int:
    return min(settings.blocks, n_epochs) if settings.blocks else 1


def tile_connectome(eeg: Any, valid: Bools, tile: Tile, settings: "Settings", change: Change | None) -> TileResult:
    """Return the estimates of one tile, from one pass over the stage's epochs."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # a product's bits may depend on the number of BLAS threads
        bins, member = band_bins(settings.bands, settings.sfreq, settings.window, settings.lines)
        kept = thinned(member, settings.tapers.correlated_bins)
        sums = _add_up(eeg, valid, tile, settings, change, bins, kept)
        return _finish(tile, settings, sums, member, kept, settings.tapers.windows(eeg.shape[2]))


def _add_up(
    eeg: Any, valid: Bools, tile: Tile, settings: "Settings", change: Change | None, bins: Index, kept: Index
) -> _Sums:
    n_epochs, n_channels, n_times = eeg.shape
    nodes = tile.nodes
    first, second = np.searchsorted(nodes, tile.first), np.searchsorted(nodes, tile.second)
    windows = settings.tapers.windows(n_times)
    spectral = any(name in REGISTRY for name in settings.measures)
    linear = all(REGISTRY[name].linear for name in settings.measures if name in REGISTRY)
    filtered = settings.bands if ENVELOPE in settings.measures else {}
    gains = band_gains(filtered, settings.sfreq, n_times, settings.lines)
    per_epoch = 8 * nodes.size * bins.size * len(settings.tapers.weights) * windows
    largest = _portion(settings, per_epoch if spectral else 0, 4 * n_channels * n_times)
    parts = split(n_epochs, _n_blocks(settings, n_epochs), largest)
    shape = (bins.size, nodes.size, len(settings.tapers.weights), 2)
    longest = max(part.stop - part.start for block in parts for part in block)
    room = np.empty(int(np.prod(shape)) * padded(longest * windows) if spectral else 0, dtype=np.float32)
    held = bool(settings.blocks) and spectral
    sums = _Sums(
        np.zeros((bins.size if spectral else 0, first.size, len(SUMS))),
        np.zeros((len(parts) if held else 0, kept.size, first.size, len(SUMS)), dtype=np.float32),
        np.zeros((len(parts), len(gains), first.size)),
        np.zeros((len(parts), first.size)),
        np.zeros(nodes.size, dtype=np.intp),
    )
    for number, block in enumerate(parts):
        before = sums.phase[kept] if held else np.zeros(0)
        for part in block:
            data, usable = read(eeg, valid, part, settings.threads, change)
            data, usable = data[:, nodes], usable[:, nodes]
            sums.node_counts += usable.sum(axis=0)
            sums.counts[number] += np.count_nonzero(usable[:, first] & usable[:, second], axis=0)
            if spectral:
                spectra = _spectra(data, settings, bins, room, (*shape, padded(len(data) * windows)))
                side_by_side(
                    [
                        partial(
                            add_sums, spectra[f], usable, first, second, sums.phase[f], windows=windows, linear=linear
                        )
                        for f in _slices(bins.size)
                    ],
                    settings.threads,
                )
            if len(gains):
                one = partial(epoch_correlations, first=first, second=second, gains=gains, sfreq=settings.sfreq)
                for found in side_by_side(
                    [partial(one, epoch, clean) for epoch, clean in zip(data, usable, strict=True)], settings.threads
                ):
                    sums.envelopes[number] += found
        if held:
            sums.blocks[number] = sums.phase[kept] - before
    return sums


def _portion(settings: "Settings", spectra_bytes: int, signal_bytes: int) -> int:
    """Return the most epochs of a portion."""
    budget = settings.memory_mib * 2**20
    limits = [settings.chunk_epochs, int(SIGNALS_SHARE * budget / signal_bytes)]
    if spectra_bytes:
        limits.append(int(SPECTRA_SHARE * budget / spectra_bytes))
    return max(1, min(limits))


def _slices(size: int) -> list[slice]:
    edges = np.linspace(0, size, min(size, SLICES) + 1).round().astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def _spectra(data: Singles, settings: "Settings", bins: Index, room: Singles, shape: tuple[int, ...]) -> Singles:
    """Return the spectra of a portion (freq, channel, taper, part, observation), written into `room`."""
    spectra = room[: int(np.prod(shape))].reshape(shape)
    spectra[..., len(data) * settings.tapers.windows(data.shape[2]) :] = 0
    side_by_side(
        [partial(write_spectra, data[:, c], settings.tapers, bins, spectra[:, c], 0) for c in _slices(data.shape[1])],
        settings.threads,
    )
    return spectra


def _finish(tile: Tile, settings: "Settings", sums: _Sums, member: Bools, kept: Index, windows: int) -> TileResult:
    """Return values, errors and halves from the sums, some pairs at a time."""
    shape = (len(settings.bands), len(settings.measures), tile.first.size)
    value, error, halves = np.full(shape, np.nan), np.full(shape, np.nan), np.full((2, *shape), np.nan)
    names = [name for name in settings.measures if name in REGISTRY]
    rows = [settings.measures.index(name) for name in names]
    # A thinned band has its own members: some frequencies were kept for another band alone.
    thin = member[:, kept]

    def spectral(pairs: slice) -> None:
        counts = sums.counts[:, pairs]
        value[:, rows, pairs] = phase_measures(sums.phase[:, pairs], counts.sum(axis=0) * windows, member, names)
        if not len(sums.blocks):
            return
        blocks = sums.blocks[:, :, pairs].astype(np.float64)
        total = blocks.sum(axis=0)
        here = phase_measures(total, counts.sum(axis=0) * windows, thin, names)
        rest = counts.sum(axis=0) - counts
        left_out = np.stack(
            [
                phase_measures(total - block, count * windows, thin, names)
                for block, count in zip(blocks, rest, strict=True)
            ]
        )
        error[:, rows, pairs] = block_standard_error(here, left_out, counts[:, None, None, :])
        for half in range(2):
            count = counts[half::2].sum(axis=0) * windows
            halves[half][:, rows, pairs] = phase_measures(blocks[half::2].sum(axis=0), count, thin, names)

    if names:
        edges = range(0, tile.first.size, FINISHED_AT_ONCE)
        tasks = [partial(spectral, slice(start, start + FINISHED_AT_ONCE)) for start in edges]
        side_by_side(tasks, settings.threads)
    if ENVELOPE in settings.measures:
        row = settings.measures.index(ENVELOPE)
        value[:, row], error[:, row] = _mean_jackknife(sums.envelopes, sums.counts, with_error=settings.blocks > 0)
        for half in range(2):
            count = sums.counts[half::2].sum(axis=0)
            total = sums.envelopes[half::2].sum(axis=0)
            halves[half][:, row] = total / np.where(count > 0, count, np.nan)
    return TileResult(value, error, halves, sums.counts.sum(axis=0), tile.nodes, sums.node_counts)


def _mean_jackknife(sums: Floats, counts: Floats, *, with_error: bool) -> tuple[Floats, Floats]:
    """Return the mean over epochs (band, pair) and its standard error from sums (block, band, pair)."""
    total, number = sums.sum(axis=0), counts.sum(axis=0)
    value = total / np.where(number > 0, number, np.nan)
    if not with_error:
        return value, np.full_like(value, np.nan)
    rest = (number - counts)[:, None, :]
    left_out = (total - sums) / np.where(rest > 0, rest, np.nan)
    return value, block_standard_error(value, left_out, counts[:, None, :])


def join_tiles(tiles: Sequence[Tile], results: Sequence[TileResult]) -> tuple[Index, Index, TileResult]:
    """Return the pairs of all tiles and their estimates, side by side."""
    nodes = np.unique(np.concatenate([tile.nodes for tile in tiles]))
    counts = np.zeros(nodes.size, dtype=np.intp)
    for result in results:
        counts[np.searchsorted(nodes, result.nodes)] = result.node_counts
    return (
        np.concatenate([tile.first for tile in tiles]),
        np.concatenate([tile.second for tile in tiles]),
        TileResult(
            np.concatenate([result.value for result in results], axis=-1),
            np.concatenate([result.error for result in results], axis=-1),
            np.concatenate([result.halves for result in results], axis=-1),
            np.concatenate([result.counts for result in results]),
            nodes,
            counts,
        ),
    )
