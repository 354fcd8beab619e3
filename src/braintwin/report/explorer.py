"""The scenario explorer: draws of a person's simulated nights, packed into the page that lets a reader vary them.

Nothing is simulated in the browser. Doses are those of the library; adherence mixes treated and untreated nights draw
by draw; a night ended earlier is read off the share of nights in each stage by the clock, exact for the mean because
simulated nights run forward; weights act on the outcomes of every draw.
"""

import base64
import json
import re
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.stages import EPOCH_S
from braintwin.provenance import derive_seed
from braintwin.report.figures_night import OUTCOMES_SHOWN
from braintwin.report.material import is_ranked
from braintwin.report.utility import COST_WORDS, COSTS, parts, stamped, weights
from braintwin.treatment.library import NO_CHANGE, Library

MOST_DRAWS = 500
"""Draws packed into a page; of more, evenly spaced ones are taken, and the page says so."""

PER_UNIT = 32
"""Steps per minute (or per cent) of a packed outcome."""

SHORTEST_MIN = 240
"""Time in bed below which a night is no night."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """A treatment in the menu with its doses: (key, words of the dose)."""

    label: str
    doses: list[tuple[str, str]]
    candidate: bool


def explorer(ranking: xr.Dataset, simulated: xr.Dataset, library: Library) -> dict[str, Any] | None:
    """Return what the explorer's part of the page needs; None where nothing was simulated to explore.

    Parameters
    ----------
    ranking, simulated : Dataset
        As in contracts.rank and contracts.simulate, of one person.
    """
    keys = [str(key) for key in ranking["treatment"].values]
    there = {str(key) for key in simulated["treatment"].values}
    found = parts(ranking, library)
    if NO_CHANGE not in keys or not set(keys) <= there or found is None:
        return None
    chosen = simulated.sel(treatment=keys)
    draws = chosen.sizes["draw"]
    keep = np.linspace(0, draws - 1, min(draws, MOST_DRAWS)).round().astype(int)
    names = [name for name in OUTCOMES_SHOWN if name in chosen["outcome"].values]
    bases = {}
    for basis, variable in (("person", "outcome_value"), ("population", "population_outcome_value")):
        values = chosen[variable].sel(outcome=names).transpose("treatment", "outcome", "draw").values[..., keep]
        if np.isfinite(values).all():
            bases[basis] = _packed(values, PER_UNIT)
    basis = "population" if ranking.attrs.get("verdict") == "population" else "person"
    if basis not in bases:
        return None
    harm = np.zeros(len(keys)) if "harm" not in found.names else found.change[:, found.names.index("harm")]
    data: dict[str, Any] = {
        "keys": keys,
        "labels": [str(label) for label in ranking["label"].values],
        "candidate": [bool(value) for value in ranking["candidate"].values],
        "ranked": is_ranked(ranking),
        "outcomes": names,
        "units": [OUTCOME_UNITS[name] for name in names],
        "draws": len(keep),
        "perUnit": PER_UNIT,
        "bases": bases,
        "basis": basis,
        "harm": _packed(_harms(keys, harm, library, len(keep)), 1024),
        "harmPerUnit": 1024,
        "burden": [library.treatments[key].burden.value if key in library.treatments else 0.0 for key in keys],
        "weights": weights(ranking.attrs),
        "mcid": stamped(ranking.attrs, "mcid"),
        "nearTie": stamped(ranking.attrs, "near_tie_probability"),
        **_clock(chosen),
    }
    menu = choices(keys, data["labels"], data["candidate"])
    return {
        "data": Markup(json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")),
        "choices": menu,
        "doses": Markup(json.dumps([choice.doses for choice in menu], ensure_ascii=False).replace("<", "\\u003c")),
        "fields": [(n, w, COST_WORDS[n] if n in COSTS else "per min") for n, w in weights(ranking.attrs).items()],
        "mcid": data["mcid"],
        "both": len(bases) == 2,
        "basis": basis,
        "in_bed": round(float(data["inBed"])),
        "shortest": SHORTEST_MIN,
        "thinned": draws > MOST_DRAWS,
        "draws": len(keep),
        "adherence": _adherence(keys, library),
    }


def _packed(values: Floats, per_unit: int) -> str:
    """Return values as little-endian 16-bit integers in base64."""
    steps = np.clip(np.round(values * per_unit), -32768, 32767).astype("<i2")
    return base64.b64encode(steps.tobytes()).decode()


def _harms(keys: list[str], mean: Floats, library: Library, draws: int) -> Floats:
    """Return draws of harm, (treatment, draw): the mean that went into the ranking, the spread of the library.

    The ranking keeps no draws of harm. Evenly spaced quantiles in an order of the treatment's own have exactly that
    mean, so that expected utilities are the table's.
    """
    level = (np.arange(draws) + 0.5) / draws
    normal = np.array([NormalDist().inv_cdf(p) for p in level])
    rows = []
    for key, middle in zip(keys, mean):
        spread = library.treatments[key].harm()[1] if key in library.treatments else 0.0
        rng = np.random.default_rng(derive_seed(0, "report/harm", key))
        rows.append(middle + spread * rng.permutation(normal))
    return np.stack(rows)


def _clock(chosen: xr.Dataset) -> dict[str, Any]:
    """Return the minutes spent in each stage by the end of each bin of time in bed, from the person's own nights."""
    share = chosen["stage_probability"].transpose("treatment", "stage", "clock").values.astype(float)
    bins = share.shape[-1]
    width = np.full(bins, 10.0)
    if bins > 1:
        width[:] = float(chosen["clock"].values[1] - chosen["clock"].values[0])
    whole = chosen.sizes["epoch"] * EPOCH_S / 60
    if (bins - 1) * width[0] < whole <= bins * width[0]:
        width[-1] = whole - (bins - 1) * width[0]
    minutes = np.cumsum(share * width, axis=-1)
    own = minutes[list(chosen["treatment"].values).index(NO_CHANGE), :, -1].sum()
    return {
        "stages": [str(stage) for stage in chosen["stage"].values],
        "bins": [float(edge) for edge in np.cumsum(width)],
        "minutes": _packed(minutes, PER_UNIT),
        "inBed": float(chosen.attrs.get("time_in_bed_min", own)),
    }


def choices(keys: list[str], labels: list[str], candidate: list[bool]) -> list[Choice]:
    """Return the menu of treatments: those that differ by dose alone stand together, in the order of the ranking."""
    groups: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        if key != NO_CHANGE:
            groups.setdefault(re.sub(r"(_\d+)+$", "", key), []).append(i)
    menu = []
    for rows in groups.values():
        if len(rows) == 1:
            menu.append(Choice(labels[rows[0]], [(keys[rows[0]], "as in its trials")], candidate[rows[0]]))
            continue
        name = re.split(r"\s+\d", labels[rows[0]])[0]
        doses = [(keys[i], labels[i].removeprefix(name).strip() or labels[i]) for i in rows]
        doses.sort(key=lambda dose: [int(number) for number in re.findall(r"\d+", dose[0])])
        menu.append(Choice(name, doses, any(candidate[i] for i in rows)))
    return menu


def _adherence(keys: list[str], library: Library) -> list[str]:
    """Return in words the adherence that the library records."""
    found = []
    for key in keys:
        known = library.treatments.get(key)
        if known is None or known.adherence is None:
            continue
        if known.adherence.hours_per_night:
            hours, spread = known.adherence.hours_per_night
            found.append(f"{known.label}: {hours:g} ± {spread:g} h a night")
        if known.adherence.completion_fraction:
            share, spread = known.adherence.completion_fraction
            found.append(f"{known.label}: {100 * share:.0f} ± {100 * spread:.0f} % complete it")
    return found
