"""The draft sleep-hypnogram derivative: ``_hypnogram.tsv`` with onset, duration and stage.

Columns and the merging of equal neighbours are those of the BIDS proposal on sleep data and annotations (specification
pull request 2208, open); its sidecar fields are not settled, so the sidecar holds descriptions only.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from braintwin import __version__
from braintwin.contracts.stages import MISSING, STAGES
from braintwin.io.arrays import write_text
from braintwin.io.hypnogram import Hypnogram

FOLDER = Path("derivatives") / "hypnograms"

_MEANING = {"W": "wake", "N1": "NREM 1", "N2": "NREM 2", "N3": "NREM 3 (S3 and S4 of older scoring)", "R": "REM"}


def write_derivative_description(root: Path, licence: str) -> None:
    """Write what describes the derivative as a whole, under the dataset at `root`."""
    content = {
        "Name": "Hypnograms",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        **({"License": licence} if licence else {}),
        "GeneratedBy": [
            {
                "Name": "BrainTwin",
                "Version": __version__,
                "Description": "Stages of events.tsv in epochs of 30 s, equal neighbours merged; draft suffix",
            }
        ],
        "SourceDatasets": [{"URL": "../.."}],
    }
    _write_json(root / FOLDER / "dataset_description.json", content)
    write_text(root / FOLDER / ".bidsignore", "*_hypnogram.tsv\n*_hypnogram.json\n")  # a suffix that is not settled


def write_hypnogram(root: Path, events: Path, hypnogram: Hypnogram, source: str = "scored") -> Path:
    """Write the hypnogram of one night and return its path.

    Parameters
    ----------
    root : Path
        The dataset; the derivative goes below it.
    events : Path
        The night's events table in the dataset, which names the night.
    hypnogram : Hypnogram
        Its stages.
    source : str
        ``scored``, or who staged it.
    """
    place = root / FOLDER / events.relative_to(root).parent / events.name.replace("_events.tsv", "_hypnogram.tsv")
    lines = ["onset\tduration\tstage", *(f"{on:g}\t{length:g}\t{stage}" for on, length, stage in runs(hypnogram))]
    write_text(place, "\n".join(lines) + "\n")
    sidecar = {
        "Description": f"Sleep stages ({source}) in epochs of {hypnogram.epoch_s:g} s, equal neighbours merged.",
        "Sources": [f"bids:raw:{events.relative_to(root).as_posix()}"],
        "onset": {"Description": "Start after the first sample of the recording.", "Units": "s"},
        "duration": {"Description": "Length.", "Units": "s"},
        "stage": {"Description": "Stage; n/a where it was not scored.", "Levels": _MEANING},
    }
    _write_json(place.with_suffix(".json"), sidecar)
    return place


def runs(hypnogram: Hypnogram) -> Iterator[tuple[float, float, str]]:
    """Yield onset, duration (s) and label of each run of equal stages."""
    stages = np.asarray(hypnogram.stages)
    edges = [0, *(np.flatnonzero(np.diff(stages)) + 1), stages.size]
    for first, last in pairwise(edges):
        if last > first:
            code = int(stages[first])
            name = "n/a" if code == MISSING else STAGES[code]
            yield hypnogram.onset_s + first * hypnogram.epoch_s, (last - first) * hypnogram.epoch_s, name


def _write_json(path: Path, content: dict[str, object]) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
