"""Epochs on their way from the disk to the engine: read in portions, cleaned, and changed where that is asked for."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Singles = NDArray[np.float32]


class Change(Protocol):
    """Something done to the channels of epochs, one epoch like any other, such as going to regions."""

    @property
    def nodes(self) -> int:
        """Channels that come out."""

    def __call__(self, data: Singles, valid: Bools, epochs: NDArray[np.intp], /) -> tuple[Singles, Bools]:
        """Return epochs (epoch, node, time) and which are valid (epoch, node) for data (epoch, channel, time)."""


def split(n_epochs: int, blocks: int, largest: int) -> list[list[slice]]:
    """Return, for each block of consecutive epochs, the portions of nearly equal size in which it is read."""
    edges = np.linspace(0, n_epochs, max(1, min(blocks, n_epochs)) + 1).round().astype(int)
    portions = []
    for low, high in pairwise(edges.tolist()):
        count = -(-(high - low) // largest)
        inner = np.linspace(low, high, count + 1).round().astype(int).tolist()
        portions.append([slice(a, b) for a, b in pairwise(inner)])
    return portions


def side_by_side(tasks: Sequence[Callable[[], Any]], threads: int) -> list[Any]:
    """Return the results of `tasks`, computed by Dask's threaded scheduler."""
    from dask.threaded import get

    if threads <= 1 or len(tasks) == 1:
        return [task() for task in tasks]
    return list(get({index: (task,) for index, task in enumerate(tasks)}, list(range(len(tasks))), num_workers=threads))


def read(eeg: Any, valid: Bools, part: slice, threads: int, change: Change | None = None) -> tuple[Singles, Bools]:
    """Return the epochs of one portion, zero where they are not valid, and where they are.

    Stored chunks are read side by side, each once.

    Parameters
    ----------
    eeg : (epoch, channel, time) dask or numpy array
        Signals.
    valid : (epoch, channel) bool
        Clean channels; samples that are not finite count as not clean.
    part : slice
        Epochs to read.
    """
    data = np.empty((part.stop - part.start, *eeg.shape[1:]), dtype=np.float32)
    usable = valid[part].copy()

    def fetch(piece: slice) -> None:
        rows = slice(piece.start - part.start, piece.stop - part.start)
        source = eeg[piece]
        data[rows] = source if isinstance(source, np.ndarray) else source.compute(scheduler="synchronous")
        # The sum of an epoch is finite where all of it is, short of an overflow, which is no signal either.
        usable[rows] &= np.isfinite(data[rows].sum(axis=-1, dtype=np.float64))
        data[rows][~usable[rows]] = 0

    side_by_side([partial(fetch, piece) for piece in _pieces(eeg, part)], threads)
    if change is None:
        return data, usable
    return change(data, usable, np.arange(part.start, part.stop))


def _pieces(eeg: Any, part: slice) -> list[slice]:
    """Return the parts of a portion that lie in one stored chunk each."""
    chunks = getattr(eeg, "chunks", None)
    if chunks is None:
        return [part]
    edges = np.cumsum(chunks[0])
    inside = edges[(edges > part.start) & (edges < part.stop)].tolist()
    stops = [*inside, part.stop]
    return [slice(a, b) for a, b in pairwise([part.start, *stops])]
