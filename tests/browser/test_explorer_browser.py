"""The scenario explorer in a real browser against the same sums in numpy."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.simulate import SIMULATED
from braintwin.io.arrays import read_dataset
from braintwin.report.numbers import END_ERROR, digits_for
from open_pages import opened, ranking_of, stated_scenario_agrees

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def simulated(report: Path) -> xr.Dataset:
    return read_dataset(report.parent / "people" / "lab-001" / "simulate.nc", SIMULATED)


@pytest.fixture(scope="module")
def ranking(report: Path) -> xr.Dataset:
    return ranking_of(report, "lab-001")


@pytest.fixture
def explorer(browser: Any, report: Path) -> Iterator[Any]:
    tab, faults = opened(browser, report / "people/lab-001.html")
    yield tab
    tab.close()
    assert faults == []


def outcome(tab: Any, name: str, column: str) -> str:
    return str(tab.locator(f"#explorer-outcomes tr[data-outcome={name}] td.{column}").inner_text())


def choose(tab: Any, label: str) -> None:
    tab.get_by_label("What", exact=True).select_option(label=label)


def to(tab: Any, control: str, value: float) -> None:
    """Move a slider with the keyboard, from its upper end."""
    slider = tab.locator(f"#{control}")
    slider.focus()
    step = float(slider.get_attribute("step"))
    for _ in range(round((float(slider.get_attribute("max")) - value) / step)):
        slider.press("ArrowLeft")
    assert float(slider.input_value()) == value


def near(shown: str, value: float, error: float) -> bool:
    """Return whether a number in print is `value`, to the digits that its error supports and the packing."""
    digits = digits_for(error, 0)
    return abs(float(shown.replace("−", "-").replace("+", "")) - value) <= 0.5 * 10**-digits + 0.03


def test_the_stated_scenario_is_the_table(explorer: Any, ranking: xr.Dataset) -> None:
    stated_scenario_agrees(explorer, ranking)


def test_adherence_mixes_treated_and_untreated_nights(explorer: Any, simulated: xr.Dataset) -> None:
    choose(explorer, str(simulated["label"].sel(treatment="eszopiclone_3").values))
    draws = simulated["outcome_value"].sel(outcome="TST")
    change = (draws.sel(treatment="eszopiclone_3") - draws.sel(treatment="none")).values
    error = change.std(ddof=1) / 20
    assert near(outcome(explorer, "TST", "change"), change.mean(), error)
    to(explorer, "adherence", 40)
    assert near(outcome(explorer, "TST", "change"), 0.4 * change.mean(), 0.4 * error)
    assert "on 40 % of nights" in explorer.locator("#explorer-summary").inner_text()
    to_none = explorer.locator("#adherence")
    to_none.press("Home")
    assert outcome(explorer, "TST", "change") == "0"
    row = explorer.locator("#explorer-ranking tr[data-key=eszopiclone_3] td.utility")
    assert row.inner_text() == "0"


def test_a_night_that_ends_earlier_is_read_off_the_shares_by_the_clock(explorer: Any, simulated: xr.Dataset) -> None:
    explorer.get_by_label("nights of this person’s twin").check()
    key = explorer.locator("#dose").input_value()
    to(explorer, "in-bed", 400)
    minutes = 10 * simulated["stage_probability"].sel(stage=["N1", "N2", "N3", "R"]).sum("stage")
    lost = float(minutes.sel(treatment=key).where(simulated["clock"] > 400, 0).sum())
    draws = simulated["outcome_value"].sel(outcome="TST")
    change = (draws.sel(treatment=key) - draws.sel(treatment="none")).values
    assert near(outcome(explorer, "TST", "change"), change.mean() - lost, change.std(ddof=1) / 20)
    assert "400 min in bed" in explorer.locator("#explorer-summary").inner_text()
    explorer.get_by_label("nights of people from the population").check()
    assert explorer.locator("#in-bed").is_disabled()


def test_weights_change_the_ranking_as_the_draws_say(explorer: Any, simulated: xr.Dataset, ranking: xr.Dataset) -> None:
    stated = json.loads(ranking.attrs["weights"])
    for name in stated:
        explorer.locator(f"#weight-{name}").fill("-1" if name == "REM" else "0")
    rows = explorer.locator("#explorer-ranking tr").all()
    keys = [row.get_attribute("data-key") for row in rows]
    draws = simulated["outcome_value"].sel(outcome="REM")
    utility = {key: -(draws.sel(treatment=key) - draws.sel(treatment="none")).values for key in keys}
    means = [utility[key].mean() for key in keys]
    assert np.all(np.diff(means) <= 0.02)
    for row, key in zip(rows, keys):
        error = utility[key].std(ddof=1) / 20
        shown = float(row.locator("td.utility").inner_text().replace("−", "-").replace("+", ""))
        assert abs(shown - utility[key].mean()) <= 0.5 * 10.0 ** -digits_for(error, 1) + 0.03
        low = float(np.quantile(utility[key], 0.05))
        if key != "none":
            first = row.locator("td.figures").inner_text().split(" to ")[0]
            digits = digits_for(END_ERROR * error, 1)
            assert abs(float(first.replace("−", "-").replace("+", "")) - low) <= 0.5 * 10.0**-digits + 0.04
    explorer.get_by_role("button", name="Back to the stated scenario").click()
    best = ranking["label"].values[0]
    assert str(best) in explorer.locator("#explorer-ranking tr").first.locator("th").inner_text()


def test_doses_of_one_substance_stand_together(explorer: Any, simulated: xr.Dataset) -> None:
    choose(explorer, "Daridorexant")
    dose = explorer.locator("#dose")
    assert [option.inner_text() for option in dose.locator("option").all()] == ["25 mg", "50 mg"]
    draws = simulated["outcome_value"].sel(outcome="WASO")
    for milligram in ("25", "50"):
        dose.select_option(label=f"{milligram} mg")
        change = (draws.sel(treatment=f"daridorexant_{milligram}") - draws.sel(treatment="none")).values
        assert near(outcome(explorer, "WASO", "change"), change.mean(), change.std(ddof=1) / 20)
    choose(explorer, str(simulated["label"].sel(treatment="cpap").values))
    assert dose.is_disabled()
    assert explorer.locator("#explorer-ranking tr[data-key=cpap] td.best").inner_text() == "–"


def test_every_control_is_reached_and_moved_by_keyboard(explorer: Any) -> None:
    choose(explorer, "Daridorexant")
    explorer.locator("#treatment").focus()
    reached = ["treatment"]
    for _ in range(16):
        explorer.keyboard.press("Tab")
        reached.append(explorer.evaluate("document.activeElement.id || document.activeElement.name"))
    for control in ("dose", "adherence", "everyone", "in-bed", "basis", "weight-TST", "mcid", "explorer-reset"):
        assert control in reached, reached
    explorer.locator("#everyone").focus()
    before = explorer.locator("#explorer-ranking").inner_text()
    explorer.locator("#adherence").press("PageDown")
    explorer.locator("#everyone").press("Space")
    assert explorer.locator("#explorer-ranking").inner_text() != before


def test_where_nothing_is_ranked_the_explorer_ranks_nothing(browser: Any, report: Path) -> None:
    tab = browser.new_page()
    tab.goto((report / "people/lab-002.html").as_uri())
    assert set(tab.locator("#explorer-ranking td.best").all_inner_texts()) == {"–"}
    words = tab.locator("main").inner_text()
    assert tab.locator("#treatments .tag").count() == 0
    assert "Nothing is ranked for this person." in words
    assert "No ranking" in words
    tab.close()
