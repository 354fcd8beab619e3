"""Options of `prepare`."""

from typing import Literal

from braintwin.options.base import Options, option


class PrepareOptions(Options):
    """How a night's signals are made ready."""

    sfreq: float = option(100.0, "Sampling rate after resampling.", unit="Hz", ge=50, le=1000)
    highpass: float = option(0.3, "High-pass edge.", unit="Hz", ge=0, le=5)
    lowpass: float = option(45.0, "Low-pass edge; lowered to what the sampling rate allows.", unit="Hz", gt=10, le=200)
    reference: Literal["as_recorded", "average", "mastoids"] = option(
        "as_recorded", "Reference: as recorded, common average, or the mean of the mastoids."
    )
    channels: list[str] | None = option(None, "EEG channels to keep, by name; all where unset.")
    max_channels: int = option(512, "Most EEG channels to keep.", ge=1)
    amplitude_uv: float = option(500.0, "An epoch that exceeds this peak is an artefact.", unit="µV", gt=0)
    amplitude_z: float = option(6.0, "So is one whose log variance is this many robust sd from its stage's.", gt=0)
    flat_uv: float = option(
        0.5, "So is one with a stretch of flat_s in which the signal stays within this.", unit="µV", gt=0
    )
    flat_s: float = option(5.0, "Length of that stretch.", unit="s", gt=0)
    muscle_z: float = option(
        5.0, "So is one whose log power in 25-45 Hz is this many robust sd above its stage's.", gt=0
    )
    line_db: float = option(3.0, "Least height of a spectral line over its neighbourhood.", unit="dB", gt=0)
    stage_missing: Literal["yasa", "refuse"] = option(
        "yasa", "What to do with a night without scoring: stage it with YASA and say so, or refuse it."
    )
    min_scored_min: float = option(60.0, "Shortest scored time of a night; a shorter one is refused.", unit="min", ge=0)
    trim_min: float = option(30.0, "Wake to keep before and after sleep where recording goes on.", unit="min", ge=0)
