"""Nights as tables of counts: what the likelihood of the hypnogram twin needs of them, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.models.hypnogram import (
    DESTINATIONS,
    GROUP_OF,
    N_STAGES,
    arousal_shift,
    hazard_tables,
    night_steps,
    row_base,
)
from braintwin.models.night_history import LITERATURE, ProcessS
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CountTable:
    """Counts of the steps of some nights, by cell.

    Attributes
    ----------
    bounds : (night + 1,) int
        First cell of each night, and the number of cells.
    owner : (cell,) int
        Night of the cell.
    row : (cell,) int
        Row of the chain.
    bins : (cell, 6) int
        Bins of time, dwell, pressure, clock, load and recent wake.
    left : (cell, way) float
        How often the cell was left by each way.
    total : (cell,) float
        How many epochs stood in the cell.
    """

    bounds: Ints
    owner: Ints
    row: Ints
    bins: Ints
    left: Floats
    total: Floats

    def __len__(self) -> int:
        """Return the number of nights."""
        return len(self.bounds) - 1

    @property
    def arrays(self) -> tuple[Ints, Floats, Floats]:
        """Return row, left and total, in the order of the kernels."""
        return self.row, self.left, self.total

    def of(self, first: int, last: int) -> "CountTable":
        """Return the nights from `first` to before `last`."""
        cells = slice(int(self.bounds[first]), int(self.bounds[last]))
        return CountTable(
            self.bounds[first : last + 1] - self.bounds[first],
            self.owner[cells] - first,
            self.row[cells],
            self.bins[cells],
            self.left[cells],
            self.total[cells],
        )

    def pick(self, nights: Sequence[int]) -> "CountTable":
        """Return some of the nights, in that order."""
        parts = [self.of(i, i + 1) for i in nights]
        sizes = [len(part.row) for part in parts]
        return CountTable(
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.repeat(np.arange(len(parts)), sizes),
            *(np.concatenate([getattr(p, name) for p in parts]) for name in ("row", "bins", "left", "total")),
        )

    def cells(self, kept: npt.NDArray[np.bool_]) -> "CountTable":
        """Return some of the cells; the bounds of the nights are lost."""
        pick = np.flatnonzero(kept)
        return CountTable(
            self.bounds, self.owner[pick], self.row[pick], self.bins[pick], self.left[pick], self.total[pick]
        )


def tabulate(nights: Sequence[tuple[npt.NDArray[np.integer], bool]], process: ProcessS = LITERATURE) -> CountTable:
    """Return the counts of hypnograms, each with whether its lights off is known."""
    rows, bins, left, total, sizes = [], [], [], [], []
    for stages, lights_off_known in nights:
        steps = night_steps(stages, lights_off_known=lights_off_known, process=process)
        key = np.column_stack(
            [
                steps.row, steps.time_bin, steps.dwell_bin, steps.pressure_bin, steps.clock_bin, steps.load_bin,
                steps.recent_bin,
            ]
        )  # fmt: skip
        code = key @ _RADIX
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        to = np.zeros((len(first), N_STAGES))
        np.add.at(to, (inverse.ravel(), steps.to), 1.0)
        row = key[first, 0]
        rows.append(row)
        bins.append(key[first, 1:])
        left.append(np.take_along_axis(to, DESTINATIONS[row], axis=1))
        total.append(to.sum(axis=1))
        sizes.append(len(first))
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    if not sizes:
        return CountTable(bounds, owner, owner, np.zeros((0, 6), np.int64), np.zeros((0, 4)), np.zeros(0))
    return CountTable(
        bounds, owner, np.concatenate(rows), np.concatenate(bins), np.concatenate(left), np.concatenate(total)
    )


_RADIX = 64 ** np.arange(7, dtype=np.int64)


def counts_log_likelihood(
    population: Population, counts: CountTable, effect: Floats, arousal_rate: npt.ArrayLike = 0.0
) -> float:
    """Return the log likelihood of counts, given the effects of each night (night, group): that of the sequence."""
    eta = (
        cell_offsets(population, counts, np.asarray(arousal_rate)) + effect[counts.owner[:, None], GROUP_OF[counts.row]]
    )
    return float((counts.left * eta).sum() - (counts.total * np.log1p(np.exp(eta).sum(axis=1))).sum())


def cell_offsets(population: Population, counts: CountTable, arousal_rate: Floats) -> Floats:
    """Return the log odds of every cell but for the effects of person and night, (cell, way).

    Parameters
    ----------
    arousal_rate : (night,) float
        Respiratory events per hour.
    """
    from braintwin.inference import night_laplace

    shift = np.broadcast_to(arousal_shift(population, arousal_rate), (max(len(counts), 1),))
    base, tables = row_base(population), hazard_tables(population)
    found: Floats = night_laplace.offsets(
        counts.row, counts.bins, counts.owner, np.ascontiguousarray(shift), base, *tables, DESTINATIONS
    )
    return found
