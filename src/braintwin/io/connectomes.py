"""Connectivity matrices on disk: structural connectomes as input, relation matrices in the form of BIDS as output."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import braintwin
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import write_text
from braintwin.io.matrices import matrix_file
from braintwin.signals.coupling import REGISTRY
from braintwin.signals.graphs import as_weights, clip_negative

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """Weights (node, node) and the names of their nodes."""

    labels: tuple[str, ...]
    weights: Floats

    def reordered(self, labels: Sequence[str]) -> Floats:
        """Return the weights of `labels` in their order.

        Raises
        ------
        BrainTwinError
            If some of them are not there.
        """
        missing = [label for label in labels if label not in self.labels]
        if missing:
            message = (
                f"connectome: {len(missing)} of {len(labels)} regions are absent ({', '.join(missing[:3])}, ...); "
                f"its labels are like {', '.join(self.labels[:2])}"
            )
            raise BrainTwinError(message)
        rows = [self.labels.index(label) for label in labels]
        return self.weights[np.ix_(rows, rows)]


def centroids() -> tuple[tuple[str, ...], Floats]:
    """Return names and positions (region, 3), m, of the 68 regions of Desikan et al. 2006 in MNI space."""
    path = Path(braintwin.__file__).parent / "data" / "dk68_centroids.tsv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    places = [[float(row[f"{axis}_mm"]) / 1000 for axis in "xyz"] for row in rows]
    return tuple(row["region"] for row in rows), np.array(places)


def structural(path: Path | str, person: str = "", *, negative: str = "refuse") -> Matrix:
    """Return a structural connectome, checked for shape, symmetry, labels and negative weights.

    Parameters
    ----------
    path : Path
        A matrix: TSV or CSV whose first row names the nodes (a first column of names may stand beside them), or NPZ
        with ``weights`` and ``names``. Or the folder of a BIDS derivative, with one such ``*_relmat.tsv`` per person.
        Regions of Desikan and Killiany may be named as FreeSurfer does (``ctx-lh-bankssts``), as ``lh-bankssts``, or
        as ``L_bankssts``.
    person : str
        Label of the person in that folder, with or without ``sub-``.
    negative : {"refuse", "clip"}
        What to do with negative weights, which some pipelines leave after taking logarithms.

    Raises
    ------
    BrainTwinError
        Naming the file, what was found and what to do.
    """
    file = matrix_file(path, person)
    labels, values = _read(file)
    labels = [_known(label) for label in labels]
    where = f"connectome {file.name}"
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        message = f"{where}: got a matrix of shape {values.shape}, expected (node, node)"
        raise BrainTwinError(message)
    if len(labels) != len(values):
        message = f"{where}: {len(labels)} labels for {len(values)} nodes; name each node once in the first row"
        raise BrainTwinError(message)
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice or not all(labels):
        message = f"{where}: labels must be there and differ; found {', '.join(twice) or 'an empty one'}"
        raise BrainTwinError(message)
    if negative == "clip":
        values, _ = clip_negative(values)
    try:
        return Matrix(tuple(labels), as_weights(values))
    except BrainTwinError as cause:
        message = f"{where}: {cause}"
        raise BrainTwinError(message) from None


_SIDE = re.compile(r"^(?:ctx[-_])?(lh|rh|left|right|l|r)[-_.]", re.IGNORECASE)
"""How a label of a cortical region begins with its side."""


def _known(label: str) -> str:
    """Return FreeSurfer's name of a region of Desikan and Killiany; any other label as it is."""
    name = _SIDE.sub(lambda found: f"ctx-{found[1][0].lower()}h-", label).lower()
    return name if name in _regions() else label


@cache
def _regions() -> frozenset[str]:
    return frozenset(centroids()[0])


def _read(file: Path) -> tuple[list[str], Floats]:
    """Return labels and values as they stand in the file."""
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as stored:
                return [str(name) for name in stored["names"]], np.asarray(stored["weights"], dtype=np.float64)
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream, delimiter="\t" if file.suffix == ".tsv" else ",") if row]
        header, body = [cell.strip() for cell in rows[0]], rows[1:]
        if body and len(body[0]) == len(body) + 1:
            named = [row[0].strip() for row in body]
            if named != header[-len(named) :]:
                message = f"connectome {file.name}: the names of its rows and columns differ"
                raise BrainTwinError(message)
            header, body = named, [row[1:] for row in body]
        lengths = {len(row) for row in body}
        if len(lengths) != 1:
            message = f"connectome {file.name}: rows of {sorted(lengths)} values, expected one length"
            raise BrainTwinError(message)
        return header, np.array([[float(cell) for cell in row] for row in body])
    except FileNotFoundError:
        message = f"connectome {file.name}: no such file; correct connect.structural"
        raise BrainTwinError(message) from None
    except (OSError, ValueError, KeyError, IndexError) as cause:
        message = f"connectome {file.name} cannot be read ({cause}); give names in the first row and numbers below"
        raise BrainTwinError(message) from None


def write_relmats(folder: Path | str, connect: xr.Dataset, measures: Sequence[str], entities: str) -> list[Path]:
    """Write each stage, band and measure as a relation matrix after the draft of BIDS on connectivity (BEP 17).

    Channels always, and regions where they were estimated (``atlas-DesikanKilliany``); the folder is a BIDS derivative.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    connect : Dataset
        As contracts.connect.CONNECTOME says.
    measures : sequence of str
        Measures to write.
    entities : str
        First part of the names, for example ``sub-01_ses-1_task-sleep``.
    """
    folder = Path(folder)
    made_by = {"Name": "BrainTwin", "Version": braintwin.__version__}
    described = {
        "Name": "Connectomes", "BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": [made_by]
    }  # fmt: skip
    write_text(folder / "dataset_description.json", json.dumps(described, indent=2) + "\n")
    written = [folder / "dataset_description.json"]
    for variable, node, level, more in (
        ("connectivity", "node", str(connect.attrs["level"]), ""),
        ("region_connectivity", "region", "region", "_atlas-DesikanKilliany"),
    ):
        if variable in connect:
            values = connect[variable].assign_attrs(level=level, estimand=str(connect.attrs["estimand"]))
            for measure in measures:
                written += _write_measure(folder, values.sel(measure=measure), node, f"{entities}{more}")
    return written


def _write_measure(folder: Path, connect: xr.DataArray, node: str, entities: str) -> list[Path]:
    """Write one measure (stage, band, node, node_to): a sidecar, and a matrix for each stage and band that has it."""
    measure, nodes = str(connect["measure"].values), connect[node].values.astype(str).tolist()
    name = "".join(part.capitalize() for part in measure.split("_"))
    sidecar = {
        "RelationshipMeasure": measure,
        "MeasureDescription": f"{measure} of every pair of {connect.attrs['level']}s, across epochs of a stage",
        "Weighted": True,
        "Directed": measure in REGISTRY and REGISTRY[measure].antisymmetric,
        "ValidDiagonal": False,
        "StorageFormat": "Full",
        "NonNegative": measure in ("coherence", "plv", "pli", "wpli", "ciplv"),
        "NodeLabels": nodes,
        "Estimand": connect.attrs["estimand"],
    }
    written = [folder / f"{entities}_meas-{name}_relmat.json"]
    write_text(written[0], json.dumps(sidecar, indent=2) + "\n")
    for stage in connect["stage"].values.astype(str):
        for band in connect["band"].values.astype(str):
            values = connect.sel(stage=stage, band=band).values
            if not np.isfinite(values).any():
                continue
            rows = ["\t".join(nodes)]
            rows += ["\t".join(f"{cell:.7g}" if np.isfinite(cell) else "n/a" for cell in row) for row in values]
            path = folder / f"{entities}_desc-{stage}{band.capitalize()}_meas-{name}_relmat.dense.tsv"
            write_text(path, "\n".join(rows) + "\n")
            written.append(path)
    return written
