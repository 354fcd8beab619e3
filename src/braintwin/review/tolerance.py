"""How far a number may lie from the published one: exactly there, or within its own Monte-Carlo error.

A quantity that was made again with the same code and libraries from the same draws must be the same. Where the code,
a library or the draws are others, two Monte-Carlo estimates of one quantity differ by their errors: the tolerance is
``t · √2 · MCSE``, with t such that all quantities of a study hold at once with 99 % where nothing is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from braintwin.contracts.simulate import SIMULATED
from braintwin.io.arrays import read_dataset
from braintwin.io.library import read_library
from braintwin.io.records import read_table
from braintwin.options.rank import RankOptions
from braintwin.steps.rank import rank_person

BLOCKS = 20
"""Blocks of draws that the jackknife leaves out, one at a time."""

CONFIDENCE = 0.99
R_HAT_BAND, ESS_FACTOR, INDEX_SHARE = 0.05, 2.0, 0.25
"""Bands of what has no MCSE: diagnostics, and the index and null of personalisation (of their own size)."""


@dataclass(frozen=True)
class Tolerance:
    """The largest distance that is allowed, and why."""

    distance: float
    basis: str


@dataclass
class Tolerances:
    """Tolerances of the published numbers of one frozen study."""

    frozen: Path
    options: RankOptions
    seed: int
    quantities: int
    _jackknife: dict[str, xr.Dataset] = field(default_factory=dict)

    @cached_property
    def factor(self) -> float:
        """Return t·√2 for all quantities at once."""
        from scipy.stats import t

        return float(np.sqrt(2) * t.isf((1 - CONFIDENCE) / (2 * max(1, self.quantities)), BLOCKS - 1))

    def of(self, table: str, row: Mapping[str, str], quantity: str) -> Tolerance:
        """Return the tolerance of one number of a table."""
        if table == "tables/parameters.tsv":
            return self._parameter(row, quantity)
        if quantity in ("personalisation_index", "personalisation_null"):
            size = abs(float(row[quantity])) if row[quantity] else 0.0
            return Tolerance(INDEX_SHARE * size, f"±{100 * INDEX_SHARE:.0f} % of itself (permutations; no MCSE)")
        if table == "cohort/summary.tsv" and row.get("best") and not quantity.endswith("_median"):
            return self._ranked(row["person"], row["best"], quantity)
        if table == "tables/ranking.tsv":
            return self._ranked(row["person"], row["treatment"], quantity)
        if table == "tables/outcomes.tsv":
            return self._ranked(row["person"], row["treatment"], quantity, row["outcome"])
        return Tolerance(0.0, "exact: no Monte-Carlo error")

    def _parameter(self, row: Mapping[str, str], quantity: str) -> Tolerance:
        value = float(row[quantity]) if row[quantity] else 0.0
        if quantity == "rhat":
            return Tolerance(R_HAT_BAND, f"±{R_HAT_BAND} (a diagnostic; no MCSE)")
        if quantity in ("ess_bulk", "ess_tail", "mcse"):
            return Tolerance(value * (ESS_FACTOR - 1), f"factor {ESS_FACTOR:g} (a diagnostic; no MCSE)")
        sd, mcse = (float(row[name]) if row[name] else 0.0 for name in ("sd", "mcse"))
        ess = float(row["ess_tail"]) if row["ess_tail"] else 1.0
        error = {
            "mean": mcse,
            "sd": sd / np.sqrt(2 * ess),
            # of a normal's 5 % quantile: √(p(1-p)/n) / φ(z_p)
            "q05": sd * np.sqrt(0.05 * 0.95 / ess) / 0.1031,
            "q95": sd * np.sqrt(0.05 * 0.95 / ess) / 0.1031,
            "contraction": 2 * (1 - value) * np.sqrt(1 / (2 * ess)) + 1e-3,
        }[quantity]
        return Tolerance(self.factor * float(error), f"{self.factor:.1f} × MCSE {error:.2g}")

    def _ranked(self, person: str, treatment: str, quantity: str, outcome: str = "") -> Tolerance:
        """Return the tolerance of a quantity of a ranking: the jackknife over blocks of draws gives its MCSE."""
        errors = self._errors(person)
        if errors is None or treatment not in errors["treatment"].values:
            return Tolerance(0.0, "exact: nothing was simulated")
        one = errors.sel(treatment=treatment)
        if outcome:
            name = "contrast_mean" if quantity == "mean" else "contrast_quantile"
            found = one[name].sel(outcome=outcome)
            found = found if quantity == "mean" else found.sel(quantile=float(quantity[1:]) / 100)
        elif quantity.startswith("utility_q"):
            found = one["utility_quantile"].sel(quantile=float(quantity[-2:]) / 100)
        elif quantity in one:
            found = one[quantity]
        else:
            return Tolerance(0.0, "exact: no Monte-Carlo error")
        error = max(float(found), float(one["floor"]) if quantity in ("p_best", "weight_first_share") else 0.0)
        return Tolerance(self.factor * error, f"{self.factor:.1f} × MCSE {error:.2g} (jackknife)")

    def _errors(self, person: str) -> xr.Dataset | None:
        if person not in self._jackknife:
            path = self.frozen / "people" / person / "simulate.nc"
            simulated = read_dataset(path, SIMULATED) if path.is_file() else SIMULATED.empty()
            self._jackknife[person] = self._jackknifed(simulated) if simulated.sizes["draw"] else xr.Dataset()
        found = self._jackknife[person]
        return found if found.sizes else None

    def _jackknifed(self, simulated: xr.Dataset) -> xr.Dataset:
        """Return the jackknife's standard error of every number of a ranking, doi:10.1214/aos/1176347265."""
        library = read_library(self.frozen / "treatments.yaml")
        blocks = np.array_split(np.arange(simulated.sizes["draw"]), BLOCKS)
        found = []
        for block in blocks:
            kept = np.setdiff1d(np.arange(simulated.sizes["draw"]), block)
            ranking = rank_person(simulated.isel(draw=kept), library, self.seed, self.options)
            numbers = ranking.drop_vars([v for v in ranking.data_vars if ranking[v].dtype.kind not in "f"])
            found.append(numbers.drop_vars("label").sortby("treatment"))
        spread = xr.concat(found, "block")
        variance: xr.Dataset = (BLOCKS - 1) ** 2 / BLOCKS * spread.var("block", ddof=1)
        error = variance.map(np.sqrt)
        return error.assign(floor=3.0 / simulated.sizes["draw"])


def count_numbers(frozen: Path, tables: Mapping[str, tuple[str, ...]]) -> int:
    """Return how many numbers the tables of a frozen study hold."""
    return sum(
        is_number(cell)
        for name, keys in tables.items()
        for row in read_table(frozen / name)
        for column, cell in row.items()
        if column not in keys
    )


def is_number(text: str) -> bool:
    """Tell whether a cell of a table is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
