"""Options of `simulate`."""

from braintwin.options.base import Options, option


class SimulateOptions(Options):
    """How treated nights are simulated."""

    draws: int = option(400, "Posterior draws of the person.", ge=50)
    replicates: int = option(6, "Nights simulated per draw and treatment, with common random numbers.", ge=1)
    time_in_bed_min: float | None = option(
        None,
        "Time in bed; the median of the person's records where unset (480 if they are no whole nights).",
        unit="min",
        gt=60,
        le=900,
    )
    treatments: list[str] | None = option(None, "Treatments to simulate; all in the library where unset.")
    examples: int = option(3, "Whole simulated nights to keep per treatment.", ge=1, le=50)
    heterogeneity_sd: float = option(0.15, "Scale of the between-person spread of a log-hazard operator.", ge=0)
    diary_bridge: bool = option(True, "Shrink effects on diary scales to the sleep laboratory's.")
    comparator_offset: bool = option(True, "Allow for placebo pill against waiting list.")
