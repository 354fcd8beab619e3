"""Options of `connect`."""

from typing import Literal

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
