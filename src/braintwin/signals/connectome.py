"""The connectome of one stage, with error bars: epochs are read block by block and never held all at once.

Pairs of channels are taken in tiles whose sums fit in the memory budget. For each tile the epochs are read in portions,
and threads share a portion: its channels when it is transformed, its frequencies when pairs are summed, its epochs
when envelopes are correlated. Every number is made by one thread in one order, so that the number of threads, or of
machines that share the tiles, changes no bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braintwin.contracts.connect import MEASURES
from braintwin.signals.coupling import REGISTRY
from braintwin.signals.pair_tiles import Tile, TileResult, join_tiles, tile_connectome, tile_pairs
from braintwin.signals.portions import Change
from braintwin.signals.reliability import split_half
from braintwin.signals.tapers import Method, Tapers, make_tapers, window_length

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Index = NDArray[np.intp]

ANTISYMMETRIC = tuple(name for name in MEASURES if name in REGISTRY and REGISTRY[name].antisymmetric)
"""Measures whose sign says which of the two leads: value (i, j) is minus value (j, i)."""


@dataclass(frozen=True)
class Settings:
    """How a connectome is estimated; times in s, frequencies in Hz.

    ``blocks`` of 0 gives no standard errors. ``memory_mib`` bounds signals, spectra and sums together.
    """

    sfreq: float
    window_s: float
    bands: Mapping[str, tuple[float, float]]
    lines: Sequence[tuple[float, float]] = ()
    min_epochs: int = 10
    blocks: int = 20
    chunk_epochs: int = 60
    threads: int = 1
    method: Method = "hann"
    bandwidth: float = 0.0
    measures: tuple[str, ...] = MEASURES
    memory_mib: int = 512
    tapers: Tapers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the tapers once."""
        object.__setattr__(self, "tapers", make_tapers(self.method, self.window, self.sfreq, self.bandwidth))

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
    reliability : (band, measure) float
        Split-half correlation over pairs, stepped up to the whole (`reliability.split_half`).
    """

    value: Floats
    standard_error: Floats
    n_epochs: NDArray[np.int64]
    reliability: Floats


def stage_connectome(
    eeg: Any, valid: Bools, settings: Settings, *, change: Change | None = None, client: Any = None
) -> StageConnectome:
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
    change : Change, optional
        What is done to the channels of each epoch first, such as going to regions; nodes are its outcome.
    client : dask.distributed.Client, optional
        Where tiles of pairs are computed; here, in threads, where not given.
    """
    n_nodes = change.nodes if change is not None else eeg.shape[1]
    tiles = tile_pairs(n_nodes, eeg.shape, settings)
    if client is None:
        results = [tile_connectome(eeg, valid, tile, settings, change) for tile in tiles]
    else:
        alone = replace(settings, threads=1)  # a worker computes as many tiles at once as it has threads
        jobs = [client.submit(tile_connectome, eeg, valid, tile, alone, change, pure=False) for tile in tiles]
        results = client.gather(jobs)
    return _stage(tiles, results, n_nodes, settings)


def _stage(tiles: list[Tile], results: list[TileResult], nodes: int, settings: Settings) -> StageConnectome:
    first, second, found = join_tiles(tiles, results)
    enough = found.counts >= settings.min_epochs
    value, error = np.where(enough, found.value, np.nan), np.where(enough, found.error, np.nan)
    halves = np.where(enough, found.halves, np.nan)
    counts = np.diag(found.node_counts).astype(np.int64)
    counts[first, second] = counts[second, first] = found.counts.astype(np.int64)
    return StageConnectome(
        value=_matrix(value, first, second, nodes, settings.measures, signed=True),
        standard_error=_matrix(error, first, second, nodes, settings.measures, signed=False),
        n_epochs=counts,
        reliability=split_half(halves[0], halves[1]),
    )


def _matrix(pairs: Floats, first: Index, second: Index, nodes: int, measures: Sequence[str], *, signed: bool) -> Floats:
    """Return (band, measure, node, node) from (band, measure, pair).

    A node with itself is 0, or NaN where all its pairs are missing.
    """
    matrix = np.full((*pairs.shape[:2], nodes, nodes), np.nan)
    sign = np.array([-1.0 if signed and name in ANTISYMMETRIC else 1.0 for name in measures])
    matrix[:, :, first, second] = pairs
    matrix[:, :, second, first] = pairs * sign[:, None]
    diagonal = np.arange(nodes)
    matrix[:, :, diagonal, diagonal] = np.where(np.isfinite(matrix).any(axis=-1), 0.0, np.nan)
    return matrix
