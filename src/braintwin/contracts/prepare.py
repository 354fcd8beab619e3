"""The prepared night: hypnogram, artefact mask, spectral lines (`prepare.nc`) and EEG epochs (`epochs.zarr.zip`)."""

from braintwin.contracts.base import Contract, Var

ARTEFACTS = ("amplitude", "flat", "muscle", "marked", "absent")
"""Reasons for refusing an epoch of a channel; reason *i* is bit ``1 << i`` of ``artefact``."""

PREPARED = Contract(
    name="prepare.nc",
    meaning="One night: its hypnogram and what of its EEG can be used. A night without EEG has no channels.",
    variables={
        "stage": Var(("epoch",), "iu", meaning="stage code of contracts.stages; -1 where missing"),
        "stage_probability": Var(
            ("epoch", "label"),
            "f",
            meaning="how sure an automatic scoring is of each stage; absent where a person scored",
            required=False,
        ),
        "artefact": Var(("epoch", "channel"), "iu", meaning="bit mask of ARTEFACTS; 0 is clean"),
        "line_frequency": Var(("line",), "f", "Hz", "centre of a narrow interference line"),
        "line_width": Var(("line",), "f", "Hz", "full width to mask around the centre"),
        "line_channel": Var(("line",), "U", meaning="channel that shows the line"),
        "line_excess": Var(("line",), "f", "dB", "height over its neighbourhood in 4-s windows; negative for a notch"),
        "position": Var(("channel", "axis"), "f", "m", "electrode; NaN where its name is not standard", required=False),
    },
    coords={
        "epoch": Var(("epoch",), "iu", meaning="number of the epoch in this night, from 0"),
        "onset": Var(("epoch",), "f", "s", "start of the epoch after the first sample of the recording"),
        "channel": Var(("channel",), "U", meaning="EEG derivation after re-referencing"),
        "label": Var(("label",), "U", meaning="stage of each column of stage_probability", required=False),
        "axis": Var(("axis",), "U", meaning="x, y, z of the template head", required=False),
    },
    attrs=(
        "night",
        "person",
        "dataset",
        "condition",
        "night_index",
        "epoch_s",
        "sfreq",
        "reference",
        "highpass",
        "lowpass",
        "stages_source",  # scored (beside the recording or in it) | yasa | none
        "lights_off",  # s after the first epoch, or "unknown": sleep latency exists only where it is known
        "position_source",  # montage that gave the electrode positions, or "none"
        # With EEG also units_source (header | channels.tsv | amplitude | arbitrary) and reader (mne-bids | mne).
    ),
)

EPOCHS = Contract(
    name="epochs.zarr.zip",
    meaning="The night's EEG, re-referenced, filtered and cut into epochs.",
    variables={"eeg": Var(("epoch", "channel", "time"), "f", "µV", "EEG, float32")},
    coords={
        "epoch": Var(("epoch",), "iu", meaning="as in prepare.nc"),
        "channel": Var(("channel",), "U", meaning="as in prepare.nc"),
        "time": Var(("time",), "f", "s", "time in the epoch"),
    },
    attrs=("night", "person", "sfreq"),
)
