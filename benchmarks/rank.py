"""Seconds to rank people from simulated nights that are on disk: 25 treatments, 400 draws, on one core.

``python benchmarks/rank.py [people]`` writes the nights of one made-up person and ranks them again and again; the time
of 1,000 people on two cores is extrapolated from it, and said to be.
"""

import platform
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES, SIMULATED
from braintwin.contracts.stages import STAGES
from braintwin.io.arrays import write_dataset
from braintwin.io.groups import read_quickly
from braintwin.io.library import read_library
from braintwin.options.rank import RankOptions
from braintwin.steps.rank import rank_person

LIBRARY = Path(__file__).parents[1] / "config" / "treatments.yaml"
DRAWS = 400


def simulated(library):
    """Return nights of the size of a real run; what they say does not matter here."""
    rng = np.random.default_rng(1)
    blocks = library.choose(None)
    keys = np.array(list(blocks), dtype=str)
    shape = {"treatment": len(keys), "draw": DRAWS, "outcome": len(OUTCOMES), "group": len(GROUPS), "clock": 48}
    shape |= {"stage": len(STAGES), "example": 3, "epoch": 960}
    made = {
        "f": lambda size: rng.standard_normal(size),
        "b": lambda size: np.ones(size, dtype=bool),
        "U": lambda size: np.full(size, "", dtype="U8"),
        "i": lambda size: np.zeros(size, dtype=np.int8),
    }
    variables = {
        name: (var.dims, made[var.kind[0]](tuple(shape[dim] for dim in var.dims)))
        for name, var in SIMULATED.variables.items()
    }
    coords = {
        "treatment": keys, "label": ("treatment", keys), "outcome": list(OUTCOMES), "group": list(GROUPS),
        "stage": list(STAGES), "clock": np.arange(48.0),
    }  # fmt: skip
    dataset = xr.Dataset(variables, coords=coords)
    return SIMULATED.stamp_units(dataset).assign_attrs(person="bench-1", condition="", horizon="", replicates=6)


def main():
    """Time the ranking of each person from a file, and print a row."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    library = read_library(LIBRARY)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench" / "simulate.nc"
        path.parent.mkdir()
        write_dataset(path, simulated(library), SIMULATED, {})
        rank_person(read_quickly(path, SIMULATED), library, 1, RankOptions())
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(people):
            found = rank_person(read_quickly(path, SIMULATED), library, 1, RankOptions())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    machine, treatments = f"{platform.machine()}, Python {platform.python_version()}", found.sizes["treatment"]
    print(f"{machine}: {treatments} treatments, {DRAWS} draws; {people} people: {cpu:.1f} CPU s, {wall:.1f} s")
    print(f"1,000 people on two cores, extrapolated: {500 * cpu / people:.0f} s of 120")


if __name__ == "__main__":
    main()
