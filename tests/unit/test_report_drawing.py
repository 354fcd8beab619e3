"""Figures and the explorer's data: places, ticks, gaps, packing."""

import base64
import json
import re
import zlib

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import SIMULATED
from braintwin.contracts.tables import PersonRow
from braintwin.io.arrays import read_dataset
from braintwin.io.library import read_library
from braintwin.paths import StudyPaths
from braintwin.report.drawing import Canvas, nice_ticks, reach
from braintwin.report.explorer import PER_UNIT, choices, explorer
from braintwin.report.figures_connectome import Connectome, draw, places
from braintwin.report.figures_simulated import sleep_so_far
from braintwin.report.palette import CIVIDIS, colours
from report_artefacts import TREATMENTS, write_ranking


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e6), st.integers(2, 9))
def test_ticks_are_round_inside_and_few(low: float, width: float, most: int) -> None:
    ticks = nice_ticks(low, low + width, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * width <= t <= low + width * (1 + 1e-6) for t in ticks)
    steps = np.diff(ticks)
    if steps.size:
        assert np.allclose(steps, steps[0], rtol=1e-6)
        assert round(float(f"{steps[0]:.6e}".split("e")[0]), 3) in (1, 2, 5, 10)


def test_a_point_lies_where_its_numbers_say() -> None:
    panel = Canvas(100).panel(10, 20, 200, 50, x=(0, 4), y=(-1, 1))
    assert panel.x([0, 1, 4]).tolist() == [10, 60, 210]
    assert panel.y([-1, 0, 1]).tolist() == [70, 45, 20]


def test_missing_values_lift_the_pen() -> None:
    canvas = Canvas(100)
    panel = canvas.panel(0, 0, 100, 100, x=(0, 5), y=(0, 1))
    panel.line(np.arange(6), [0, 0, np.nan, 1, 1, 1], "red")
    panel.band(np.arange(6), np.zeros(6), [1, 1, np.nan, 1, 1, 1], "red")
    assert [part.count("M") for part in canvas.parts] == [2, 2]
    panel.marks([1, np.nan], [0.5, 0.5], "red")
    assert canvas.parts[-1].count("M") == 1
    before = len(canvas.parts)
    panel.line([np.nan], [np.nan], "red")
    assert len(canvas.parts) == before


def test_words_cannot_break_out_of_a_drawing() -> None:
    canvas = Canvas(10)
    canvas.words(0, 0, "<script>&")
    text = str(canvas.svg('a "label" <b>'))
    assert "<script>" not in text
    assert "&lt;script&gt;&amp;" in text
    assert 'aria-label="a &quot;label&quot; &lt;b&gt;"' in text


def test_colours_run_through_their_table_and_nothing_is_grey() -> None:
    found = colours(np.array([0.0, 1.0, np.nan]), 0, 1, CIVIDIS)
    assert found.tolist() == [[0, 0x22, 0x4E], [0xFE, 0xE8, 0x38], [160, 160, 160]]
    assert reach([np.nan]) == (0.0, 1.0)


def test_a_large_matrix_is_a_picture_of_the_right_size_and_colours() -> None:
    nodes = [f"E{i}" for i in range(40)]
    value = np.random.default_rng(1).uniform(0, 1, (1, 40, 40))
    value = (value + value.transpose(0, 2, 1)) / 2
    found = Connectome(["N2"], nodes, value, np.full_like(value, 0.01), {}, places(nodes, None), "x")
    text = str(draw(found))
    png = base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])  # type: ignore[index]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20], "big") == int.from_bytes(png[20:24], "big") == 40
    start = png.index(b"IDAT") + 4
    rows = zlib.decompress(png[start : png.index(b"IEND") - 8])
    top = np.abs(value[0][~np.eye(40, dtype=bool)]).max()
    assert list(rows[1 + 3 : 1 + 6]) == colours(value[0, 0, 1:2], 0, top)[0].tolist()
    assert len(text) < 60_000


def test_only_edges_clear_of_zero_are_in_the_circle() -> None:
    value = np.zeros((1, 3, 3))
    value[0, 0, 1] = value[0, 1, 0] = 0.5
    value[0, 0, 2] = value[0, 2, 0] = 0.1
    found = Connectome(
        ["N2"], ["C3", "C4", "CZ"], value, np.full((1, 3, 3), 0.1), {}, places(["C3", "C4", "CZ"], None), "x"
    )
    assert found.clear(0).sum() == 2
    assert "N2 1" in str(draw(found))


def test_nodes_go_round_the_head_left_on_the_left() -> None:
    names = ["F3", "F4", "C3", "C4", "O1", "O2"]
    position = xr.DataArray(
        [[-0.05, 0.06, 0], [0.05, 0.06, 0], [-0.07, 0, 0], [0.07, 0, 0], [-0.03, -0.1, 0], [0.03, -0.1, 0]],
        dims=("channel", "axis"),
    )
    for angle in (places(names, position), places(names, None)):
        left = np.sin(angle)
        assert all(left[i] < 0 < left[i + 1] for i in (0, 2, 4))
    assert np.cos(places(names, position))[[0, 1]].min() > 0 > np.cos(places(names, position))[[4, 5]].max()


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, xr.Dataset]:
    paths = StudyPaths(tmp_path_factory.mktemp("explorer") / "results" / "lab")
    row = PersonRow(person="lab-1", batch="b", dataset="lab", covariates={"diagnosis": "insomnia"})
    write_ranking(paths, row, np.random.default_rng(1), verdict="personal")
    return (
        read_dataset(paths.person("lab-1", "rank"), RANKING),
        read_dataset(paths.person("lab-1", "simulate"), SIMULATED),
    )


def _unpacked(text: str, per_unit: float, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<i2").reshape(shape) / per_unit


def test_the_page_carries_the_draws_of_the_simulation(person: tuple[xr.Dataset, xr.Dataset]) -> None:
    ranking, simulated = person
    packed = explorer(ranking, simulated, read_library(TREATMENTS))
    assert packed is not None
    data = json.loads(packed["data"])
    keys, names = data["keys"], data["outcomes"]
    draws = _unpacked(data["bases"]["person"], data["perUnit"], (len(keys), len(names), data["draws"]))
    truth = simulated["outcome_value"].sel(treatment=keys, outcome=names).transpose("treatment", "outcome", "draw")
    assert np.abs(draws - truth.values).max() <= 0.5 / PER_UNIT
    minutes = _unpacked(data["minutes"], data["perUnit"], (len(keys), 5, len(data["bins"])))
    whole = 10 * simulated["stage_probability"].sel(treatment=keys).sum("clock").values
    assert np.abs(minutes[:, :, -1] - whole).max() <= 0.5 / PER_UNIT
    harm = _unpacked(data["harm"], data["harmPerUnit"], (len(keys), data["draws"]))
    utility = data["weights"]["harm"] * harm.mean(axis=1) + data["weights"]["burden"] * np.array(data["burden"])
    change = draws - draws[keys.index("none")]
    for k, name in enumerate(names):
        utility += data["weights"].get(name, 0.0) * change[:, k].mean(axis=1)
    assert np.allclose(utility, ranking["expected_utility"].values, atol=0.02)
    assert "</" not in packed["data"]


def test_nothing_to_explore_where_a_treatment_of_the_ranking_was_not_simulated(
    person: tuple[xr.Dataset, xr.Dataset],
) -> None:
    ranking, simulated = person
    fewer = simulated.isel(treatment=slice(0, 3))
    assert explorer(ranking, fewer, read_library(TREATMENTS)) is None


def test_only_treatments_that_differ_by_dose_stand_together() -> None:
    keys = ["none", "doxepin_6", "zolpidem_10", "doxepin_3", "cpap"]
    menu = choices(keys, ["No change", "Doxepin 6 mg", "Zolpidem IR 10 mg", "Doxepin 3 mg", "CPAP"], [True] * 5)
    assert [(c.label, [words for _, words in c.doses]) for c in menu] == [
        ("Doxepin", ["3 mg", "6 mg"]),
        ("Zolpidem IR 10 mg", ["as in its trials"]),
        ("CPAP", ["as in its trials"]),
    ]


def test_no_fan_over_the_clock_from_a_few_nights(person: tuple[xr.Dataset, xr.Dataset]) -> None:
    simulated = person[1]
    assert sleep_so_far(simulated, ["none"], {"none": "No change"}) is not None
    assert sleep_so_far(simulated.isel(example=slice(0, 19)), ["none"], {"none": "No change"}) is None
