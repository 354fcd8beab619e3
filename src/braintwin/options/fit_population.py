"""Options of `fit-population`."""

from braintwin.options.base import Options, option
from braintwin.options.dask import DaskOptions


class FitPopulationOptions(Options):
    """How the population prior of the hypnogram twin is learned."""

    name: str = option("learned", "Name of the population, which every twin that uses it keeps.", min_length=1)
    conditions: list[str] = option(
        ["", "placebo", "baseline", "habitual"], "Conditions that count as untreated; other nights are left out."
    )
    min_night_min: float = option(
        180.0, "Least time from lights off (or sleep onset) to the end of a night; less is a nap.", unit="min", ge=10
    )
    min_people: int = option(20, "Fewest people to learn from; how people vary cannot be learned from a handful.", ge=2)
    dask: DaskOptions = option(
        DaskOptions(), "Where the population and its variants without each fold are learned; no number depends on it."
    )
