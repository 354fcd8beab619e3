"""What connect gives beside its estimates: equal epochs, the mixing control, reliability, graphs, regions, workers."""

import numpy as np
import pytest

from braintwin.contracts.connect import MEASURES
from braintwin.errors import BrainTwinError, ConfigError
from braintwin.io.channels import electrodes, positions
from braintwin.io.connectomes import centroids
from braintwin.io.workers import workers
from braintwin.options.connect import ConnectOptions, Measure
from braintwin.options.dask import DaskOptions
from braintwin.signals import pair_tiles
from braintwin.signals.reliability import InstantMixing, correlation_root, equal_epochs, share_above, split_half
from braintwin.signals.sources import eloreta_kernel, lead_field
from braintwin.steps.connect_regions import usable_electrodes
from connect_nights import FEW, connected, write_night

TEN_TWENTY = [
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz"),
    *("P4", "P8", "O1", "O2", "Oz"),
]


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory):
    """Sixty epochs of N2 and ten of N3 with the same coupling: one pair lagged, all mixed at lag zero."""
    folder = tmp_path_factory.mktemp("nights") / "demo-01-1"
    folder.mkdir()
    rng = np.random.default_rng(0)
    own = rng.standard_normal((70, 5, 1010))
    own[:, 1, 10:] = 0.8 * own[:, 0, 7:-3] + 0.6 * own[:, 1, 10:]
    signals = 20 * np.einsum("ij,ejt->eit", np.eye(5) + 0.3, own[..., 10:])
    write_night(folder, signals, [2] * 60 + [3] * 10, ["F3", "F4", "C3", "C4", "O1"])
    return folder


@pytest.fixture(scope="module")
def found(two_stages):
    return connected(two_stages, FEW)


def test_options_name_the_measures_of_the_contract():
    assert Measure.__args__ == MEASURES
    with pytest.raises(ValueError, match="given once"):
        ConnectOptions(measures=["plv", "plv"])


def test_equal_epochs_make_stages_comparable(found):
    assert found.attrs["epochs_equal"] == 10
    wpli = found.sel(measure="wpli", band="alpha")
    pairs = np.triu_indices(5, 1)  # the last three are without the lagged channels
    uneven = wpli["connectivity"].sel(stage=["N2", "N3"]).values[:, *pairs][:, -3:]
    even = wpli["connectivity_equal"].sel(stage=["N2", "N3"]).values[:, *pairs][:, -3:]
    assert uneven[1].mean() > 1.5 * uneven[0].mean()  # the shorter stage alone looks more coupled
    assert 0.6 < even[1].mean() / even[0].mean() < 1.6
    np.testing.assert_array_equal(found["connectivity_equal"].sel(stage="N3"), found["connectivity"].sel(stage="N3"))


def test_equal_epochs_are_spread_over_the_stage():
    assert equal_epochs(100, 4).tolist() == [12, 37, 62, 87]
    assert equal_epochs(5, 9).tolist() == [0, 1, 2, 3, 4]


def test_the_mixing_control_knows_lagged_coupling_from_mixing(found):
    n2 = found.sel(stage="N2", band="alpha")
    null = n2["mixing_null"]
    assert null.sel(measure="coherence") > 0.3  # mixing makes coherence ...
    assert null.sel(measure="wpli") < 0.45  # ... and little else
    lagged = n2["connectivity_equal"].sel(measure="wpli", node="F3", node_to="F4")
    assert lagged > null.sel(measure="wpli") + 0.2
    assert n2["above_mixing"].sel(measure="wpli") >= 0.1
    assert n2["above_mixing"].sel(measure="coherence") <= 0.3


def test_surrogates_keep_spectra_and_the_mixing_and_lose_the_rest():
    rng = np.random.default_rng(1)
    data = rng.standard_normal((20, 3, 1000)).cumsum(axis=-1)
    data[:, 1] = np.roll(data[:, 0], 100, axis=-1)
    data[:, 2] += data[:, 0]
    data = data.astype(np.float32)
    valid = np.ones((20, 3), bool)
    valid[4, 1] = False
    root = correlation_root(data, valid)
    centred = data - data.mean(axis=-1, keepdims=True)
    used = centred[valid.all(axis=1)]
    both = np.einsum("ect,edt->cd", used, used)
    np.testing.assert_allclose((root @ root)[0, 2], both[0, 2] / np.sqrt(both[0, 0] * both[2, 2]), atol=0.05)
    change = InstantMixing(np.eye(3), np.arange(20))
    out, usable = change(data, valid, np.arange(20))
    assert (out[4, 1] == 0).all()
    np.testing.assert_array_equal(usable, valid)
    spectrum, real = np.abs(np.fft.rfft(out[0], axis=-1))[:, 1:-1], np.abs(np.fft.rfft(centred[0], axis=-1))[:, 1:-1]
    shape = spectrum / real
    np.testing.assert_allclose(shape, np.broadcast_to(np.median(shape, axis=-1, keepdims=True), shape.shape), rtol=1e-2)
    again, _ = change(data[7:9], valid[7:9], np.array([7, 8]))
    np.testing.assert_array_equal(again, out[7:9])


def test_reliability_is_that_of_spearman_and_brown():
    rng = np.random.default_rng(2)
    truth = rng.standard_normal(20_000)
    halves = truth + rng.standard_normal((2, 20_000))
    whole = truth + rng.standard_normal(20_000) / np.sqrt(2)
    other = truth + rng.standard_normal(20_000) / np.sqrt(2)
    assert split_half(*halves) == pytest.approx(np.corrcoef(whole, other)[0, 1], abs=0.02)
    assert np.isnan(split_half(np.arange(5.0), np.arange(5.0)))
    assert split_half(np.arange(9.0), -np.arange(9.0)) == 0


def test_stable_coupling_is_reliable(found):
    assert found["reliability"].sel(stage="N2", band="alpha", measure="coherence") > 0.8
    assert np.isnan(found["reliability"].sel(stage="R")).all()


def test_shares_count_pairs_only():
    value = np.full((4, 4), 5.0)
    value[0, 1] = value[1, 0] = 0.0
    value[2, 3] = value[3, 2] = np.nan
    assert share_above(value, np.array(1.0)) == pytest.approx(4 / 5)


def test_graph_measures_are_stored(found):
    n2 = found.sel(stage="N2", band="alpha")
    weights = np.clip(n2["connectivity"].sel(measure="aec_orth").values, 0, None)
    np.testing.assert_allclose(n2["strength"], weights.sum(axis=1), rtol=1e-5)
    assert 0 <= n2["laplacian_eigenvalue"][0] < 1e-9
    assert (n2["community"] >= 0).all()
    assert (found["community"].sel(stage="W") == -1).all()
    assert found.attrs["graph_measure"] == "aec_orth"


def test_few_electrodes_stay_in_sensor_space(found):
    assert "region" not in found.dims
    assert found.attrs["regions"] == "none: 5 clean electrodes with positions, at least 19 needed"
    assert found.attrs["meaning"] == "sensor-space functional connectivity"


def test_relation_matrices_stand_beside_the_netcdf_where_asked_for(two_stages):
    connected(two_stages, FEW.model_copy(update={"relmat": ["wpli"], "control": False}))
    names = sorted(path.name for path in (two_stages / "relmat").iterdir())
    assert names == [
        "dataset_description.json",
        "sub-demo011_task-sleep_desc-N2Alpha_meas-Wpli_relmat.dense.tsv",
        "sub-demo011_task-sleep_desc-N3Alpha_meas-Wpli_relmat.dense.tsv",
        "sub-demo011_task-sleep_meas-Wpli_relmat.json",
    ]


@pytest.mark.parametrize("number", [1, 2, 8])
def test_workers_at_an_address_give_the_same_bits(two_stages, found, number, monkeypatch):
    from dask.distributed import LocalCluster

    monkeypatch.setattr(pair_tiles, "LARGEST_TILE", 2)  # of ten pairs: work for several
    with LocalCluster(
        n_workers=number, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        options = FEW.model_copy(update={"dask": DaskOptions(scheduler=cluster.scheduler_address)})
        other = connected(two_stages, options)
    for name in ("connectivity", "standard_error", "mixing_null"):
        assert other[name].values.tobytes() == found[name].values.tobytes()


def test_a_scheduler_that_is_not_there_is_named():
    with (
        pytest.raises(BrainTwinError, match="no scheduler answers"),
        workers(DaskOptions(scheduler="tcp://127.0.0.1:9", wait_s=1)),
    ):
        pass
    with pytest.raises((ConfigError, ValueError), match="neither threads nor slurm"):
        DaskOptions(scheduler="fast")


def test_the_inverse_finds_a_source_where_it_is():
    names, places = centroids()
    head = np.array([place for _, place in electrodes().values()])
    leads, kernel = (f(positions(TEN_TWENTY), places, head) for f in (lead_field, eloreta_kernel))
    spread = np.linalg.norm(np.einsum("rac,csb->rsab", kernel, leads), axis=(2, 3))
    np.testing.assert_array_equal(spread.argmax(axis=0), np.arange(len(names)))
    np.testing.assert_allclose(
        kernel.sum(axis=-1), 0, atol=1e-6 * np.abs(kernel).max()
    )  # the reference does not matter
    np.testing.assert_allclose(leads.mean(axis=0), 0, atol=1e-9 * np.abs(leads).max() + 1e-12)


def test_nineteen_electrodes_give_regions_and_take_a_structural_connectome(tmp_path):
    folder = tmp_path / "demo-01-1"
    folder.mkdir()
    names, places = centroids()
    head = np.array([place for _, place in electrodes().values()])
    leads = lead_field(positions(TEN_TWENTY), places, head)
    rng = np.random.default_rng(3)
    front, back = names.index("ctx-lh-rostralmiddlefrontal"), names.index("ctx-rh-lateraloccipital")
    source = rng.standard_normal((24, 1005))
    out = leads[:, front, 2] / np.abs(leads[:, front]).max(), leads[:, back, 2] / np.abs(leads[:, back]).max()
    signals = np.einsum("c,et->ect", out[0], source[:, 5:]) + np.einsum("c,et->ect", out[1], source[:, 2:-3])
    signals = 20 * (signals + 0.1 * rng.standard_normal(signals.shape))
    write_night(folder, signals, [2] * 24, TEN_TWENTY)
    weights = np.ones((68, 68)) - np.eye(68)
    lines = ["\t".join(names)] + ["\t".join(f"{cell:g}" for cell in row) for row in weights]
    (tmp_path / "sc.tsv").write_text("\n".join(lines) + "\n")
    options = FEW.model_copy(
        update={"structural": str(tmp_path / "sc.tsv"), "control": False, "measures": ["imaginary_coherence", "wpli"]}
    )
    found = connected(folder, options)
    assert found.sizes["region"] == 68
    assert found.attrs["region_electrodes"] == 20
    np.testing.assert_array_equal(found["structural"], weights)
    imaginary = abs(found["region_connectivity"].sel(stage="N2", band="alpha", measure="imaginary_coherence"))
    assert imaginary.sel(region=names[front], region_to=names[back]) > 0.7 * imaginary.max()


def test_electrodes_that_an_inverse_cannot_use_are_left_out(tmp_path):
    folder = tmp_path / "demo-01-1"
    folder.mkdir()
    rng = np.random.default_rng(4)
    prepared = write_night(folder, rng.standard_normal((4, 20, 300)), [2] * 4, TEN_TWENTY)
    assert usable_electrodes(prepared, np.arange(4))[1] == ""
    prepared["artefact"][:3, :2] = 1
    assert "18 clean electrodes" in usable_electrodes(prepared, np.arange(4))[1]
    names = [f"{name}-{'A1' if index % 2 else 'A2'}" for index, name in enumerate(TEN_TWENTY)]
    wired = prepared.assign_coords(channel=names).drop_vars("artefact").assign(
        artefact=(("epoch", "channel"), np.zeros((4, 20), int))
    )  # fmt: skip
    assert usable_electrodes(wired, np.arange(4))[1] == "derivations against different references"
