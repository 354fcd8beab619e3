"""Epochs that a person or the recorder refused, from the columns and rows of an event table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from braintwin.io.events import read_events

REFUSED_WHERE = {"bad_by_eye": "1", "bad": "1", "artefact": "1", "artifact": "1", "eeg_present": "0"}
"""Columns that refuse a row, and the value that does."""


def read_marks(
    events: Path | None, onsets: npt.NDArray[np.float64], epoch_s: float, spans: Sequence[tuple[float, float]] = ()
) -> npt.NDArray[np.bool_]:
    """Return which epochs (epoch,) overlap a refused stretch.

    Parameters
    ----------
    events : Path or None
        The night's event table; rows refused by a column of :data:`REFUSED_WHERE`, or labelled ``bad...`` or
        ``art(e|i)fact...``, count. A row of duration 0 spans one epoch.
    onsets : (epoch,) float
        Start of each epoch after the first sample, s.
    epoch_s : float
        Length of an epoch, s.
    spans : sequence of (float, float)
        Further refused stretches: onset and duration, s.
    """
    marked = np.zeros(onsets.size, dtype=bool)
    for start, length in [*spans, *(_refused_rows(events, epoch_s) if events is not None else ())]:
        # 1 ms of tolerance: rows on the grid must not refuse their neighbours through rounding.
        marked |= (onsets < start + max(length, 0.002) - 1e-3) & (onsets + epoch_s > start + 1e-3)
    return marked


def _refused_rows(events: Path, epoch_s: float) -> list[tuple[float, float]]:
    table = read_events(events)
    refused = np.zeros(table.onset.size, dtype=bool)
    for column in table.columns:
        values = np.array([value.strip().lower() for value in table.text(column)], dtype=str)
        bad = REFUSED_WHERE.get(column.strip().lower())
        if bad is not None:
            refused |= (values == bad) | (values == bad + ".0") | (values == ("true" if bad == "1" else "false"))
        elif column.strip().lower() in ("trial_type", "value", "description"):
            refused |= np.array([value.startswith(("bad", "artefact", "artifact")) for value in values], dtype=bool)
    rows = [
        (float(onset), float(duration) if duration > 0 else epoch_s)
        for onset, duration in zip(table.onset[refused], table.duration[refused])
    ]
    return [row for row in rows if np.isfinite(row[0])]
