"""Where a dataset comes from and how its scoring is to be read."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from braintwin.options.base import Options, option
from braintwin.options.codes import StageLabel, text_keys
from braintwin.options.convert import ConvertOptions
from braintwin.options.source import SubsetOptions, refuse_secrets


class StageOptions(Options):
    """How the hypnogram of a dataset is written."""

    column: str | None = option(None, "Column of events.tsv that holds the stage; found by its name where unset.")
    codes: Annotated[dict[str, StageLabel], BeforeValidator(text_keys)] = option(
        {},
        "What each code means, e.g. {'0': W, '1': N1, '2': N2, '3': N3, '4': R}, '?' for missing; "
        "integer codes are never guessed.",
    )
    acquisition: str | None = option(None, "Value of the acq- entity whose events.tsv holds the scoring.")
    file: str | None = option(
        None,
        "Where the scoring lies outside the eeg folders, relative to the dataset, with {sub}, {ses} and {run} in place "
        "of labels, e.g. 'sourcedata/sub-{sub}-sleep-stage.tsv'.",
    )
    rows: dict[str, str] = option(
        {}, "Column -> value of the rows that belong to the night, where a table holds several recordings."
    )
    lights_off: str | None = option(
        None, "Event label that marks lights off, or 'start' where scoring starts at lights off."
    )


class DatasetOptions(Options):
    """One dataset of the study."""

    source: str = Field(
        description="A folder, a .tar.gz or .zip, openneuro:ds000001, physionet:<project>, s3://bucket/prefix, "
        "https://… of an archive or of a folder with SHA256SUMS.txt, datalad:<clone>, or synthetic:<people> (embedded)."
    )
    version: str | None = option(
        None,
        "Version of the source (OpenNeuro or PhysioNet version, tag or commit of a clone); its newest where unset.",
    )
    subset: SubsetOptions = option(SubsetOptions(), "Which files are brought.")
    access: Literal["public", "credentials"] = option(
        "public", "Whether s3:// is asked unsigned, or with the credentials of the environment or keyring."
    )
    requester_pays: bool = option(False, "Whether you pay for what an s3:// source sends (needs credentials).")
    convert: ConvertOptions | None = option(None, "How the source becomes BIDS, where it is not.")
    terms: str = option("", "Consent and terms of use of these data, in a sentence; shown in the report.")
    checksum: str | None = option(
        None,
        "Expected checksum of an archive, as sha256:<hex> or md5:<hex>; a remote one needs it. Of other sources, the "
        "one over all files, as their record tells it.",
        pattern=r"^(sha256:[0-9a-fA-F]{64}|md5:[0-9a-fA-F]{32})$",
    )
    subfolder: str = option(
        "", "Folder of the dataset inside its archive; found by its dataset_description.json where empty."
    )
    people: list[str] | None = option(None, "Participants to include (labels without sub-); everyone where unset.")
    max_people: int | None = option(None, "Take only this many people, in the order of the participants.", ge=1)
    task: str | None = option("sleep", "Task that marks a night's recording; any task where unset (case is ignored).")
    acquisition: str | None = option(None, "Value of the acq- entity of the recording to use.")
    person_column: str | None = option(
        None, "Column of participants.tsv that names the person where participant_id names a night."
    )
    conditions: dict[str, str] = option(
        {}, "Column of participants.tsv -> condition; the column holds the number or label of the session."
    )
    condition: str | None = option(
        None,
        "Where a night's condition is written otherwise: 'session' (the label of its session is the condition), or "
        "column:<name> of sessions.tsv.",
        pattern=r"^(session|column:.+)$",
    )
    diagnosis: str | None = option(
        None,
        "What these people have: healthy, insomnia or osa; or column:<name> of participants.tsv (column:diagnosis, "
        "if there is one, where unset).",
    )
    stages: StageOptions = option(StageOptions(), "How the scoring is written.")

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, values: Any) -> Any:
        return refuse_secrets(values, cls.model_fields)
