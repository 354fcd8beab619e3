"""The population prior on disk: an explicit input of the steps that need it."""

from pathlib import Path

import braintwin
from braintwin.contracts.population import POPULATION
from braintwin.io.arrays import read_dataset, write_dataset
from braintwin.models.population import Population
from braintwin.provenance import code_digest


def packaged_population() -> Path:
    """Return the population that comes with BrainTwin, `data/population.nc`."""
    return Path(braintwin.__file__).parent / "data" / "population.nc"


def read_population(path: Path | str) -> Population:
    """Read a population prior and check it."""
    return Population.from_dataset(read_dataset(path, POPULATION))


def write_population(path: Path | str, population: Population) -> None:
    """Write a population prior with its provenance.

    The packaged file is ``write_population(packaged_population(), first_population())``.
    """
    stamp = {"braintwin_version": braintwin.__version__, "code": code_digest("braintwin.models.population")}
    write_dataset(path, population.to_dataset(), POPULATION, stamp)
