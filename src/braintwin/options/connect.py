"""Options of `connect`."""

from typing import Literal

from pydantic import field_validator

from braintwin.options.base import Options, option


class ConnectOptions(Options):
    """How the connectome is estimated."""

    bands: dict[str, tuple[float, float]] = option(
        {"delta": (1.0, 4.0), "theta": (4.0, 8.0), "alpha": (8.0, 12.0), "sigma": (12.0, 15.0), "beta": (15.0, 30.0)},
        "Frequency bands, lower edge included and upper excluded.",
        unit="Hz",
    )
    window_s: float = option(4.0, "Length of a Hann window.", unit="s", gt=0.5, le=30)
    min_epochs: int = option(10, "Fewest clean epochs of a stage; below, the stage is missing.", ge=2)
    blocks: int = option(20, "Blocks of consecutive epochs for the jackknife.", ge=4, le=200)
    chunk_epochs: int = option(60, "Epochs held in memory at once.", ge=1)
    epochs: Literal["odd", "all"] = option("odd", "Epochs to use; the even ones are for the spectra.")

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
