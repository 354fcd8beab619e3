"""Options of the synthetic cohort."""

from braintwin.options.base import Options, option


class SynthesizeOptions(Options):
    """The cohort with known truth."""

    people: int = option(8, "People: healthy, insomnia and OSA in turn.", ge=3, le=500)
    nights: int = option(2, "Nights of each person.", ge=1, le=14)
    hours: float = option(8.0, "Time in bed.", unit="h", gt=1, le=14)
    sfreq: float = option(100.0, "Sampling rate.", unit="Hz", ge=64, le=512, multiple_of=1.0)
    line_hz: float | None = option(
        22.0,
        "Frequency of an interference line in the second person's recordings; none where unset.",
        unit="Hz",
        gt=1,
        lt=32,
    )
    envelope_sd: float = option(
        0.3, "Slow waxing and waning of each channel, shared along the graph: sd of its log amplitude.", ge=0, le=1
    )
    artefacts: bool = option(True, "Add movements, a loose electrode and muscle bursts.")
