"""Nights that have only a scoring: written as BIDS events, prepared in this process."""

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from braintwin.contracts.tables import NightRow
from braintwin.options.dataset import DatasetOptions, StageOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps.prepare import prepare_night

EVENTS = "sub-01/eeg/sub-01_task-sleep_events.tsv"
NIGHT = NightRow(
    night="lab-01", person="lab-01", dataset="lab", bids_path="sub-01/eeg", stages=EVENTS, has_stages=True
)  # fmt: skip


def write_scoring(root: Path, stages: Sequence[str], *, epoch_s: float = 30.0, start_s: float = 0.0) -> Path:
    """Write one row an epoch; the epochs called ``gap`` have no row."""
    rows = [
        f"{start_s + epoch_s * i:g}\t{epoch_s:g}\t{stage}" for i, stage in enumerate(stages) if stage != "gap"
    ]  # fmt: skip
    path = root / EVENTS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["onset\tduration\tstage", *rows]) + "\n", encoding="utf-8")
    return path


def prepared_from(
    root: Path, stages: Sequence[str], *, lights_off: str | None = None, epoch_s: float = 30.0, start_s: float = 0.0
) -> xr.Dataset:
    """Return the prepared night of a scoring."""
    write_scoring(root, stages, epoch_s=epoch_s, start_s=start_s)
    dataset = DatasetOptions(source="lab", stages=StageOptions(lights_off=lights_off))
    return prepare_night(NIGHT, dataset, root, PrepareOptions())[0]
