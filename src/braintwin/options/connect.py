"""Options of `connect`."""

from typing import Literal, get_args

from pydantic import field_validator

from braintwin.options.base import Options, option
from braintwin.options.dask import DaskOptions

Measure = Literal["coherence", "imaginary_coherence", "plv", "pli", "wpli", "dwpli2", "ciplv", "psi", "aec_orth"]
"""Names of `contracts.connect.MEASURES`."""


class ConnectOptions(Options):
    """How the connectome is estimated."""

    bands: dict[str, tuple[float, float]] = option(
        {"delta": (1.0, 4.0), "theta": (4.0, 8.0), "alpha": (8.0, 12.0), "sigma": (12.0, 15.0), "beta": (15.0, 30.0)},
        "Frequency bands, lower edge included and upper excluded.",
        unit="Hz",
    )
    method: Literal["hann", "multitaper"] = option(
        "hann", "hann: one taper, windows overlapping by half; multitaper: orthogonal tapers, no overlap."
    )
    window_s: float = option(
        4.0, "Length of a window; 30 s with multitaper is mne-connectivity's.", unit="s", gt=0.5, le=30
    )
    bandwidth: float = option(0.0, "Full bandwidth of multitaper; 0 is eight bins of the window.", unit="Hz", ge=0)
    measures: list[Measure] = option(
        list(get_args(Measure)), "Measures; coherences and the phase slope alone cost a third.", min_length=1
    )
    min_epochs: int = option(10, "Fewest clean epochs of a stage; below, the stage is missing.", ge=2)
    blocks: int = option(20, "Blocks of consecutive epochs for the jackknife.", ge=4, le=200)
    chunk_epochs: int = option(60, "Epochs held in memory at once.", ge=1)
    memory_mib: int = option(512, "Memory for signals, spectra and sums together.", unit="MiB", ge=64)
    epochs: Literal["odd", "all"] = option("odd", "Epochs to use; the even ones are for the spectra.")
    control: bool = option(True, "Estimate stages from equal numbers of epochs, and what mixing alone would give.")
    graph_measure: Measure = option(
        "aec_orth", "Measure of the graphs' strength, clustering, efficiency and modularity."
    )
    regions: Literal["auto", "never"] = option(
        "auto", "auto: regions too, by eLORETA in a template sphere, from 19 electrodes with positions."
    )
    structural: str = option(
        "", "Structural connectome of the regions: a TSV, CSV or NPZ, or a folder with one *_relmat.tsv per person."
    )
    structural_negative: Literal["refuse", "clip"] = option(
        "refuse", "Negative weights of it: refuse, or set them to 0 (clip)."
    )
    relmat: list[Measure] = option([], "Measures to write as relation matrices of BIDS beside the NetCDF.")
    dask: DaskOptions = option(DaskOptions(), "Where the pairs are computed.")

    @field_validator("measures", "relmat")
    @classmethod
    def _different(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            message = f"measures {', '.join(names)}: each is given once"
            raise ValueError(message)
        return names

    @field_validator("bands")
    @classmethod
    def _edges_ascend(cls, bands: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in bands.items():
            if not 0 < low < high:
                message = f"band {name!r} has edges {low:g} and {high:g} Hz; expected 0 < lower < upper"
                raise ValueError(message)
        if not bands:
            message = "no band given; expected at least one"
            raise ValueError(message)
        return bands
