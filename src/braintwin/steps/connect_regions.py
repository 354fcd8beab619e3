"""The part of `connect` that goes from electrodes to regions, and takes a structural connectome in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from braintwin.contracts.stages import STAGES
from braintwin.errors import BrainTwinError
from braintwin.io.channels import derivation, electrodes
from braintwin.io.connectomes import centroids, structural
from braintwin.io.matrices import matrix_file
from braintwin.options.connect import ConnectOptions
from braintwin.signals.connectome import Settings, StageConnectome, stage_connectome
from braintwin.signals.region_modes import region_view
from braintwin.signals.sources import FEWEST_ELECTRODES, ToRegions, eloreta_kernel, principal_weights

Floats = NDArray[np.float64]

CLEAN_SHARE = 0.9
"""An electrode takes part where it is clean in this share of the epochs: an epoch needs all of them."""

COVARIANCE_EPOCHS = 40
"""Epochs from which the direction of each region is taken."""


def add_regions(
    dataset: xr.Dataset, prepared: xr.Dataset, eeg: Any, rows: Mapping[str, NDArray[np.intp]],
    found: Mapping[str, StageConnectome], settings: Settings, options: ConnectOptions, client: Any,
) -> xr.Dataset:  # fmt: skip
    """Return `dataset` with the connectivity of regions, or with the reason why there is none (`regions`)."""
    used = np.sort(np.concatenate([rows[stage] for stage in found]))
    chosen, reason = usable_electrodes(prepared, used)
    if options.regions == "never":
        reason = "not asked for"
    if reason:
        return dataset.assign_attrs(regions=f"none: {reason}")
    names, places = centroids()
    head = np.array([place for _, place in electrodes().values()])
    kernel = eloreta_kernel(prepared["position"].values[chosen], places, head)
    weights = principal_weights(kernel, _covariance(eeg, used, chosen))
    change = ToRegions(weights, chosen.tolist())
    clean = prepared["artefact"].values == 0
    shape = (len(STAGES), dataset.sizes["band"], len(settings.measures), len(names), len(names))
    value, error = np.full(shape, np.nan, dtype=np.float32), np.full(shape, np.nan, dtype=np.float32)
    bands = [list(dataset["band"].values).index(band) for band in settings.bands]
    for stage in found:
        code = STAGES.index(stage)
        estimates = stage_connectome(eeg[rows[stage]], clean[rows[stage]], settings, change=change, client=client)
        value[code, bands], error[code, bands] = estimates.value, estimates.standard_error
    dims = ("stage", "band", "measure", "region", "region_to")
    dataset = dataset.assign(region_connectivity=(dims, value), region_error=(dims, error)).assign_coords(
        region=list(names), region_to=list(names)
    )
    return dataset.assign_attrs(
        regions="68 of Desikan-Killiany, eLORETA in a template sphere, direction of most power",
        region_electrodes=int(chosen.size),
    )


def add_structural(dataset: xr.Dataset, prepared: xr.Dataset, options: ConnectOptions) -> xr.Dataset:
    """Return `dataset` with the person's structural connectome and how the channels see its regions.

    It needs positions of channels and no inverse, so that few channels are enough. In a folder of many people's a
    matrix that is absent or no graph costs only that person, and the attribute `structural` says why; one matrix given
    for everyone has to be right.

    Raises
    ------
    BrainTwinError
        If the one matrix given is absent, or is no graph of the regions.
    """
    if not options.structural:
        return dataset
    names, places = centroids()
    person, label = str(prepared.attrs["person"]), str(prepared.attrs["dataset"])
    try:
        file = matrix_file(options.structural, person, label)
        weights = structural(file, negative=options.structural_negative).reordered(names)
    except BrainTwinError as refusal:
        if not Path(options.structural).is_dir():
            raise
        return dataset.assign_attrs(structural=f"none: {refusal}")
    if "position" in prepared:
        seen = region_view(prepared["position"].values, places)
    else:
        seen = np.full((prepared.sizes["channel"], len(names)), np.nan)
    return dataset.assign_coords(region=list(names), region_to=list(names)).assign(
        structural=(("region", "region_to"), weights), region_view=(("node", "region"), seen)
    ).assign_attrs(structural=f"given: {file.name}")  # fmt: skip


def usable_electrodes(prepared: xr.Dataset, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], str]:
    """Return the channels that an inverse can use, and why there is none if so.

    They have positions of their own and one reference, and are clean nearly always.
    """
    if "position" not in prepared:
        return np.array([], dtype=np.intp), "no electrode positions"
    places = prepared["position"].values
    clean = (prepared["artefact"].values[rows] == 0).mean(axis=0) >= CLEAN_SHARE
    wires = [derivation(name) for name in prepared["channel"].values.astype(str)]
    known = np.isfinite(places).all(axis=1)
    _, firsts = np.unique(np.round(np.where(known[:, None], places, 0), 6), axis=0, return_index=True)
    chosen = np.array([c for c in np.sort(firsts) if known[c] and clean[c]], dtype=np.intp)
    if chosen.size < FEWEST_ELECTRODES:
        reason = f"{chosen.size} clean electrodes with positions, at least {FEWEST_ELECTRODES} needed"
        return np.array([], dtype=np.intp), reason
    if len({wires[c].reference.upper() for c in chosen}) > 1:
        return np.array([], dtype=np.intp), "derivations against different references"
    return chosen, ""


def _covariance(eeg: Any, rows: NDArray[np.intp], chosen: NDArray[np.intp]) -> Floats:
    """Return the covariance of the electrodes over some epochs of the night, one by one."""
    total = np.zeros((chosen.size, chosen.size))
    for row in rows[:: max(1, rows.size // COVARIANCE_EPOCHS)]:
        epoch = eeg[int(row)]
        data = np.asarray(epoch if isinstance(epoch, np.ndarray) else epoch.compute(scheduler="synchronous"))[chosen]
        if np.isfinite(data).all():
            centred = data.astype(np.float64) - data.mean(axis=-1, keepdims=True, dtype=np.float64)
            total += centred @ centred.T / data.shape[-1]
    return total
