"""A structural connectome on its way from a file through connect to the graph of the spectral twin."""

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.features import FEATURES
from braintwin.contracts.stages import STAGES
from braintwin.errors import BrainTwinError
from braintwin.inference.person_graph import structural_graph
from braintwin.io.channels import positions
from braintwin.io.connectomes import centroids, structural
from braintwin.io.matrices import matrix_file, matrix_files
from braintwin.models.corticothalamic import network_power
from braintwin.options.connect import ConnectOptions
from braintwin.options.fit_spectral import FitSpectralOptions
from braintwin.signals.graphs import laplacian_modes
from braintwin.signals.region_modes import region_view, seen_modes
from braintwin.steps import fit_spectral
from braintwin.steps.connect_regions import add_structural

CHANNELS = ["F3", "F4", "C3", "C4", "O1", "O2"]
OWN = {name: [number] for number, name in enumerate(CHANNELS)}
REGIONS, PLACES = centroids()
LOOP = {"X": 0.7, "Y": -0.4, "Z": 0.3, "t0": 0.08, "alpha": 60.0, "beta": 240.0}
FREQ = np.arange(1.0, 40.0, 0.5)


def wiring(seed=0):
    """Return a graph of the 68 regions, by distance and chance."""
    rng = np.random.default_rng(seed)
    apart = np.linalg.norm(PLACES[:, None] - PLACES[None], axis=-1)
    half = np.triu(np.exp(-apart / 0.03) * rng.lognormal(0, 1, apart.shape), 1)
    return half + half.T


def write_matrix(path, weights, names=REGIONS):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(names)] + ["\t".join(f"{cell:.17g}" for cell in row) for row in weights]
    path.write_text("\n".join(lines) + "\n")
    return path


def prepared(person="demo-01"):
    return xr.Dataset(
        {"position": (("channel", "axis"), positions(CHANNELS))},
        {"channel": CHANNELS},
        {"person": person, "dataset": "demo"},
    )


def connectome(path, person="demo-01", **options):
    night = xr.Dataset(coords={"node": CHANNELS})
    return add_structural(night, prepared(person), ConnectOptions(structural=str(path), **options))


def test_merged_modes_give_the_spectra_of_all_modes():
    weights, view = wiring(), region_view(positions(CHANNELS), PLACES)
    np.testing.assert_allclose(view.sum(axis=1), 1)
    every, merged = (seen_modes(weights, view, most) for most in (68, 8))
    assert merged[0].shape == (6, 8)
    np.testing.assert_allclose(merged[0].sum(axis=1), 1)
    eigenvalues, vectors = laplacian_modes(weights)
    np.testing.assert_allclose(every[1], eigenvalues, atol=1e-12)
    direct = (view @ vectors) ** 2
    np.testing.assert_allclose(every[0], direct / direct.sum(axis=1, keepdims=True), atol=1e-12)
    for kappa in (0.5, 2.6, 10.0):
        logs = [np.log(network_power(FREQ, *modes, kappa, **LOOP)) for modes in (every, merged)]
        shapes = [one - one.mean(axis=1, keepdims=True) for one in logs]
        assert np.abs(shapes[0] - shapes[1]).max() < 0.06


def test_modes_of_regions_are_those_of_the_field_seen_from_outside():
    """White input to each region, solved without modes: the field through matrix inverses, then the view."""
    weights, view = wiring(), region_view(positions(CHANNELS), PLACES)
    eigenvalues, vectors = laplacian_modes(weights)
    gain = network_power(FREQ, np.eye(68), eigenvalues, 2.6, **LOOP)  # |H_k(ω)|², (mode, freq)
    spectra = np.stack([np.diag(view @ (vectors * g) @ vectors.T @ view.T) for g in gain.T], axis=1)
    modes, values = seen_modes(weights, view, 68)
    found = network_power(FREQ, modes, values, 2.6, **LOOP)
    np.testing.assert_allclose(found / found.sum(axis=1, keepdims=True), spectra / spectra.sum(axis=1, keepdims=True))


def test_electrodes_see_the_regions_beneath_them():
    seen = region_view(positions(["C3", "O2", "chin"]), PLACES)
    assert REGIONS[seen[0].argmax()] in ("ctx-lh-precentral", "ctx-lh-postcentral", "ctx-lh-caudalmiddlefrontal")
    assert REGIONS[seen[1].argmax()] == "ctx-rh-lateraloccipital"
    assert np.isnan(seen[2]).all()
    with pytest.raises(BrainTwinError, match="position"):
        seen_modes(wiring(), seen, 8)


def test_a_derivative_gives_each_person_their_own_graph(tmp_path):
    for label in ("01", "02"):
        write_matrix(tmp_path / f"sub-{label}" / "dwi" / f"sub-{label}_meas-count_relmat.dense.tsv", wiring(int(label)))
    first, second = connectome(tmp_path, "demo-01"), connectome(tmp_path, "demo-02")
    assert first.attrs["structural"] == "given: sub-01_meas-count_relmat.dense.tsv"
    np.testing.assert_array_equal(second["structural"], wiring(2))
    graphs = [structural_graph([night], CHANNELS, OWN, CHANNELS) for night in (first, second)]
    assert graphs[0].source == "structural"
    assert graphs[0].modes.shape == (6, 8)
    assert not np.allclose(graphs[0].modes, graphs[1].modes)
    assert matrix_files(tmp_path, "demo-02", "demo") == [matrix_file(tmp_path, "02")]
    assert matrix_files(tmp_path, "demo-03", "demo") == matrix_files("", "demo-01", "demo") == []


def test_people_of_two_datasets_may_share_a_label(tmp_path):
    for number, dataset in enumerate(("demo", "other")):
        write_matrix(tmp_path / dataset / "sub-01_relmat.dense.tsv", wiring(number))
    assert matrix_file(tmp_path, "demo-01", "demo").parent.name == "demo"
    assert matrix_file(tmp_path, "other-01", "other").parent.name == "other"


def test_a_person_without_a_usable_matrix_costs_nobody_else(tmp_path):
    bad = wiring()
    bad[3, 4] = bad[4, 3] = -1
    write_matrix(tmp_path / "sub-01_relmat.dense.tsv", bad)
    assert connectome(tmp_path, "demo-02").attrs["structural"].startswith("none: connectome: ")
    refused = connectome(tmp_path)
    assert "negative" in refused.attrs["structural"]
    assert structural_graph([refused], CHANNELS, OWN, CHANNELS) is None
    assert float(connectome(tmp_path, structural_negative="clip")["structural"][3, 4]) == 0
    with pytest.raises(BrainTwinError, match="negative"):
        connectome(tmp_path / "sub-01_relmat.dense.tsv")
    with pytest.raises(BrainTwinError, match="no such file"):
        connectome(tmp_path / "absent.tsv")


@pytest.mark.parametrize("form", ["lh-{}", "L_{}", "lh.{}", "ctx-lh-{}"])
def test_regions_go_by_the_names_of_other_programs(tmp_path, form):
    names = [form.format("bankssts"), form.format("bankssts").replace("l", "r", 1).replace("L", "R")]
    names = [names[0], names[0].replace("lh", "rh").replace("L_", "R_"), "Left-Thalamus"]
    found = structural(write_matrix(tmp_path / "sc.tsv", np.ones((3, 3)), names))
    assert found.labels == ("ctx-lh-bankssts", "ctx-rh-bankssts", "Left-Thalamus")


def test_channels_that_are_averaged_see_what_their_members_see(tmp_path):
    night = connectome(write_matrix(tmp_path / "sc.tsv", wiring()))
    single = structural_graph([night], CHANNELS, OWN, CHANNELS)
    pairs = {"front": [0, 1], "middle": [2, 3], "back": [4, 5]}
    grouped = structural_graph([night], CHANNELS, pairs, list(pairs))
    np.testing.assert_allclose(grouped.modes, single.modes.reshape(3, 2, 8).mean(axis=1))
    night["region_view"][4:] = np.nan
    assert structural_graph([night], CHANNELS, pairs, ["front", "middle"]) is not None
    assert structural_graph([night], CHANNELS, pairs, list(pairs)) is None


def test_the_spectral_twin_takes_the_graph_that_was_given(tmp_path):
    sizes = {"stage": len(STAGES), "channel": len(CHANNELS), "freq": FREQ.size}
    features = FEATURES.empty(sizes, {"person": "demo-01"}).assign_coords(
        stage=list(STAGES), channel=CHANNELS, freq=FREQ
    )
    features["log_psd"][:] = -1.5 * np.log(FREQ)
    features["log_psd_var"][:] = 0.01
    features["n_epochs"] = (("stage", "channel"), np.full((len(STAGES), len(CHANNELS)), 20))
    dims = ("stage", "band", "measure", "node", "node_to")
    coupling = np.full((1, 1, 1, 6, 6), 0.1)
    functional = xr.Dataset(
        {"connectivity": (dims, coupling), "standard_error": (dims, coupling / 10)},
        {"stage": ["N2"], "band": ["alpha"], "measure": ["aec_orth"], "node": CHANNELS, "node_to": CHANNELS},
    )
    given = add_structural(
        functional,
        prepared(),
        ConnectOptions(structural=str(write_matrix(tmp_path / "sc.tsv", wiring()))),
    )

    def graph(night, source):
        options = FitSpectralOptions(graph={"source": source})
        return fit_spectral.prepare([features], [night], options)[1]

    assert graph(given, "auto").source == graph(given, "structural").source == "structural"
    assert graph(given, "functional").source == graph(functional, "auto").source == "functional"
    assert graph(given, "structural").note == "given: sc.tsv"
    refused = graph(functional, "structural")
    assert (refused.source, refused.note) == ("none", "no structural connectome was given for these channels")
    np.testing.assert_array_equal(
        graph(given, "auto").redraw(np.random.default_rng(0)).modes, graph(given, "auto").modes
    )


@pytest.mark.real
def test_each_of_39_people_has_a_graph_of_their_own(real_data, tmp_path):
    with np.load(real_data / "connectomes" / "spectrome" / "spectrome_82_named.npz") as stored:
        names, weights = [str(name) for name in stored["names"]], stored["weights"].astype(float)
    for person in range(39):
        one = weights[:, :, person]
        write_matrix(tmp_path / f"sub-{person:02d}" / "dwi" / f"sub-{person:02d}_relmat.dense.tsv", one + one.T, names)
    graphs = [
        structural_graph([connectome(tmp_path, f"demo-{person:02d}")], CHANNELS, OWN, CHANNELS) for person in range(39)
    ]
    assert all(graph.source == "structural" for graph in graphs)
    spectra = [np.log(network_power(FREQ, graph.modes, graph.eigenvalues, 2.6, **LOOP)) for graph in graphs]
    shapes = np.stack([one - one.mean(axis=1, keepdims=True) for one in spectra])
    assert 0.001 < shapes.std(axis=0).max() < 0.5  # they differ, and are all brains
