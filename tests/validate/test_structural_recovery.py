"""The spectral twin of a person whose channels see a known structural connectome, from the matrix's file on."""

import numpy as np
import pytest

from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import PersonRow
from braintwin.inference import spectral, spectral_coordinates
from braintwin.inference.person_graph import structural_graph
from braintwin.io.arrays import write_dataset
from braintwin.io.channels import positions
from braintwin.io.connectomes import centroids
from braintwin.io.posterior import read_groups
from braintwin.io.records import read_status, write_status
from braintwin.options.connect import ConnectOptions
from braintwin.options.fit_spectral import FitSpectralOptions
from braintwin.steps import fit_spectral
from braintwin.steps.connect_regions import add_structural

pytestmark = pytest.mark.validate

FREQ = np.arange(1.0, 40.1, 0.5)
CHANNELS = ["F3", "F4", "C3", "C4", "O1", "O2"]
OWN = {name: [number] for number, name in enumerate(CHANNELS)}
VARIANCE, RESIDUAL = 0.002, 0.05


def connectome(folder):
    """Write a structural connectome and return the night's connectome that has it, and nothing estimated."""
    regions, places = centroids()
    rng = np.random.default_rng(5)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    half = np.triu(np.exp(-apart / 0.03) * rng.lognormal(0, 1, apart.shape), 1)
    lines = ["\t".join(regions)] + ["\t".join(f"{cell:.9g}" for cell in row) for row in half + half.T]
    (folder / "sub-01_relmat.dense.tsv").write_text("\n".join(lines) + "\n")
    attrs = dict.fromkeys(PREPARED.attrs, "none") | {"person": "sim-01", "dataset": "sim"}
    prepared = PREPARED.empty({"channel": 6}, attrs).assign_coords(channel=CHANNELS, axis=list("xyz"))
    prepared["position"] = (("channel", "axis"), positions(CHANNELS), {"units": "m"})
    night = CONNECTOME.empty({"node": 6, "node_to": 6}, {"night": "sim-01-1", "person": "sim-01"})
    night = night.assign_coords(node=CHANNELS, node_to=CHANNELS)
    return add_structural(night, prepared, ConnectOptions(structural=str(folder)))


def test_the_coupling_on_a_structural_graph_is_recovered(tmp_path):
    night = connectome(tmp_path)
    graph = structural_graph([night], CHANNELS, OWN, CHANNELS)
    rng = np.random.default_rng(3)
    truth = spectral_coordinates.prior_draws(rng, 1)
    truth["kappa"] = np.array([7.0])  # its prior: 2.6, factor 2
    shape = spectral.model_spectrum(FREQ, truth, graph)[0][0] + rng.normal(3, 1, (len(STAGES), 6, 1))
    features = FEATURES.empty(
        {"stage": len(STAGES), "channel": 6, "freq": FREQ.size}, {"night": "sim-01-1", "person": "sim-01"}
    ).assign_coords(stage=list(STAGES), channel=CHANNELS, freq=FREQ)
    features["log_psd"][:] = shape + np.sqrt(VARIANCE + RESIDUAL**2) * rng.standard_normal(shape.shape)
    features["log_psd_var"][:] = VARIANCE
    features["n_epochs"] = (("stage", "channel"), np.full((len(STAGES), 6), 60))
    folder = tmp_path / "nights" / "sim-01-1"
    for name, dataset, contract in (("features", features, FEATURES), ("connect", night, CONNECTOME)):
        write_dataset(folder / f"{name}.nc", dataset, contract)
        write_status(folder / f"{name}.nc", name, "ok")
    target = tmp_path / "people" / "sim-01" / "spectral.nc"
    fit_spectral.run(
        people=[PersonRow(person="sim-01", batch="b1", dataset="sim")], features=[folder / "features.nc"],
        connect=[folder / "connect.nc"], spectral=[target], seed=1, threads=2,
        options=FitSpectralOptions(chains=2, tune=150, draws=200, starts=4, predictive_samples=20),
    )  # fmt: skip
    assert read_status(target).reason == ""
    posterior = read_groups(target)["posterior"]
    assert posterior.attrs["graph"] == "structural"
    assert posterior.attrs["graph_note"] == "given: sub-01_relmat.dense.tsv"
    assert posterior.attrs["kappa_source"] == "data"
    low, high = np.quantile(posterior["kappa"].values, [0.005, 0.995])
    assert low < 7.0 < high
    assert np.log(high / low) < 2 * 2.576 * 0.7 / 2  # half as wide as the prior's interval, or less
