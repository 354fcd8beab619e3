"""Structural connectomes as input, relation matrices as output, and what a group of graphs shares."""

import json
from pathlib import Path

import numpy as np
import pytest

from braintwin.contracts.connect import CONNECTOME
from braintwin.errors import BrainTwinError
from braintwin.io.connectomes import centroids, structural, write_relmats
from braintwin.review.entries import _carrier
from braintwin.signals.consensus import group_consensus
from braintwin.signals.graphs import complete_nodes, graph_measures, laplacian_modes

NAMES = ["a", "b", "c"]
GOOD = [[0, 2, 1], [2, 0, 0.5], [1, 0.5, 0]]


def write(path, values, names=NAMES, rows=False, tab="\t"):
    head = ([""] if rows else []) + list(names)
    lines = [tab.join(head)]
    for name, row in zip(names, values, strict=False):
        lines.append(tab.join(([name] if rows else []) + [str(cell) for cell in row]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_a_table_with_names_is_read(tmp_path, suffix, rows):
    path = write(tmp_path / f"sc.{suffix}", GOOD, rows=rows, tab="\t" if suffix == "tsv" else ",")
    found = structural(path)
    assert found.labels == ("a", "b", "c")
    np.testing.assert_array_equal(found.weights, GOOD)
    np.testing.assert_array_equal(found.reordered(["c", "a"]), [[0, 1], [1, 0]])
    with pytest.raises(BrainTwinError, match=r"1 of 2 regions are absent \(d"):
        found.reordered(["a", "d"])


def test_a_derivative_holds_one_matrix_per_person(tmp_path):
    for person in ("01", "02"):
        folder = tmp_path / f"sub-{person}" / "dwi"
        folder.mkdir(parents=True)
        write(folder / f"sub-{person}_meas-count_relmat.dense.tsv", np.array(GOOD) * int(person))
    assert structural(tmp_path, "02").weights[0, 1] == 4
    assert structural(tmp_path, "sub-01").weights[0, 1] == 2
    with pytest.raises(BrainTwinError, match="0 relation matrices of sub-03"):
        structural(tmp_path, "03")


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        ([[0, 1], [1, 0], [2, 2]], ["a", "b", "c"], r"shape \(3, 2\)"),
        ([[0, 1, 2], [1, 0, 1], [3, 1, 0]], NAMES, "not symmetric"),
        ([[0, 1, -2], [1, 0, 1], [-2, 1, 0]], NAMES, "2 weights are negative"),
        ([[0, 1, "nan"], [1, 0, 1], ["nan", 1, 0]], NAMES, "2 weights are missing"),
        (GOOD, ["a", "b", "b"], "found b"),
        (GOOD, ["a", "b", ""], "an empty one"),
        ([[0, 1, "x"], [1, 0, 1], ["x", 1, 0]], NAMES, "cannot be read"),
        ([[0, 1, 2], [1, 0], [2, 1, 0]], NAMES, "one length"),
    ],
)
def test_what_is_wrong_with_a_matrix_is_said(tmp_path, values, names, message):
    with pytest.raises(BrainTwinError, match=message):
        structural(write(tmp_path / "sc.tsv", values, names))


def test_negative_weights_can_be_clipped_where_that_is_asked_for(tmp_path):
    path = write(tmp_path / "sc.tsv", [[0, 1, -2], [1, 0, 1], [-2, 1, 0]])
    np.testing.assert_array_equal(structural(path, negative="clip").weights, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(BrainTwinError, match=r"sc\.tsv: no such file"):
        structural(tmp_path / "sc.tsv")


def test_centroids_lie_on_their_side_and_mirror_each_other():
    names, places = centroids()
    assert len(set(names)) == len(names) == 68
    for name, place in zip(names, places, strict=True):
        assert (place[0] < 0) == ("-lh-" in name)
        if "-rh-" in name:
            continue
        other = places[names.index(name.replace("-lh-", "-rh-"))]
        np.testing.assert_allclose(place * [-1, 1, 1], other, atol=0.02)


def test_relation_matrices_say_what_they_are(tmp_path):
    measures = ["imaginary_coherence", "aec_orth"]
    values = np.full((2, 1, 2, 3, 3), np.nan)
    values[0, 0, 0] = [[0, 0.25, -0.5], [-0.25, 0, np.nan], [0.5, np.nan, 0]]
    dataset = CONNECTOME.empty({}, {"level": "sensor", "estimand": "across_epochs_within_stage"}).drop_dims(
        ["stage", "band", "measure", "node", "node_to"]
    )
    dataset = dataset.assign(connectivity=(("stage", "band", "measure", "node", "node_to"), values)).assign_coords(
        stage=["N2", "N3"], band=["alpha"], measure=measures, node=NAMES, node_to=NAMES
    )
    files = write_relmats(tmp_path, dataset, ["imaginary_coherence"], "sub-01_task-sleep")
    assert json.loads(files.pop(0).read_text())["DatasetType"] == "derivative"
    assert [path.name for path in files] == [
        "sub-01_task-sleep_meas-ImaginaryCoherence_relmat.json",
        "sub-01_task-sleep_desc-N2Alpha_meas-ImaginaryCoherence_relmat.dense.tsv",
    ]
    sidecar = json.loads(files[0].read_text())
    assert sidecar["Directed"] is True
    assert sidecar["NodeLabels"] == NAMES
    assert files[1].read_text().splitlines() == ["a\tb\tc", "0\t0.25\t-0.5", "-0.25\t0\tn/a", "0.5\tn/a\t0"]


def test_relation_matrices_of_regions_name_their_atlas_and_are_read_again(tmp_path):
    dims = ("stage", "band", "measure", "region", "region_to")
    names = ["ctx-lh-bankssts", "ctx-rh-bankssts", "ctx-lh-cuneus"]
    dataset = CONNECTOME.empty({}, {"level": "sensor", "estimand": "across_epochs_within_stage"}).drop_dims(
        ["stage", "band", "measure", "node", "node_to"]
    )
    dataset = dataset.assign(region_connectivity=(dims, np.array(GOOD)[None, None, None])).assign_coords(
        stage=["N2"], band=["alpha"], measure=["wpli"], region=names, region_to=names
    )
    _, sidecar, matrix = write_relmats(tmp_path, dataset, ["wpli"], "sub-01_task-sleep")
    assert matrix.name == "sub-01_task-sleep_atlas-DesikanKilliany_desc-N2Alpha_meas-Wpli_relmat.dense.tsv"
    assert json.loads(sidecar.read_text())["MeasureDescription"].startswith("wpli of every pair of regions")
    np.testing.assert_allclose(structural(tmp_path, "01").reordered(names), GOOD)


def test_relation_matrices_go_by_the_stamp_of_their_connectome():
    matrix = Path("nights/demo-01-1/relmat/sub-demo011_task-sleep_meas-Wpli_relmat.json")
    assert _carrier(Path("results"), matrix) == Path("nights/demo-01-1/connect.nc")


def test_consensus_keeps_what_most_have_and_finds_the_odd_one_out():
    rng = np.random.default_rng(0)
    shared = np.triu(rng.random((20, 20)) * (rng.random((20, 20)) < 0.4), 1)
    people = [np.triu(shared * rng.uniform(0.8, 1.2, shared.shape), 1) for _ in range(5)]
    people.append(np.triu(rng.permutation(shared.ravel()).reshape(20, 20), 1))
    found = group_consensus([one + one.T for one in people])
    np.testing.assert_array_equal(found.weights > 0, shared + shared.T > 0)
    assert found.likeness[:5].min() > 0.9
    assert found.likeness[5] < 0.3
    with pytest.raises(BrainTwinError, match="at least two people"):
        group_consensus([GOOD])


def test_clustering_is_networkx_own():
    import networkx as nx

    rng = np.random.default_rng(1)
    half = np.triu(rng.random((12, 12)) * (rng.random((12, 12)) < 0.5), 1)
    weights = half + half.T
    theirs = nx.clustering(nx.from_numpy_array(weights), weight="weight")
    ours = graph_measures(weights, rng).clustering
    np.testing.assert_allclose(ours, [theirs[node] for node in range(12)], atol=1e-12)


def test_nodes_with_missing_weights_are_left_out():
    weights = np.ones((4, 4))
    weights[2, 1] = weights[1, 2] = weights[2, 3] = weights[3, 2] = np.nan
    assert complete_nodes(weights).tolist() == [0, 1, 3]


@pytest.mark.real
def test_the_connectomes_of_39_people_are_read_and_have_a_consensus(real_data, tmp_path):
    folder = real_data / "connectomes" / "spectrome"
    with np.load(folder / "spectrome_82_named.npz") as stored:
        names, weights = [str(name) for name in stored["names"]], stored["weights"].astype(float)
    for person in range(39):
        one = weights[:, :, person]
        write(tmp_path / f"sub-{person:02d}_relmat.dense.tsv", (one + one.T) / 2, names)
    regions, _ = centroids()
    people = [structural(tmp_path, f"{person:02d}").reordered(regions) for person in range(39)]
    found = group_consensus(people)
    assert (found.likeness > 0.5).all()
    eigenvalues, _ = laplacian_modes(found.weights)
    assert eigenvalues[0] < 1e-9 < 1e-3 < eigenvalues[1]  # one piece


@pytest.mark.real
def test_a_published_matrix_with_negative_entries_is_refused_with_the_remedy(real_data, tmp_path):
    folder = real_data / "connectomes" / "enigma"
    labels = (folder / "strucLabels_ctx.csv").read_text().strip().split(",")
    values = np.loadtxt(folder / "strucMatrix_ctx.csv", delimiter=",")
    assert len(structural(write(tmp_path / "dk.tsv", values, labels)).labels) == 68
    schaefer = np.loadtxt(folder / "strucMatrix_ctx_schaefer_100.csv", delimiter=",")
    names = (folder / "strucLabels_ctx_schaefer_100.csv").read_text().strip().split(",")
    with pytest.raises(BrainTwinError, match="negative; clip them"):
        structural(write(tmp_path / "schaefer.tsv", schaefer, names))
