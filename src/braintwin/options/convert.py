"""How recordings that are not BIDS are told to the converter."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from braintwin.options.base import Options, option
from braintwin.options.codes import StageLabel, text_keys


class ScoringOptions(Options):
    """How a table of stages is written (reader `edf-csv`)."""

    stage: str = option("stage", "Column of the stage; columns of a table without a header are called 1, 2, 3 ...")
    onset: str | None = option(None, "Column of the onset; rows follow one another where unset.")
    duration: str | None = option(None, "Column of the length of a row, s; epoch_s where unset.")
    onset_is: Literal["seconds", "clock"] = option(
        "seconds", "Whether an onset counts from the start of the recording, or is the time of day (HH:MM:SS)."
    )
    epoch_s: float = option(30.0, "Length of a row without a duration.", unit="s", gt=0, le=600)
    offset_s: float = option(0.0, "Where the first row lies after the start of the recording.", unit="s", ge=0)
    header: bool = option(True, "Whether the first line holds the names of the columns.")
    codes: Annotated[dict[str, StageLabel], BeforeValidator(text_keys)] = option(
        {}, "What each code means, e.g. {'0': W, '5': R, '9': '?'}; integer codes are never guessed."
    )


class ConvertOptions(Options):
    """How recordings become a BIDS dataset."""

    reader: Literal["sleep-edf", "edf-csv"] = Field(
        description="sleep-edf (PSG and Hypnogram EDF+ in pairs, as on PhysioNet) or edf-csv (EDF, tables of stages)."
    )
    signals: str = option(
        "",
        "Where the recordings lie, {sub}, {ses} and {run} in place of labels, e.g. 'rec/{sub}_{ses}.edf' (edf-csv).",
    )
    scores: str = option("", "Where the table of stages of each recording lies, likewise; none where empty (edf-csv).")
    scoring: ScoringOptions = option(ScoringOptions(), "How these tables are written (edf-csv).")
    channels: dict[str, str] = option(
        {},
        "Type of each channel, in the words of channels.tsv (EEG, EOG, EMG, ECG, RESP, TEMP, TRIG, MISC); told by its "
        "name where unset.",
    )
    people: str = option("", "Table of the participants, whose first column holds their labels; none where empty.")
    labels: Literal["keep", "number"] = option(
        "keep", "Whether participants keep their labels, or are numbered because these tell who they are."
    )
    anonymise: bool = option(True, "Take names, dates and free text out of the headers.")
    power_line_hz: float | None = option(None, "Mains frequency where it was recorded.", unit="Hz", ge=50, le=60)
    title: str = option("", "Name of the dataset; the reader's where empty.")
    licence: str = option("", "Licence of the dataset; the reader's where empty.")
    citation: str = option("", "How the dataset is to be cited; the reader's where empty.")
