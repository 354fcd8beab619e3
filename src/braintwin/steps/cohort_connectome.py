"""The part of `cohort` that lays the connectomes of its people side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

import braintwin
from braintwin.contracts.cohort import COHORT_CONNECTOME
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import NightRow, Status
from braintwin.io.arrays import write_dataset
from braintwin.io.groups import read_attributes, read_names, read_part, read_quickly
from braintwin.options.pages import PagesOptions
from braintwin.paths import StudyPaths
from braintwin.provenance import stamp
from braintwin.signals.connectome import ANTISYMMETRIC
from braintwin.signals.group_layer import group_graphs


@dataclass(frozen=True)
class _Night:
    """Where one night's connectome lies, and what it has."""

    person: str
    path: Path
    nodes: tuple[str, ...]
    bands: tuple[str, ...]
    measures: tuple[str, ...]
    wanted: str


def cohort_connectome(
    study: StudyPaths,
    rows: Sequence[NightRow],
    statuses: Mapping[str, Mapping[str, Status]],
    target: Path,
    options: PagesOptions,
) -> xr.Dataset:
    """Write and return what the connectomes of the cohort share, as contracts.cohort.COHORT_CONNECTOME says.

    A published archive holds no connectomes of nights: there, what was published of the cohort is read.
    """
    paths = [
        (row.person, study.night(row.night, "connect"))
        for row in rows
        if (status := statuses.get(row.night, {}).get("connect")) is not None and status.state == "ok"
    ]
    there = [(person, path) for person, path in paths if path.is_file()]
    if not there and target.is_file():
        return read_quickly(target, COHORT_CONNECTOME)
    found, used = _compare([_night(person, path) for person, path in there])
    stamped = stamp(
        version=braintwin.__version__, step="cohort", module="braintwin.steps.cohort", options=options.model_dump(),
        inputs=used, seed=None,
    )  # fmt: skip
    write_dataset(target, found, COHORT_CONNECTOME, stamped)
    return found


def _night(person: str, path: Path) -> _Night:
    names = read_names(path, ("node", "band", "measure"))
    nodes, bands, measures = (tuple(names[name]) for name in ("node", "band", "measure"))
    return _Night(person, path, nodes, bands, measures, str(read_attributes(path, "/").get("graph_measure", "")))


def _compare(nights: Sequence[_Night]) -> tuple[xr.Dataset, list[Path]]:
    """Return the comparison of those who share their channels with most others, and the artefacts it was made from."""
    measure = next((night.wanted for night in nights if night.wanted), "aec_orth")
    usable = [night for night in nights if measure in night.measures and len(night.nodes) > 1]
    sets = Counter((night.nodes, night.bands) for night in {(n.person, n.nodes, n.bands): n for n in usable}.values())
    if not sets:
        return COHORT_CONNECTOME.empty(attrs={"measure": measure, "other_channels": 0}), []
    nodes, bands = max(sets, key=lambda one: (sets[one], one))
    same = sorted((n for n in usable if (n.nodes, n.bands) == (nodes, bands)), key=lambda n: (n.person, str(n.path)))
    person = [night.person for night in same]
    graphs = []
    for stage in range(len(STAGES)):
        value, error = (_stacked(same, name, stage, measure) for name in ("connectivity", "standard_error"))
        graphs.append(group_graphs(value, error, person))
    matrix, by_person = ("stage", "band", "node", "node_to"), ("person", "stage")
    found = xr.Dataset(
        {
            "consensus": (matrix, np.stack([graph.consensus for graph in graphs]).astype(np.float32)),
            "consensus_error": (matrix, np.stack([graph.error for graph in graphs]).astype(np.float32)),
            "n_people": (matrix[:2], np.stack([graph.n_people for graph in graphs])),
            "n_nights": (by_person, np.stack([graph.n_nights for graph in graphs], axis=1)),
            "likeness": (by_person, np.stack([graph.likeness for graph in graphs], axis=1)),
            "own_nights": (by_person, np.stack([graph.own_nights for graph in graphs], axis=1)),
            "others_nights": (by_person, np.stack([graph.others_nights for graph in graphs], axis=1)),
        },
        {
            "stage": list(STAGES), "band": list(bands), "node": list(nodes), "node_to": list(nodes),
            "person": sorted(set(person)),
        },
        {"measure": measure, "other_channels": len({n.person for n in nights} - set(person))},
    )  # fmt: skip
    return found, [night.path for night in same]


def _stacked(nights: Sequence[_Night], name: str, stage: int, measure: str) -> np.ndarray:
    """Return one stage and measure of all nights, (night, band, node, node); of directed measures the size."""
    parts = [read_part(n.path, name, stage=stage, measure=n.measures.index(measure)) for n in nights]
    stacked = np.stack(parts).astype(np.float32)
    return np.abs(stacked) if measure in ANTISYMMETRIC else stacked
