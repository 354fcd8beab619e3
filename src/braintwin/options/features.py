"""Options of `features`."""

from pydantic import model_validator

from braintwin.options.base import Options, option


class FeaturesOptions(Options):
    """How spectra are estimated."""

    window_s: float = option(4.0, "Length of a Hann window.", unit="s", gt=0.5, le=30)
    df: float = option(0.5, "Spacing of the frequencies that are kept.", unit="Hz", gt=0, le=2)
    fmin: float = option(1.0, "Lowest frequency.", unit="Hz", gt=0)
    fmax: float = option(40.0, "Highest frequency.", unit="Hz", gt=5, le=100)
    min_epochs: int = option(8, "Fewest clean epochs of a stage; below, the stage is missing.", ge=2)
    swa_band: tuple[float, float] = option((0.75, 4.5), "Band of slow-wave activity.", unit="Hz")
    events: bool = option(True, "Detect spindles and slow waves with YASA.")
    events_channels: int = option(2, "Channels in which they are sought, those nearest to the vertex.", ge=1)

    coherency: bool = option(
        False, "Keep the coherency of 4 to 16 channels too, for `fit_spectral.cross_spectra`; it costs as much again."
    )

    @model_validator(mode="after")
    def _on_the_grid_of_the_window(self) -> "FeaturesOptions":
        for name in ("df", "fmin"):
            bins = getattr(self, name) * self.window_s
            if abs(bins - round(bins)) > 1e-9 or round(bins) < 1:
                message = (
                    f"{name} is {getattr(self, name):g} Hz, which a window of {self.window_s:g} s does not have; "
                    f"use a multiple of {1 / self.window_s:g} Hz"
                )
                raise ValueError(message)
        return self
