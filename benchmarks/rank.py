"""Seconds to rank people from simulated nights on disk: all treatments of the library, 400 draws, two processes.

``python benchmarks/rank.py [people]`` (40; 1000 is the claim itself) writes nights of a few made-up people, links them
to as many as asked, and ranks everybody as the step does: read, rank, check, write. What is said of 1,000 people is
extrapolated where fewer were ranked. The start of a process comes on top: once for each batch of a study.
"""

import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from braintwin.contracts.check import PersonCheck, TwinCheck
from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES, SIMULATED
from braintwin.contracts.stages import STAGES
from braintwin.io.library import read_library
from braintwin.io.quick import write_quickly
from braintwin.io.records import read_status, write_json, write_status
from braintwin.options.rank import RankOptions
from braintwin.steps import rank

LIBRARY = Path(__file__).parents[1] / "config" / "treatments.yaml"
DRAWS, VARIETY, BATCH = 400, 10, 50
TWIN = TwinCheck(verdict="pass", reasons=[], gates={})
PASSED = PersonCheck(
    person="", verdict="pass", reasons=[], spectral=TWIN, night=TWIN, parameters=[], predictive={}, stamp={}
)


def simulated(library, seed):
    """Return nights of the size of a real run; what they say does not matter here."""
    rng = np.random.default_rng(seed)
    blocks = library.choose(None)
    keys = np.array(list(blocks), dtype=str)
    shape = {"treatment": len(keys), "draw": DRAWS, "outcome": len(OUTCOMES), "group": len(GROUPS), "clock": 48}
    shape |= {"stage": len(STAGES), "example": 3, "epoch": 960}
    made = {
        "f": lambda size: rng.standard_normal(size) if size[-1] != len(OUTCOMES) else rng.integers(0, 2000, size) / 12,
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


def folders(root, people, library):
    """Return the folders of people with nights and a passed check on disk; a few made-up nights, linked in turn."""
    made = []
    for k in range(min(people, VARIETY)):
        path = root / f"made-{k}" / "simulate.nc"
        path.parent.mkdir()
        write_quickly(path, simulated(library, k), SIMULATED, {})
        made.append(path)
    found = []
    for k in range(people):
        folder = root / f"bench-{k}"
        folder.mkdir()
        os.link(made[k % len(made)], folder / "simulate.nc")
        write_status(folder / "simulate.nc", "simulate", "ok")
        write_json(folder / "check.json", PASSED.model_copy(update={"person": folder.name}))
        found.append(folder)
    return found


def rank_batch(batch):
    """Rank a batch as the step does, everything read and written; return CPU seconds."""
    cpu = time.process_time()
    rank.run(
        simulate=[f / "simulate.nc" for f in batch], check=[f / "check.json" for f in batch], treatments=LIBRARY,
        rank=[f / "rank.nc" for f in batch], seed=1, options=RankOptions(),
    )  # fmt: skip
    return time.process_time() - cpu


def main():
    """Rank people in two processes, and print a row."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    library = read_library(LIBRARY)
    with TemporaryDirectory() as folder, ProcessPoolExecutor(2, get_context("spawn")) as pool:
        there = folders(Path(folder), people, library)
        batches = [there[i : i + BATCH] for i in range(0, people, BATCH)]
        wall = time.perf_counter()
        cpu = sum(pool.map(rank_batch, batches))
        wall = time.perf_counter() - wall
        done = sum(read_status(f / "rank.nc").state == "ok" for f in there)
    treatments, machine = len(library.choose(None)), f"{platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}: {done} people ranked of {people}, {treatments} treatments, {DRAWS} draws, two processes")
    each = cpu / people
    print(f"{cpu:.1f} CPU s, {wall:.1f} s; 1,000 people: {1000 * each:.0f} CPU s, {500 * each:.0f} s of 120")


if __name__ == "__main__":
    main()
