"""Every convention of scoring that real datasets were seen to use, each as a small written table."""

import json
from pathlib import Path

import numpy as np
import pytest

from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.errors import NightExcluded
from braintwin.io.events import Unscored, find_sidecars
from braintwin.io.hypnogram import Hypnogram, read_hypnogram, trim
from braintwin.io.scoring import stage_of
from braintwin.options.dataset import StageOptions

W, N1, N2, N3, R, X = 0, 1, 2, 3, 4, -1


def table(folder: Path, text: str, name: str = "sub-01_task-sleep_events.tsv") -> Path:
    path = folder / name
    path.write_bytes(text.replace("|", "\t").encode())
    return path


def read(folder: Path, text: str, **options: object) -> Hypnogram:
    return read_hypnogram(table(folder, text), StageOptions.model_validate(options))


def epochs(labels: list[str], step: float = 30, start: float = 0, duration: float | str = 30) -> str:
    return "".join(f"{start + step * i:g}|{duration}|{label}\n" for i, label in enumerate(labels))


@pytest.mark.parametrize(
    "column", ["trial_type", "stage_hum", "stage", "staging", "scoring", "Sleep Stage", "30-sec_epoch_sleep_stage"]
)
def test_the_column_is_found_by_its_name(tmp_path: Path, column: str) -> None:
    found = read(tmp_path, f"onset|duration|{column}\n" + epochs(["Wake", "N1", "N2", "N3", "REM"]))
    assert found.stages.tolist() == [W, N1, N2, N3, R]
    assert found.stages.dtype == np.int8
    assert (found.column, found.onset_s, found.epoch_s, found.lights_off_s) == (column, 0, EPOCH_S, None)


@pytest.mark.parametrize(
    ("label", "stage"),
    [
        ("Wake", "W"), ("WAKE", "W"), ("W", "W"), ("Sleep stage W", "W"), ("SLEEP-S0", "W"), ("S0", "W"),
        ("N1", "N1"), ("S1", "N1"), ("Sleep stage 1", "N1"), ("Stage 1", "N1"), ("NREM1", "N1"), ("sleep_s1", "N1"),
        ("N2", "N2"), ("SLEEP-S2", "N2"), ("Sleep stage N2", "N2"), ("Stage 2", "N2"), ("NREM 2", "N2"),
        ("S3", "N3"), ("S4", "N3"), ("Sleep stage 3", "N3"), ("Sleep stage 4", "N3"), ("N4", "N3"), ("SLEEP-S4", "N3"),
        ("R", "R"), ("REM", "R"), ("Sleep stage R", "R"), ("SLEEP-REM", "R"), ("Stage R", "R"),
    ],
)  # fmt: skip
def test_labels_of_stages(label: str, stage: str) -> None:
    assert stage_of(label) == STAGES.index(stage)


@pytest.mark.parametrize(
    "label",
    ["Unscored", "Movement", "Movement time", "MT", "SLEEP-MT", "(uncertain)", "1 (uncertain)", "W (uncertain)", "?",
     "Sleep stage ?", "", "n/a", "Artefact", "Unknown", "SLEEP-UNSCORED", "2 or 3 (unscorable)"],
)  # fmt: skip
def test_labels_of_missing_epochs_are_never_wake(label: str) -> None:
    assert stage_of(label) == X


@pytest.mark.parametrize(
    "label", ["resp_hypopnea", "arousal_rera", "Lights On", "1", "3", "Sleep Onset", "Stimulus/S102", "Sleep"]
)
def test_other_events_and_bare_numbers_are_no_labels(label: str) -> None:
    assert stage_of(label) is None


def test_run_length_rows(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|trial_type\n0.0|90.0|Wake\n90.0|60.0|N1\n150.0|30.0|REM\n")
    assert found.stages.tolist() == [W, W, W, N1, N1, R]


def test_rows_of_duration_zero_take_the_step_of_the_onsets(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|stage\n" + epochs(["W", "N1", "N2"], duration=0))
    assert found.stages.tolist() == [W, N1, N2]


def test_rows_without_a_duration_column(tmp_path: Path) -> None:
    assert read(tmp_path, "onset|stage\n0|W\n30|N2\n60|R\n").stages.tolist() == [W, N2, R]


def test_scoring_that_starts_late_and_off_the_grid_keeps_its_offset(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|scoring\n" + epochs(["W", "N2", "R"], start=691.916))
    assert found.onset_s == pytest.approx(691.916)
    assert found.stages.tolist() == [W, N2, R]


def test_a_gap_is_missing(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|stage\n0|30|W\n30|30|N1\n120|30|N2\n")
    assert found.stages.tolist() == [W, N1, X, X, N2]


def test_epochs_of_20_s_are_read_off_in_30_s(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|stage\n" + epochs(["W", "W", "N1", "N2", "N2", "N2"], step=20, duration=20))
    assert found.stages.tolist() == [W, N1, N2, N2]  # 30-60 s: 10 s of W, 20 s of N1


def test_epochs_of_4_s_are_read_off_in_30_s(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|stage\n" + epochs(["W"] * 8 + ["N2"] * 30, step=4, duration=4))
    assert found.stages.tolist() == [W, N2, N2, N2, N2]  # 152 s: the last 2 s are no epoch


def test_epochs_of_60_s_are_expanded(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|stage\n0|60|W\n60|60|N2\n")
    assert found.stages.tolist() == [W, W, N2, N2]


def test_other_events_in_the_same_table_are_not_stages(tmp_path: Path) -> None:
    text = (
        "onset|duration|trial_type|value\n540.0|60.0|Wake|5\n548.37|21.5|resp_hypopnea|8\n600.0|30.0|N1|1\n"
        "604.6|13.3|arousal_rera|6\n630.0|60.0|N2|2\n"
    )
    found = read(tmp_path, text)
    assert (found.column, found.onset_s) == ("trial_type", 540.0)
    assert found.stages.tolist() == [W, W, N1, N2, N2]


def test_a_movement_mark_among_events_neither_sets_the_grid_nor_hides_a_stage(tmp_path: Path) -> None:
    text = "onset|duration|trial_type\n7.5|3|Movement\n30|30|Wake\n60|30|N2\n65|20|Movement\n90|30|N2\n"
    found = read(tmp_path, text)
    assert (found.onset_s, found.stages.tolist()) == (30.0, [W, N2, N2])


def test_byte_order_mark_spaces_quotes_crlf_and_no_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_bytes(
        b'\xef\xbb\xbfonset \tduration\t "Sleep stage" \r\n0\t30\t"W"\r\n30\t30\t N2 \r\n60\t30\t\r\n90\t30\tR'
    )
    found = read_hypnogram(path, StageOptions())
    assert found.stages.tolist() == [W, N2, X, R]


def test_utf_16_and_commas(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes('onset,duration,stage,note\n0,30,W,"à, b"\n30,30,N1,\n'.encode("utf-16"))
    assert read_hypnogram(path, StageOptions()).stages.tolist() == [W, N1]


def test_integer_codes_are_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(
        NightExcluded, match=r"codes 0, 1, 2, 5 .*stages\.codes: \{'0': <stage>, '1': <stage>"
    ) as refusal:
        read(tmp_path, "onset|duration|stage_hum\n" + epochs(["0", "1", "2", "5", "8"]))
    assert "\n" not in str(refusal.value)
    assert not isinstance(refusal.value, Unscored)


def test_integer_codes_by_map(tmp_path: Path) -> None:
    text = "onset|duration|stage_hum|stage_ai\n" + "".join(f"{30 * i}|30|{c}|0\n" for i, c in enumerate("0123482"))
    found = read(tmp_path, text, codes={0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "R"})
    assert (found.column, found.stages.tolist()) == ("stage_hum", [W, N1, N2, N3, R, X, N2])


def test_the_same_integers_mean_what_the_map_says(tmp_path: Path) -> None:
    text = "onset|duration|stage\n" + epochs(["1", "2.0", "3", "4", "5", "-2"])
    assert read(tmp_path, text, codes={1: "N3", 2: "N2", 3: "N1", 4: "R", 5: "W"}).stages.tolist() == [
        N3,
        N2,
        N1,
        R,
        W,
        X,
    ]


def test_a_code_that_the_map_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(NightExcluded, match="integer codes 7 and no sidecar"):
        read(tmp_path, "onset|duration|stage\n" + epochs(["0", "1", "7"]), codes={0: "W", 1: "N1"})


def test_a_map_may_call_a_code_missing(tmp_path: Path) -> None:
    text = "onset|duration|stage\n" + epochs(["0", "1", "7"])
    assert read(tmp_path, text, codes={"0": "W", "1": "N1", "7": "?"}).stages.tolist() == [W, N1, X]


def test_integer_codes_by_levels_of_a_sidecar_in_another_letter_case(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01" / "ses-001" / "eeg"
    folder.mkdir(parents=True)
    levels = {
        "1": "Wake",
        "2": "REM",
        "3": "N1",
        "4": "N2",
        "5": {"Description": "N3"},
        "7": "Movement",
        "8": "Artefact",
    }
    (tmp_path / "task-sleep_acq-psgScoring_events.json").write_text(json.dumps({"staging": {"Levels": levels}}))
    (tmp_path / "task-sleep_acq-earScoring_events.json").write_text(json.dumps({"staging": {"Levels": {"1": "N3"}}}))
    rows = "onset|duration|staging\n" + epochs(list("1234578"), duration=0)
    events = table(folder, rows, "sub-01_ses-001_task-sleep_acq-PSGScoring_events.tsv")
    marks = table(
        folder,
        "onset|duration|trial_type\n0.25|0|Start\n1001.45|0|Lights Off\n",
        "sub-01_ses-001_task-sleep_acq-PSG_events.tsv",
    )
    sidecars = find_sidecars(events, tmp_path)
    assert sidecars == (tmp_path / "task-sleep_acq-psgScoring_events.json", marks)
    found = read_hypnogram(events, StageOptions(), sidecars=sidecars)
    assert found.stages.tolist() == [W, R, N1, N2, N3, X, X]
    assert found.lights_off_s == 1001.45


def test_the_nearest_sidecar_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "task-sleep_events.json").write_text('{"stage": {"Levels": {"1": "Wake", "2": "N2"}}}')
    (tmp_path / "sub-01" / "sub-01_task-sleep_events.json").write_text('{"stage": {"Levels": {"1": "N3", "2": "N2"}}}')
    events = table(tmp_path / "sub-01", "onset|duration|stage\n" + epochs(["1", "2"]))
    assert read_hypnogram(events, StageOptions(), sidecars=find_sidecars(events, tmp_path)).stages.tolist() == [N3, N2]


def test_string_labels_win_over_an_index_column(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|scoring_idx|scoring\n0|30|1|Wake\n30|30|4|N2\n60|30|6|Artefact\n")
    assert (found.column, found.stages.tolist()) == ("scoring", [W, N2, X])


def test_a_human_wins_over_a_program(tmp_path: Path) -> None:
    found = read(tmp_path, "onset|duration|stage_ai|stage_hum\n0|30|W|N1\n30|30|W|N2\n")
    assert (found.column, found.stages.tolist()) == ("stage_hum", [N1, N2])


def test_letters_that_mean_left_and_right_are_no_stages(tmp_path: Path) -> None:
    with pytest.raises(Unscored, match="no stage column"):
        read(tmp_path, "onset|duration|trial_type\n0|1|R\n5|1|L\n9|1|R\n")


def test_a_table_without_stages_says_what_it_has_and_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        Unscored, match=r"found onset, duration, value\); name it under datasets\.<name>\.stages\.column"
    ):
        read(tmp_path, "onset|duration|value\n0|30|2\n")


def test_a_named_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NightExcluded, match=r"no column 'stge' .*did you mean 'stage'"):
        read(tmp_path, "onset|duration|stage\n0|30|W\n", column="stge")


def test_a_named_column_is_used(tmp_path: Path) -> None:
    text = "onset|duration|trial_type|rk_code\n0|30|Wake|0\n30|30|N2|3\n"
    found = read(tmp_path, text, column="rk_code", codes={0: "W", 3: "N2"})
    assert (found.column, found.stages.tolist()) == ("rk_code", [W, N2])


def test_stages_in_an_unknown_language_are_refused_rather_than_dropped(tmp_path: Path) -> None:
    with pytest.raises(NightExcluded, match=r"not known: Leggero, Vigilia; .*stages.codes"):
        read(tmp_path, "onset|duration|stage\n" + epochs(["Vigilia", "Leggero", "REM", "REM"]))
    found = read(
        tmp_path,
        "onset|duration|stage\n" + epochs(["Vigilia", "Leggero", "REM"]),
        codes={"Vigilia": "W", "leggero": "N1"},
    )
    assert found.stages.tolist() == [W, N1, R]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("onset|duration|stage\n", "empty"),
        ("time|stage\n0|W\n", "no onset"),
        ("onset|duration|stage\n0|30|?\n30|30|\n", "the night needs a scoring"),
        ("onset|duration|stage\nn/a|30|W\n", "the night needs a scoring"),
        ("onset|duration|stage\n" + epochs(["W", "N2"] * 50, step=1), "overlap"),
        ("onset|duration|stage\n" + epochs(["W", "N2"] * 50, step=3840), "cover 1 %"),
        ("onset|duration|stage\n" + epochs(["W", "N2"] * 50, step=3840, duration=0), "every 3840 s"),
        ("onset|duration|stage\n0|30|W\n99999999|30|W\n", "7 days"),
        ("/annex/objects/MD5E-s120--0a.tsv", "pointer"),
    ],
)
def test_what_cannot_be_a_hypnogram_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(NightExcluded, match=reason) as refusal:
        read(tmp_path, text)
    assert "\n" not in str(refusal.value)


def test_a_broken_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.tsv").symlink_to("../.git/annex/objects/nothing")
    with pytest.raises(NightExcluded, match="broken link"):
        read_hypnogram(tmp_path / "events.tsv", StageOptions())


@pytest.mark.parametrize(("option", "expected"), [(None, 45.5), ("start", 0.0), ("LichtAus", 60.0)])
def test_lights_off(tmp_path: Path, option: str | None, expected: float) -> None:
    text = "onset|duration|trial_type\n0|60|Wake\n45.5|0|Lights off\n60|0|Licht aus\n60|60|N2\n120|0|Lights On\n"
    assert read(tmp_path, text, lights_off=option).lights_off_s == expected


def made(stages: list[int], lights_off_s: float | None = None) -> Hypnogram:
    return Hypnogram(np.array(stages, np.int8), 100.0, 30.0, lights_off_s, "stage")


def test_trim_keeps_wake_around_sleep() -> None:
    found = trim(made([W] * 300 + [N2] * 10 + [X] * 4 + [R] * 3 + [W] * 200), 30)
    assert found.stages.tolist() == [W] * 60 + [N2] * 10 + [X] * 4 + [R] * 3 + [W] * 60
    assert found.onset_s == 100 + 240 * 30


def test_trim_of_a_whole_day_keeps_the_night_and_not_the_nap() -> None:
    nap, night = [N1] * 60 + [N2] * 60, ([N2] * 100 + [W] * 100 + [R] * 60) * 4  # 50 min awake within the night
    found = trim(made([W] * 500 + nap + [W] * 400 + night + [W] * 500), 30)
    assert found.stages.tolist() == [W] * 60 + night + [W] * 60


def test_trim_keeps_all_sleep_of_one_night_with_long_wake() -> None:
    night = [N2] * 60 + [W] * 360 + [N2] * 300
    assert trim(made([W] * 100 + night), 10).stages.tolist() == [W] * 20 + night


def test_trim_keeps_lights_off() -> None:
    assert trim(made([W] * 300 + [N2] * 9, lights_off_s=100 + 50 * 30.0), 30).onset_s == 100 + 50 * 30


def test_trim_without_sleep_changes_nothing() -> None:
    night = made([W] * 100)
    assert trim(night, 30) is night


def test_a_column_of_another_name_that_looks_like_a_scoring_is_refused_not_replaced(tmp_path):
    path = tmp_path / "events.tsv"
    rows = "".join(f"{30 * i}\t30\t{'Sleep stage W' if i % 3 else 'Sleep stage N2'}\n" for i in range(40))
    path.write_text("onset\tduration\tremark\n" + rows)
    with pytest.raises(NightExcluded, match="'remark' looks like one; name it under") as error:
        read_hypnogram(path, StageOptions())
    assert not isinstance(error.value, Unscored)


def test_integer_codes_of_epochs_among_events_are_refused_and_triggers_are_not(tmp_path):
    path = tmp_path / "events.tsv"
    epochs = "".join(f"{30 * i}\t30\t{i % 4}\n" for i in range(40))
    path.write_text("onset\tduration\ttrial_type\n0\t0\tLights off\n" + epochs)
    with pytest.raises(NightExcluded, match=r"integer codes 0, 1, 2, 3.*stages\.codes"):
        read_hypnogram(path, StageOptions())
    triggers = "".join(f"{30 * i}\t0\t{i % 4}\n" for i in range(40))
    path.write_text("onset\tduration\ttrial_type\n0\t0\tLights off\n" + triggers)
    with pytest.raises(Unscored):
        read_hypnogram(path, StageOptions())
