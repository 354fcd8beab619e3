"""Options of `fit-spectral`."""

from typing import Literal

from braintwin.options.base import Options, option


class GraphOptions(Options):
    """The graph whose Laplacian modes couple the channels."""

    source: Literal["auto", "functional", "structural", "none"] = option(
        "auto", "functional: own coupling; structural: of connect.structural; auto: that if given, else functional."
    )
    measure: str = option("aec_orth", "Measure of the functional graph; negative values are clipped.")
    bands: list[str] | None = option(None, "Bands that the functional graph averages over; all where unset.")
    stages: list[str] = option(["N2", "N3"], "Stages that it averages over.")
    blur_mm: float = option(
        0.0, "Length of volume conduction in the mixing operator of cross-spectra; 0 is an effective sensor graph.",
        unit="mm", ge=0,
    )  # fmt: skip
    redraws: int = option(32, "Graphs drawn by their standard errors, to carry what is not known of the graph.", ge=1)
    rivals: bool = option(
        True, "Compare the graph with itself rewired, with distance alone and with no graph, each sampled on its own."
    )


class FitSpectralOptions(Options):
    """How the corticothalamic twin is fitted."""

    cross_spectra: bool = option(
        False,
        "Fit coherency too, as a complex Wishart; needs `features.coherency` and 4 to 8 channels. It tells the "
        "coupling on the graph; `check` fails a twin whose model misses it.",
    )
    graph: GraphOptions = option(GraphOptions(), "Graph of the field.")
    chains: int = option(4, "Chains.", ge=2, le=16)
    tune: int = option(500, "Warm-up draws of a chain, thrown away.", ge=100)
    draws: int = option(1500, "Draws kept of a chain.", ge=100)
    starts: int = option(24, "Optimisations from spread starts before sampling; all chains begin at the best.", ge=4)
    mode_nats: float = option(
        3.0,
        "A mode of the posterior whose mass is this close to the heaviest is an explanation of its own.",
        unit="nat",
        gt=0,
    )
    student_nu: float = option(4.0, "Degrees of freedom of the residual of the log spectrum.", gt=2)
    max_channels: int = option(
        8, "Most channels in the likelihood; more are averaged by region of the scalp and side.", ge=1
    )
    smc_particles: int = option(
        0, "Particles of an independent tempered SMC, the check of a person's chains; 0 for none.", ge=0
    )
    predictive_samples: int = option(200, "Replicated spectra to keep.", ge=20)
