"""Options of `fit-nights`."""

from typing import Literal

from braintwin.options.base import Options, option


class FitNightsOptions(Options):
    """How the hypnogram twin is fitted."""

    chains: int = option(4, "Chains.", ge=2, le=16)
    tune: int = option(500, "Warm-up draws of a chain, thrown away.", ge=100)
    draws: int = option(
        1000, "Draws kept of a chain; with fewer, R-hat of some 200 parameters passes 1.01 by chance.", ge=100
    )
    predictive_samples: int = option(400, "Simulated further nights to keep.", ge=50)
    conditions: list[str] = option(
        ["", "placebo", "baseline", "habitual"], "Conditions that count as untreated; other nights are not fitted."
    )
    stage_versions: int = option(
        8,
        "Hypnograms drawn from the confidence of an automatic scoring, so that the twin is as unsure as the scoring; "
        "1 takes its most probable stages for certain. Nights that a person scored are taken as they are.",
        ge=1,
        le=100,
    )
    process_s: Literal["literature", "swa"] = option(
        "literature",
        "Time constants of Process S: the literature's, or the person's as far as the slow-wave activity of nights "
        "with EEG tells them (docs/decisions/019-process-s.md).",
    )
    min_night_min: float = option(
        180.0,
        "Least time from lights off (or sleep onset) to the end of a night; a shorter one is a nap, and not fitted.",
        unit="min",
        ge=10,
    )
