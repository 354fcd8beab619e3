"""hypnograms: the stages of every night as a BIDS derivative.

IN   index/nights.tsv, nights/*/prepare.nc, datasets/<name>.json
OUT  derivatives/hypnograms-<name>/dataset_description.json, and beside it sub-*/…_hypnogram.tsv of every staged night
"""

import os
import shutil
from pathlib import Path

import numpy as np

import braintwin
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import DatasetRecord, NightRow
from braintwin.io.arrays import read_dataset
from braintwin.io.convert.derivative import write_description, write_hypnogram
from braintwin.io.records import read_json, read_nights, read_status
from braintwin.options.hypnograms import HypnogramsOptions
from braintwin.paths import StudyPaths
from braintwin.provenance import stamp

_SCORED = {"scored": "as they were scored, in the stages W, N1, N2, N3 and R"}


def run(*, nights: Path, record: Path, description: Path, options: HypnogramsOptions) -> None:
    """Write the derivative of one dataset anew; the nights' artefacts are found beside the table that names them."""
    study, dataset = StudyPaths(nights.parent.parent), read_json(record, DatasetRecord)
    fresh = description.parent.with_name(f".{description.parent.name}.{os.getpid()}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    inputs = []
    try:
        for row in read_nights(nights):
            artefact = study.night(row.night, "prepare")
            if row.dataset == dataset.name and read_status(artefact).state == "ok":
                inputs.append(artefact)
                _write(artefact, fresh / name_of(row), options)
        made = stamp(
            version=braintwin.__version__,
            step="hypnograms",
            module=__name__,
            options=options.model_dump(),
            inputs=inputs,
            seed=None,
        )
        write_description(fresh, dataset.licence, made)
        shutil.rmtree(description.parent, ignore_errors=True)
        fresh.replace(description.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write(artefact: Path, place: Path, options: HypnogramsOptions) -> None:
    prepared = read_dataset(artefact, PREPARED)
    if not prepared.sizes["epoch"]:
        return
    source = str(prepared.attrs["stages_source"])
    confidence = None
    if "stage_probability" in prepared and prepared.sizes.get("label", 0):
        confidence = np.asarray(prepared["stage_probability"].max("label"), dtype=np.float64)
    write_hypnogram(
        place,
        np.asarray(prepared["stage"], dtype=np.int8),
        float(prepared["onset"][0]),
        float(prepared.attrs["epoch_s"]),
        scored=_SCORED.get(source, f"staged by a program ({source})"),
        confidence=confidence,
        merge=options.merge and source == "scored",
    )


def name_of(night: NightRow) -> str:
    """Return where the hypnogram of a night lies in the derivative; its labels are those of the night's name."""
    sub, *rest = night.night.split("-")[1:]
    session = rest.pop(0) if rest and "ses-" in night.bids_path else ""
    parts = (("sub", sub), ("ses", session), ("task", "sleep"), ("run", rest[0] if rest else ""))
    stem = "_".join(f"{key}-{value}" for key, value in parts if value)
    return "/".join(filter(None, (f"sub-{sub}", session and f"ses-{session}", "eeg", f"{stem}_hypnogram.tsv")))
