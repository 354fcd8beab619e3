"""The tables that decide who is in a study, and the records of what happened to each."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

NIGHT_COLUMNS = (
    "night", "person", "dataset", "bids_path", "signal", "stages", "condition", "night_index",
    "has_eeg", "has_stages", "offset_s", "epoch_s", "fold",
)  # fmt: skip
"""Columns of `nights.tsv`. Paths are relative to the dataset's root; empty where there is none."""

PEOPLE_COLUMNS = ("person", "batch", "dataset", "age_band", "sex", "covariates")
"""Columns of `people.tsv`. `covariates` is JSON: ``{"ahi": 12.0, "diagnosis": "insomnia"}``."""

QUARANTINE_COLUMNS = ("night", "person", "step", "state", "reason")
"""Columns of `refused.tsv` and `quarantine.tsv`."""


class NightRow(BaseModel):
    """One row of `nights.tsv`; the workflow hands it to `prepare` as JSON."""

    model_config = ConfigDict(extra="forbid")

    night: str
    person: str
    dataset: str
    bids_path: str
    signal: str = ""
    stages: str = ""
    condition: str = ""
    night_index: int = 1
    has_eeg: bool = False
    has_stages: bool = False
    offset_s: float = 0.0
    epoch_s: float = 30.0
    fold: int = 0


class PersonRow(BaseModel):
    """One row of `people.tsv`."""

    model_config = ConfigDict(extra="forbid")

    person: str
    batch: str
    dataset: str
    age_band: str = ""
    sex: str = ""
    covariates: dict[str, float | str] = {}


class Status(BaseModel):
    """What became of one night (or person) in one step: the sibling ``<step>.status.json`` of an artefact.

    ``absent`` means that the data hold nothing for this step (no EEG, so no spectrum), which is no fault;
    ``excluded`` puts the night in quarantine; ``failed`` means that the step ran and its result must not be used.
    """

    model_config = ConfigDict(extra="forbid")

    step: str
    owner: str
    state: Literal["ok", "absent", "excluded", "failed"]
    reason: str = ""


class DatasetRecord(BaseModel):
    """What `retrieve` knows of a dataset: `datasets/<name>.json`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    root: str
    kind: Literal["local", "archive", "https", "s3", "openneuro", "physionet", "datalad", "synthetic"]
    source: str
    checksum: str = ""
    title: str = ""
    licence: str = ""
    citation: str = ""
    version: str = ""
    fingerprint: str = ""
    terms: str = ""
    files: int = 0
    bytes: int = 0
    unproved: int = 0
