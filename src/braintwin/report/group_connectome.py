"""The connectomes of a cohort: what people share, and whether a connectome is a person's own."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.report import figures_cohort, figures_connectome, numbers
from braintwin.report.connectivity import MEASURES
from braintwin.report.palette import STAGE_WORDS

FEWEST = 2
"""Fewest people with the same channels that make a group."""


def group_connectome(found: xr.Dataset | None) -> dict[str, Any] | None:
    """Return the section as image, figure and one line a stage; None where no two people can be compared."""
    if found is None or found.sizes["person"] < FEWEST or not found["n_people"].values.max(initial=0) >= FEWEST:
        return None
    nodes, stages = found["node"].values.astype(str).tolist(), found["stage"].values.astype(str).tolist()
    bands = found["band"].values.astype(str).tolist()
    band = "sigma" if "sigma" in bands else bands[0]
    shown = found.sel(band=band)
    measure = str(found.attrs["measure"])
    people = shown["n_people"].values
    drawn = figures_connectome.Connectome(
        stages,
        nodes,
        shown["consensus"].values.astype(float),
        shown["consensus_error"].values.astype(float),
        {
            stage: "" if count >= FEWEST else f"{count} people have it"
            for stage, count in zip(stages, people, strict=True)
        },
        figures_connectome.places(nodes, None),
        f"consensus of {found.sizes['person']} people, {measure}, {band}",
    )
    lines = [line for line in (_line(found, stage) for stage in stages) if line is not None]
    return {
        "image": figures_connectome.draw(drawn),
        "figure": _figure(found),
        "measure": MEASURES.get(measure, measure.replace("_", " ")),
        "band": band,
        "people": found.sizes["person"],
        "others": int(found.attrs["other_channels"]),
        "lines": lines,
    }


def _line(found: xr.Dataset, stage: str) -> dict[str, str] | None:
    """Return medians over people of one stage, and in how many a night is most like another of their own."""
    one = found.sel(stage=stage)
    likeness, own, others = (_known(one[name]) for name in ("likeness", "own_nights", "others_nights"))
    if not likeness.size:
        return None
    both = np.isfinite(one["own_nights"].values) & np.isfinite(one["others_nights"].values)
    ahead = int(np.count_nonzero(one["own_nights"].values[both] > one["others_nights"].values[both]))
    return {
        "stage": STAGE_WORDS.get(stage, stage),
        "people": str(int(one["n_people"].values.max())),
        "likeness": _median(likeness),
        "own": _median(own),
        "others": _median(others),
        "ahead": f"{ahead} of {int(both.sum())}" if both.any() else numbers.NOTHING,
    }


def _known(values: xr.DataArray) -> npt.NDArray[np.float64]:
    array = values.values.astype(float)
    return np.asarray(array[np.isfinite(array)])


def _median(values: npt.NDArray[np.float64]) -> str:
    return numbers.fixed(float(np.median(values)), 2) if values.size else numbers.NOTHING


def _figure(found: xr.Dataset) -> Any:
    """Draw each person's likeness to the group, and that of their nights to their own and to others'."""
    panels: dict[str, dict[str, list[float]]] = {}
    for stage in found["stage"].values.astype(str):
        one = found.sel(stage=stage)
        points = {
            "group": _known(one["likeness"]).tolist(),
            "own": _known(one["own_nights"]).tolist(),
            "others": _known(one["others_nights"]).tolist(),
        }
        if points["group"]:
            panels[STAGE_WORDS.get(stage, stage)] = points
    return figures_cohort.by_group(panels, "Likeness of connectomes, correlation over pairs") if panels else None
