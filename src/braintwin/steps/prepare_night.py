"""prepare: the form of a prepared night."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.contracts.tables import NightRow
from braintwin.io.hypnogram import Hypnogram

F64 = npt.NDArray[np.float64]


def assemble(
    hypnogram: Hypnogram,
    onsets: F64,
    attrs: dict[str, Any],
    names: list[str] | None = None,
    mask: npt.NDArray[np.uint8] | None = None,
    where: F64 | None = None,
) -> xr.Dataset:
    """Return `prepare.nc` without lines: stages, artefact mask (epoch, channel) and electrode positions.

    The probabilities of an automatic scoring go with it, so that the hypnogram twin can take stages as soft.
    """
    names = names or []
    count = onsets.size
    where = np.full((len(names), 3), np.nan) if where is None else where
    source = "standard_1005" if np.isfinite(where).any() else "none"
    prepared = PREPARED.empty(attrs=attrs | {"position_source": source}).drop_dims(["epoch", "channel"]).assign(
        stage=("epoch", hypnogram.stages.astype(np.int8)),
        artefact=(("epoch", "channel"), np.zeros((count, 0), np.uint8) if mask is None else mask),
        position=(("channel", "axis"), where),
    ).assign_coords(
        epoch=("epoch", np.arange(count)),
        onset=("epoch", onsets),
        channel=("channel", np.array(names, dtype=str)),
        axis=("axis", np.array(["x", "y", "z"])),
    )  # fmt: skip
    if hypnogram.probability is None:
        return prepared
    soft = prepared.assign_coords(label=("label", np.array(STAGES, dtype=str)))
    return soft.assign(stage_probability=(("epoch", "label"), hypnogram.probability))


def identity(night: NightRow) -> dict[str, Any]:
    """Return the attributes of a night before anything is known of its signals."""
    return {
        "night": night.night,
        "person": night.person,
        "dataset": night.dataset,
        "condition": night.condition,
        "night_index": night.night_index,
        "epoch_s": EPOCH_S,
        "sfreq": 0.0,
        "reference": "none",
        "highpass": 0.0,
        "lowpass": 0.0,
        "stages_source": "none",
        "lights_off": "unknown",
        "position_source": "none",
    }


def only(attrs: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the attributes that are called `names`."""
    return {name: attrs[name] for name in names}
