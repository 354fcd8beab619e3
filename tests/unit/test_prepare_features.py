"""Prepare and features on small recordings with known content."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from edfio import Edf, EdfSignal

from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import ARTEFACTS, EPOCHS, PREPARED
from braintwin.contracts.tables import NightRow
from braintwin.io.arrays import open_epochs, read_dataset
from braintwin.io.records import read_status
from braintwin.options.dataset import DatasetOptions
from braintwin.options.features import FeaturesOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps import features, prepare

SFREQ = 128
STAGES = ["W"] * 30 + ["N1"] * 20 + ["N2"] * 40 + ["N3"] * 30 + ["R"] * 20
SD = {"W": 12.0, "N1": 10.0, "N2": 20.0, "N3": 40.0, "R": 11.0}
STEM = "sub-01/eeg/sub-01_task-sleep_"
NIGHT = NightRow(
    night="study-01", person="study-01", dataset="study", bids_path="sub-01", signal=STEM + "eeg.edf",
    stages=STEM + "events.tsv", condition="placebo", night_index=2, has_eeg=True, has_stages=True,
)  # fmt: skip


def signal(stages: list[str] = STAGES, seed: int = 0, offset_s: float = 0.0) -> np.ndarray:
    """Noise, µV, white up to 64 Hz, whose sd is that of the stage; quiet before the offset."""
    rng = np.random.default_rng(seed)
    sd = np.concatenate(
        [np.full(round(offset_s * SFREQ), 10.0), np.repeat([SD.get(s, 10.0) for s in stages], 30 * SFREQ)]
    )
    return rng.normal(0, 1, sd.size) * sd  # fmt: skip


def write_edf(path: Path, channels: dict[str, np.ndarray], unit: str = "uV", **header: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = {"uV": 1.0, "V": 1e-6, "mV": 1e-3}.get(unit, 1.0)
    signals = []
    for label, data in channels.items():
        data = data[: data.size // SFREQ * SFREQ] * scale
        top = float(f"{np.abs(data).max() * 1.01 + 1e-9:.2g}") * 1.1
        signals.append(
            EdfSignal(data, SFREQ, label=label, physical_dimension=unit, physical_range=(-top, top), **header)
        )
    Edf(signals).write(path)


def write_events(
    path: Path, stages: list[str], offset_s: float = 0.0, extra: dict[str, list[str]] | None = None
) -> None:
    extra = extra or {}
    rows = ["\t".join(["onset", "duration", "trial_type", *extra])]
    for index, stage in enumerate(stages):
        rows.append("\t".join([f"{offset_s + 30 * index:g}", "30", stage, *(v[index] for v in extra.values())]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_description.json").write_text('{"Name": "Study", "BIDSVersion": "1.9.0"}')
    return tmp_path / "data"


def run_prepare(root: Path, night: NightRow = NIGHT, **options: object) -> tuple[xr.Dataset, np.ndarray, str, str]:
    """Run the step and return its artefact, its epochs, state and reason."""
    out = root.parent / "nights" / night.night
    prepare.run(
        night=night, dataset=DatasetOptions(source=str(root)), dataset_root=root, prepare=out / "prepare.nc",
        epochs=out / "epochs.zarr.zip", options=PrepareOptions(**{"min_scored_min": 10.0, **options}),
    )  # fmt: skip
    status = read_status(out / "prepare.nc")
    with open_epochs(out / "epochs.zarr.zip", EPOCHS) as stored:
        eeg = stored["eeg"].values
    return read_dataset(out / "prepare.nc", PREPARED), eeg, status.state, status.reason


def run_features(root: Path, **options: object) -> tuple[xr.Dataset, str, str]:
    out = root.parent / "nights" / NIGHT.night
    features.run(
        prepare=out / "prepare.nc", epochs=out / "epochs.zarr.zip", features=out / "features.nc",
        options=FeaturesOptions(**{"events": False, **options}),
    )  # fmt: skip
    status = read_status(out / "features.nc")
    return read_dataset(out / "features.nc", FEATURES), status.state, status.reason


def test_a_night_of_two_channels_gives_the_level_that_was_put_in(root):
    write_edf(root / NIGHT.signal, {"C3-M2": signal(seed=0), "C4-M1": signal(seed=1), "E1-M2": signal(seed=2)})
    write_events(root / NIGHT.stages, STAGES)
    night, eeg, state, _ = run_prepare(root)
    assert state == "ok"
    assert night["channel"].values.tolist() == ["C3-M2", "C4-M1"]
    assert eeg.shape == (140, 2, 3000)
    assert eeg.dtype == np.float32
    assert night.attrs["reference"] == "as recorded (M1, M2)"
    assert (night.attrs["condition"], night.attrs["night_index"], night.attrs["stages_source"]) == (
        "placebo",
        2,
        "scored",
    )
    assert night.attrs["lights_off"] == "unknown"
    assert (night["artefact"].values == 0).mean() > 0.97
    assert night.sizes["line"] == 0
    assert night["position"].sel(axis="x").values[0] < 0 < night["position"].sel(axis="x").values[1]
    found, state, _ = run_features(root)
    assert state == "ok"
    assert found["freq"].values[[0, -1]].tolist() == [1.0, 40.0]
    for stage, sd in SD.items():
        truth = np.log(sd**2 * 2 / SFREQ)
        assert found["log_psd"].sel(stage=stage).mean().item() == pytest.approx(truth, abs=0.03)
        assert np.log(found["psd"].sel(stage=stage).mean().item()) == pytest.approx(truth, abs=0.03)
    even = (night["epoch"].values % 2 == 0)[:, None] & (night["artefact"].values == 0)
    np.testing.assert_array_equal(
        found["n_epochs"].values, [even[night["stage"].values == code].sum(axis=0) for code in range(5)]
    )
    assert not found["masked"].values.any()
    swa = found["swa"].values
    assert np.isnan(swa).sum() == (night["artefact"].values != 0).sum()
    assert np.nanmean(swa[night["stage"].values == 3]) == pytest.approx(40**2 * 2 / SFREQ * 4.0, rel=0.05)
    assert np.isnan(found["spindle_density"]).all()


@pytest.mark.parametrize("unit", ["V", "mV", "", "n/a"])
def test_the_unit_of_the_file_changes_nothing(root, unit):
    channels = {"C3-M2": signal(seed=0), "C4-M1": signal(seed=1)}
    write_events(root / NIGHT.stages, STAGES)
    write_edf(root / NIGHT.signal, channels)
    reference, _, _, _ = run_prepare(root)
    before, _, _ = run_features(root)
    write_edf(root / NIGHT.signal, channels, unit)
    night, _, _, _ = run_prepare(root)
    after, _, _ = run_features(root)
    assert night.attrs["units_source"] == ("header" if unit in ("V", "mV") else "amplitude")
    assert reference.attrs["units_source"] == "header"
    same = night["artefact"].values == reference["artefact"].values
    assert same.mean() > 0.99
    np.testing.assert_allclose(after["log_psd"], before["log_psd"], atol=0.02)


@pytest.mark.parametrize("unit", ["uV", ""])
def test_an_impossible_unit_is_arbitrary_and_no_error(root, unit):
    write_edf(root / NIGHT.signal, {"C3": signal() * 40}, unit)
    write_events(root / NIGHT.stages, STAGES)
    night, eeg, state, _ = run_prepare(root)
    assert state == "ok"
    assert night.attrs["units_source"] == "arbitrary"
    assert np.abs(eeg).max() > 2000
    assert (night["artefact"].values == 0).mean() > 0.97


def test_the_units_of_channels_tsv_are_used_where_the_header_has_none(root):
    write_edf(root / NIGHT.signal, {"C3": signal() / 1000}, "")
    write_events(root / NIGHT.stages, STAGES)
    (root / (STEM + "channels.tsv")).write_text("name\ttype\tunits\nC3\tEEG\tmV\n")
    night, eeg, _, _ = run_prepare(root)
    assert night.attrs["units_source"] == "channels.tsv"
    assert eeg[night["stage"].values == 3].std() == pytest.approx(40 * np.sqrt(45 / 64), rel=0.06)


def test_artefacts_that_were_put_in_are_found(root):
    data = signal()
    data[12 * 30 * SFREQ + 700] = 4000.0
    data[45 * 30 * SFREQ + 500 : 45 * 30 * SFREQ + 500 + 8 * SFREQ] = 0.0
    write_edf(root / NIGHT.signal, {"C3": data})
    marks = ["1" if index == 60 else "0" for index in range(140)]
    present = ["0" if index == 70 else "1" for index in range(140)]
    write_events(root / NIGHT.stages, STAGES, extra={"bad_by_eye": marks, "eeg_present": present})
    night, _, _, _ = run_prepare(root)
    mask = night["artefact"].values[:, 0]
    for epoch, reason in ((12, "amplitude"), (45, "flat"), (60, "marked"), (70, "marked")):
        assert mask[epoch] & (1 << ARTEFACTS.index(reason)), (epoch, reason)
    assert np.delete(mask == 0, [12, 45, 60, 70]).mean() > 0.97


def test_a_line_is_found_and_masked_in_the_features(root):
    data = signal()
    time = np.arange(data.size) / SFREQ
    write_edf(root / NIGHT.signal, {"C3": data + 10 * np.sin(2 * np.pi * 17.3 * time), "C4": signal(seed=1)})
    write_events(root / NIGHT.stages, STAGES)
    night, _, _, _ = run_prepare(root)
    assert night["line_channel"].values.tolist() == ["C3"]
    assert night["line_frequency"].values == pytest.approx([17.3], abs=0.05)
    found, _, _ = run_features(root)
    masked = found["freq"].values[found["masked"].sel(channel="C3").values.astype(bool)]
    assert {17.0, 17.5} <= set(masked.tolist())
    assert masked.min() > 14
    assert masked.max() < 21
    assert not found["masked"].sel(channel="C4").values.any()
    free = found["log_psd"].sel(channel="C3", stage="R").values[~found["masked"].sel(channel="C3").values.astype(bool)]
    assert np.abs(free - np.log(11.0**2 * 2 / SFREQ)).max() < 0.4


def test_scoring_that_starts_late_and_off_the_grid_stays_aligned(root):
    offset = 691.9
    data = signal(offset_s=offset)
    write_edf(root / NIGHT.signal, {"C3": data})
    write_events(root / NIGHT.stages, STAGES, offset)
    night, eeg, _, _ = run_prepare(root)
    onset = float(night["onset"].values[0])
    assert (onset - offset) % 30 == pytest.approx(0, abs=0.51)
    sd = eeg[:, 0].std(axis=1)
    expected = np.array([SD[s] for s in STAGES]) * np.sqrt(45 / 64)
    np.testing.assert_allclose(sd[-140:][night["artefact"].values[-140:, 0] == 0],
                               expected[night["artefact"].values[-140:, 0] == 0], rtol=0.2)  # fmt: skip


def test_scoring_longer_than_the_recording_is_marked_absent(root):
    write_edf(root / NIGHT.signal, {"C3": signal(STAGES[:100])})
    write_events(root / NIGHT.stages, STAGES)
    night, eeg, state, _ = run_prepare(root)
    absent = (night["artefact"].values[:, 0] & (1 << ARTEFACTS.index("absent"))) > 0
    assert state == "ok"
    assert absent.tolist() == [False] * 100 + [True] * 40
    assert not eeg[100:].any()


def test_a_night_without_rem_has_a_missing_stage(root):
    stages = ["N1" if s == "R" else s for s in STAGES]
    write_edf(root / NIGHT.signal, {"C3": signal(stages)})
    write_events(root / NIGHT.stages, stages)
    run_prepare(root)
    found, state, _ = run_features(root)
    assert state == "ok"
    assert found["n_epochs"].sel(stage="R").item() == 0
    for name in ("psd", "log_psd", "log_psd_var"):
        assert np.isnan(found[name].sel(stage="R")).all()
        assert np.isfinite(found[name].drop_sel(stage="R")).all()


def test_a_night_without_eeg_keeps_its_hypnogram(root):
    write_events(root / NIGHT.stages, STAGES)
    night, eeg, state, _ = run_prepare(root, NIGHT.model_copy(update={"has_eeg": False, "signal": ""}))
    assert state == "ok"
    assert night["stage"].values.tolist() == [["W", "N1", "N2", "N3", "R"].index(s) for s in STAGES]
    assert night["artefact"].shape == (140, 0)
    assert eeg.size == 0
    found, state, reason = run_features(root)
    assert (state, found.sizes["channel"]) == ("absent", 0)
    assert "no EEG content" in reason


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"RIFF this is a sound" + bytes(600), "not EDF"),
        (b"0       " + bytes(80), "cut short"),
        (b"/annex/objects/SHA256E-s1--00.edf\n", "pointer"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer"),
        (b"", "empty"),
        (None, "absent"),
    ],
)
def test_a_signal_that_cannot_be_read_is_excluded_in_one_sentence(root, content, expected):
    write_events(root / NIGHT.stages, STAGES)
    if content is not None:
        (root / NIGHT.signal).write_bytes(content)
    night, eeg, state, reason = run_prepare(root)
    assert state == "excluded"
    assert expected in reason
    assert "\n" not in reason
    assert str(root) not in reason
    assert (night.sizes["epoch"], eeg.size) == (0, 0)
    _, state, passed_on = run_features(root)
    assert (state, passed_on) == ("excluded", reason)


def test_a_recording_without_eeg_channels_is_excluded_and_named(root):
    write_edf(root / NIGHT.signal, {"EOG horizontal": signal(), "Resp oro-nasal": signal()})
    write_events(root / NIGHT.stages, STAGES)
    _, _, state, reason = run_prepare(root)
    assert state == "excluded"
    assert "EOG horizontal" in reason


def test_a_short_night_is_excluded(root):
    write_edf(root / NIGHT.signal, {"C3": signal()})
    write_events(root / NIGHT.stages, STAGES)
    _, _, state, reason = run_prepare(root, min_scored_min=90.0)
    assert state == "excluded"
    assert "70.0 min" in reason


def test_channels_that_are_not_there_are_named(root):
    write_edf(root / NIGHT.signal, {"C3": signal(), "C4": signal()})
    write_events(root / NIGHT.stages, STAGES)
    _, _, state, reason = run_prepare(root, channels=["C5"])
    assert state == "excluded"
    assert "C3, C4" in reason
    night, _, _, _ = run_prepare(root, channels=["C4"])
    assert night["channel"].values.tolist() == ["C4"]


def test_references(root):
    common = signal(seed=9)
    names = ("F3", "C3", "O1", "M1", "M2")
    write_edf(root / NIGHT.signal, {name: signal(seed=i) / 2 + common for i, name in enumerate(names)})
    write_events(root / NIGHT.stages, STAGES)
    night, eeg, _, _ = run_prepare(root, reference="average")
    assert night.attrs["reference"] == "average of F3, C3, O1"
    np.testing.assert_allclose(eeg.mean(axis=1), 0, atol=1e-3)
    night, eeg, _, _ = run_prepare(root, reference="mastoids")
    assert night.attrs["reference"] == "mastoids of M1, M2"
    assert night["channel"].values.tolist() == ["F3", "C3", "O1"]
    assert eeg[night["stage"].values == 3].std() == pytest.approx(20 * np.sqrt(1.5) * np.sqrt(45 / 64), rel=0.05)
    write_edf(root / NIGHT.signal, {"C3-M2": signal(), "C4-M1": signal()})
    assert run_prepare(root, reference="mastoids")[0].attrs["reference"] == "mastoids, as recorded (M1, M2)"
    _, _, state, reason = run_prepare(root, reference="average")
    assert state == "excluded"
    assert "as_recorded" in reason


def test_the_filter_of_the_recorder_limits_the_passband(root):
    write_edf(root / NIGHT.signal, {"C3": signal()}, prefiltering="HP:0.5Hz LP:35Hz")
    write_events(root / NIGHT.stages, STAGES)
    night, _, _, _ = run_prepare(root)
    assert (night.attrs["highpass"], night.attrs["lowpass"]) == (0.5, 35.0)
    found, _, _ = run_features(root)
    np.testing.assert_array_equal(found["masked"].values[0] == 1, found["freq"].values > 35)


def test_sidecars_that_lie_do_not_cost_the_night(root):
    write_edf(root / NIGHT.signal, {"C3": signal(), "EOG horizontal": signal(seed=1)})
    write_events(root / NIGHT.stages, STAGES)
    (root / (STEM + "channels.tsv")).write_text("name\ttype\tunits\nCz\tEEG\tn/a\nEOG horizontal\tEEG\tn/a\n")
    (root / (STEM + "eeg.json")).write_text(
        '{"RecordingDuration": 3636, "EEGReference": "mastoid, set by J. Doe 1999"}'
    )
    night, _, state, _ = run_prepare(root)
    assert state == "ok"
    assert night["channel"].values.tolist() == ["C3"]
    assert night.attrs["reader"] == "mne"
    assert night.attrs["reference"] == "as recorded (mastoid)"


def test_no_date_or_name_survives(root):
    from datetime import date, time

    from edfio import Patient
    from edfio import Recording as Header

    write_events(root / NIGHT.stages, STAGES)
    edf = Edf(
        [EdfSignal(signal(), SFREQ, label="C3", physical_dimension="uV", physical_range=(-400, 400))],
        patient=Patient(name="Jane_Doe", birthdate=date(1970, 1, 2)),
        recording=Header(startdate=date(1999, 12, 31)),
        starttime=time(23, 5, 6),
    )
    edf.write(root / NIGHT.signal)
    run_prepare(root)
    run_features(root)
    for path in sorted((root.parent / "nights").rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            for secret in (b"Jane", b"Doe", b"1999", b"31.12", b"1970", b"23:05", str(root).encode()):
                assert secret not in content, (path.name, secret)


def test_the_same_input_gives_the_same_bytes(root):
    write_edf(root / NIGHT.signal, {"C3": signal(), "C4": signal(seed=1)})
    write_events(root / NIGHT.stages, STAGES)
    out = root.parent / "nights" / NIGHT.night
    run_prepare(root)
    first = (out / "epochs.zarr.zip").read_bytes()
    before = read_dataset(out / "prepare.nc", PREPARED)
    run_prepare(root)
    assert (out / "epochs.zarr.zip").read_bytes() == first
    xr.testing.assert_identical(read_dataset(out / "prepare.nc", PREPARED), before)


@pytest.mark.parametrize(("options", "text"), [({"df": 0.3}, "df"), ({"fmin": 1.1}, "fmin")])
def test_frequencies_off_the_grid_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        FeaturesOptions(**options)
