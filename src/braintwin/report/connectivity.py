"""The connectome of a person: the mean over nights, its errors, and how far nights agree."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.stages import STAGES
from braintwin.report import figures_connectome, numbers
from braintwin.report.material import NightMaterial, PersonMaterial
from braintwin.report.palette import STAGE_WORDS

Floats = npt.NDArray[np.float64]

MEASURES = {
    "aec_orth": "orthogonalised amplitude-envelope correlation (AEC)",
    "dwpli2": "debiased squared weighted phase-lag index (dwPLI²)",
    "wpli": "weighted phase-lag index (wPLI)",
}
"""Measures in words."""


def connectome(material: PersonMaterial) -> dict[str, Any]:
    """Return the connectome as matrices and circles with its reliability; without one the reason."""
    there = [n for n in material.nights if n.connect is not None and n.connect.sizes["node"] > 1]
    if not there:
        return {"image": None, "reason": _absent(material)}
    first = _dataset(there[0])
    nodes = [str(node) for node in first["node"].values]
    same = [n for n in there if [str(node) for node in _dataset(n)["node"].values] == nodes]
    measure = "aec_orth" if "aec_orth" in first["measure"].values else str(first["measure"].values[0])
    band = "sigma" if "sigma" in first["band"].values else str(first["band"].values[0])
    stages = [s for s in STAGES if s in first["stage"].values]
    value, error, each = _mean_night([_dataset(n) for n in same], stages, measure, band)
    off = ~np.eye(len(nodes), dtype=bool)
    told = dict(zip((str(s) for s in first["stage"].values), (str(r) for r in first["reason"].values)))
    missing = {
        stage: "" if np.isfinite(value[i][off]).any() else told.get(stage) or "no value"
        for i, stage in enumerate(stages)
    }
    low, high = float(first["band_low"].sel(band=band)), float(first["band_high"].sel(band=band))
    where = f"{band}, {low:g}–{high:g} Hz"
    found = figures_connectome.Connectome(
        stages, nodes, value, error, missing, figures_connectome.places(nodes, _position(same[0], nodes)),
        f"{measure}, {where}",
    )  # fmt: skip
    return {
        "image": figures_connectome.draw(found),
        "measure": MEASURES.get(measure, measure.replace("_", " ")),
        "band": where,
        "nights": len(same),
        "missing": {stage: why for stage, why in missing.items() if why},
        "reliability": _reliability(found, each),
    }


def _absent(material: PersonMaterial) -> str:
    """Return why there is no connectome."""
    if any(n.connect is not None and n.connect.sizes["node"] == 1 for n in material.nights):
        return "there is one EEG channel, and a connection needs two"
    said = [n.reasons.get("connect", "") or n.reasons.get("prepare", "") for n in material.nights]
    return next((reason for reason in said if reason), "the nights hold no EEG")


def _dataset(night: NightMaterial) -> xr.Dataset:
    assert night.connect is not None
    return night.connect


def _position(night: NightMaterial, nodes: list[str]) -> xr.DataArray | None:
    """Return where the electrodes are, (node, axis); None where that is not known of all."""
    if night.prepared is None or "position" not in night.prepared:
        return None
    position = night.prepared["position"]
    return position.sel(channel=nodes) if set(nodes) <= set(position["channel"].values.tolist()) else None


def _mean_night(
    datasets: list[xr.Dataset], stages: list[str], measure: str, band: str
) -> tuple[Floats, Floats, Floats]:
    """Return the mean over nights of edges and its standard error, (stage, node, node_to), and each night's edges."""

    def stacked(name: str) -> Floats:
        parts = [d[name].sel(measure=measure, band=band).reindex(stage=stages) for d in datasets]
        return np.stack([part.transpose("stage", "node", "node_to").values for part in parts]).astype(float)

    each, error = stacked("connectivity"), stacked("standard_error")
    count = np.isfinite(each).sum(axis=0)
    some = np.where(count > 0, count, 1)
    mean = np.where(count > 0, np.nansum(each, axis=0) / some, np.nan)
    squares = np.where(np.isfinite(each), error, 0.0) ** 2
    return mean, np.where(count > 0, np.sqrt(squares.sum(axis=0)) / some, np.nan), each


def _reliability(found: figures_connectome.Connectome, each: Floats) -> list[dict[str, str]]:
    """Return for each stage: edges clear of zero, their size, the median error, and how two nights agree."""
    upper = np.triu_indices(len(found.nodes), 1)
    rows = []
    for i, stage in enumerate(found.stages):
        edges, errors = found.value[i][upper], found.error[i][upper]
        known = np.isfinite(edges)
        if not known.any():
            continue
        positive = errors[np.isfinite(errors) & (errors > 0)]
        error = float(np.median(positive)) if positive.size else None
        rows.append(
            {
                "stage": STAGE_WORDS.get(stage, stage),
                "edges": f"{int(found.clear(i)[upper].sum())} of {int(known.sum())}",
                "strength": numbers.fixed(float(np.median(edges[known])), numbers.digits_for(error, 3)),
                "error": numbers.NOTHING if error is None else numbers.by_size(error, 1),
                "nights": _agreement(each[:, i][:, upper[0], upper[1]]),
            }
        )
    return rows


def _agreement(edges: Floats) -> str:
    """Return the correlation over edges of the first two nights; a dash where it means nothing."""
    if len(edges) < 2:
        return numbers.NOTHING
    both = np.isfinite(edges[0]) & np.isfinite(edges[1])
    x, y = edges[0][both], edges[1][both]
    if both.sum() < 6 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return numbers.NOTHING
    r = float(np.corrcoef(x, y)[0, 1])
    return numbers.fixed(r, numbers.digits_for((1 - r**2) / float(np.sqrt(both.sum() - 1)), 2))
