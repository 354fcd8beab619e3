"""The utility of a ranking, taken apart: weights, changes, harm and burden of each treatment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.simulate import OUTCOMES
from braintwin.treatment.library import NO_CHANGE, Library

Floats = npt.NDArray[np.float64]

COSTS = ("harm", "burden")

_ORDER = {name: i for i, name in enumerate((*OUTCOMES, "harm", "burden"))}

COST_WORDS = {
    "harm": "per unit of log odds of leaving a trial over adverse events",
    "burden": "per unit of burden (0 nothing, 1 heavy)",
}


def stamped(attrs: Mapping[str, object], name: str) -> float | None:
    """Return a number of a ranking: an attribute of its own, or one of its stamped options."""
    try:
        found = attrs.get(name, json.loads(str(attrs.get("options", "") or "{}")).get(name))
        return None if found is None or found == "" else float(str(found))
    except (json.JSONDecodeError, ValueError):
        return None


def weights(attrs: Mapping[str, object]) -> dict[str, float]:
    """Return the utility weights of a ranking; empty where they are not recorded."""
    try:
        found = {str(k): float(v) for k, v in json.loads(str(attrs.get("weights", "") or "{}")).items()}
        return {name: found[name] for name in sorted(found, key=lambda name: _ORDER.get(name, len(_ORDER)))}
    except (json.JSONDecodeError, ValueError):
        return {}


def weights_line(attrs: Mapping[str, object]) -> str:
    """Return the utility weights of a ranking in words; empty where they are not recorded."""
    parts = [f"{name} {v:.3g} {COST_WORDS.get(name, 'per min')}" for name, v in weights(attrs).items()]
    return "; ".join(parts).replace("-", "−")


def draws_of(ranking: xr.Dataset) -> int:
    """Return how many draws a ranking was made from, as its own errors tell; 0 where they do not."""
    spread, error = (ranking[name].values for name in ("utility_sd", "utility_mcse"))
    known = (error > 0) & np.isfinite(spread)
    return round(float(np.median((spread[known] / error[known]) ** 2))) if known.any() else 0


@dataclass(frozen=True)
class Parts:
    """What makes up each expected utility, (treatment, component): ``part`` is ``change`` times ``weight``."""

    names: list[str]
    keys: list[str]
    change: Floats
    weight: Floats

    @property
    def part(self) -> Floats:
        """Contribution of each component, (treatment, component)."""
        return self.change * self.weight


def parts(ranking: xr.Dataset, library: Library) -> Parts | None:
    """Return the components of the expected utilities; None where the ranking does not say its weights.

    Harm is a mean over draws that the ranking does not keep; it is what the other components leave of the utility.
    """
    stated = weights(ranking.attrs)
    if not stated or any(n not in COSTS and n not in ranking["outcome"].values for n in stated):
        return None
    keys = [str(key) for key in ranking["treatment"].values]
    change = np.zeros((len(keys), len(stated)))
    names = list(stated)
    for k, name in enumerate(names):
        if name == "burden":
            change[:, k] = [library.treatments[key].burden.value if key in library.treatments else 0.0 for key in keys]
        elif name != "harm":
            change[:, k] = ranking["contrast_mean"].sel(outcome=name).values
    weight = np.array([stated[name] for name in names])
    if "harm" in names:
        k = names.index("harm")
        known = [library.treatments[key].harm()[0] if key in library.treatments else 0.0 for key in keys]
        rest = ranking["expected_utility"].values - (change * weight).sum(axis=1)
        change[:, k] = rest / weight[k] if weight[k] else known
        change[[i for i, key in enumerate(keys) if key == NO_CHANGE], k] = 0.0
    return Parts(names, keys, change, weight)
