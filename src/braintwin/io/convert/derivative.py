"""The draft sleep-hypnogram derivative: ``_hypnogram.tsv`` with onset, duration and stage.

Columns and the merging of equal neighbours are those of the BIDS proposal on sleep data and annotations (specification
pull request 2208, open); its sidecar fields are not settled, so the sidecar holds descriptions only.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin import __version__
from braintwin.contracts.stages import MISSING, STAGES
from braintwin.io.arrays import write_text
from braintwin.io.records import write_json, write_table

_MEANING = {"W": "wake", "N1": "NREM 1", "N2": "NREM 2", "N3": "NREM 3 (S3 and S4 of older scoring)", "R": "REM"}


def write_description(folder: Path, licence: str, made: Mapping[str, Any] | None = None) -> Path:
    """Write what describes the derivative in `folder` as a whole, and return its path.

    Parameters
    ----------
    folder : Path
        Root of the derivative.
    licence : str
        Of the dataset, which holds for its stages too; empty where it is not told.
    made : mapping, optional
        What it was made from (:func:`braintwin.provenance.stamp`).
    """
    program = {
        "Name": "BrainTwin",
        "Version": __version__,
        "Description": "Sleep stages in epochs, equal neighbours merged; the suffix hypnogram is a draft",
    }
    content = {
        "Name": "Hypnograms",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        **({"License": licence} if licence else {}),
        "GeneratedBy": [program],
        **({"Provenance": dict(made)} if made else {}),
    }
    write_text(folder / ".bidsignore", "*_hypnogram.tsv\n*_hypnogram.json\n")  # a suffix that is not settled
    write_json(folder / "dataset_description.json", content)
    return folder / "dataset_description.json"


def write_hypnogram(
    path: Path,
    stages: npt.NDArray[np.int8],
    onset_s: float,
    epoch_s: float,
    *,
    scored: str,
    sources: Sequence[str] = (),
    confidence: npt.NDArray[np.float64] | None = None,
    merge: bool = True,
) -> None:
    """Write the hypnogram of one night, and its sidecar.

    Parameters
    ----------
    path : Path
        ``…_hypnogram.tsv``.
    stages : (epoch,) int8
        Codes of :mod:`braintwin.contracts.stages`.
    onset_s, epoch_s : float
        Start of the first epoch after the first sample of the recording, and length of an epoch, s.
    scored : str
        Who scored, in words.
    sources : sequence of str
        BIDS URIs of what it was made from.
    confidence : (epoch,) float, optional
        Probability of the stage; then every epoch has a row of its own.
    merge : bool
        Whether equal neighbours are one row.
    """
    columns = ["onset", "duration", "stage"]
    rows: list[dict[str, Any]] = [
        {"onset": f"{onset_s + first * epoch_s:g}", "duration": f"{(last - first) * epoch_s:g}", "stage": name}
        for first, last, name in runs(stages, merge=merge and confidence is None)
    ]
    if confidence is not None:
        columns.append("confidence")
        for row, value in zip(rows, confidence, strict=True):
            row["confidence"] = "n/a" if row["stage"] == "n/a" or not np.isfinite(value) else f"{value:.3f}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, columns, rows)
    sidecar: dict[str, Any] = {
        "Description": f"Sleep stages in epochs of {epoch_s:g} s, {scored}.",
        **({"Sources": list(sources)} if sources else {}),
        "onset": {"Description": "Start after the first sample of the recording.", "Units": "s"},
        "duration": {"Description": "Length.", "Units": "s"},
        "stage": {"Description": "Stage; n/a where it was not scored.", "Levels": _MEANING},
    }
    if confidence is not None:
        sidecar["confidence"] = {"Description": "Probability of the stage by the program that scored."}
    write_json(path.with_suffix(".json"), sidecar)


def runs(stages: npt.NDArray[np.int8], *, merge: bool = True) -> Iterator[tuple[int, int, str]]:
    """Yield the first epoch, the one after the last, and the label of each run of equal stages."""
    inner = np.flatnonzero(np.diff(stages)) + 1 if merge else np.arange(1, stages.size)
    for first, last in pairwise([0, *inner.tolist(), stages.size]):
        if last > first:
            code = int(stages[first])
            yield first, last, "n/a" if code == MISSING else STAGES[code]
