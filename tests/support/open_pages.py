"""Pages of a report in a browser, held against the results that they tell of; for made studies and for the demo."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.rank import RANKING
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_table
from braintwin.report.numbers import digits_for, fixed
from braintwin.report.render import RESEARCH_USE


def opened(browser: Any, page: Path, **how: Any) -> tuple[Any, list[str]]:
    """Return an open page and the list in which its faults gather: words on the console, errors, requests."""
    tab = browser.new_page(**how)
    faults: list[str] = []
    tab.on("console", lambda message: faults.append(f"console {message.type}: {message.text}"))
    tab.on("pageerror", lambda error: faults.append(f"error: {error}"))
    tab.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url))
    tab.goto(page.as_uri())
    return tab, faults


def is_whole(browser: Any, page: Path, picture: Path) -> None:
    """Check that a page opens without error or request, and fits; leave a picture of it."""
    tab, faults = opened(browser, page)
    for summary in tab.locator("summary").all():
        summary.click()
    assert faults == []
    assert tab.content().count(RESEARCH_USE) == 2
    assert tab.locator("h1").inner_text()
    assert tab.locator("h2").count() >= 6
    # Nothing sticks out of the page sideways: wide tables scroll in their own box.
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 20_000
    assert page.stat().st_size < 2_500_000
    tab.close()


def ranking_of(report: Path, person: str) -> xr.Dataset:
    """Return a person's ranking."""
    return read_dataset(report.parent / "people" / person / "rank.nc", RANKING)


def treatment_table_agrees(browser: Any, report: Path, person: str) -> None:
    """Check the treatments of a person's page against their ranking, digit by digit."""
    ranking = ranking_of(report, person)
    tab, _ = opened(browser, report / "people" / f"{person}.html")
    rows = tab.locator("#treatments tr[data-key]")
    shown = {row.get_attribute("data-key"): row.locator("td").first.inner_text().split("\n")[0] for row in rows.all()}
    first = rows.first.get_attribute("data-key")
    tab.close()
    assert set(shown) == {str(key) for key in ranking["treatment"].values}
    for i, key in enumerate(ranking["treatment"].values):
        digits = digits_for(float(ranking["utility_mcse"].values[i]), 1)
        expected = "0" if key == "none" else fixed(float(ranking["expected_utility"].values[i]), digits, sign=True)
        assert shown[str(key)] == expected
    assert first == str(ranking["treatment"].values[0])


def cohort_table_agrees(tab: Any, report: Path) -> None:
    """Check the people of the cohort's page against its summary."""
    summary = {row["person"]: row for row in read_table(report.parent / "cohort" / "summary.tsv")}
    rows = tab.locator("#people tbody tr").all()
    assert len(rows) == len(summary)
    for row in rows:
        person = summary[row.locator("th").inner_text()]
        cells = row.locator("td").all_inner_texts()
        assert cells[1] == f"{person['nights_used']} / {person['nights_found']}"
        if person["best"]:
            shown = float(cells[5].split("\n")[0].replace("−", "-"))
            assert shown == pytest.approx(float(person["expected_utility"]), abs=0.51)
        else:
            assert "no ranking" in cells[4]


def stated_scenario_agrees(tab: Any, ranking: xr.Dataset) -> None:
    """Check that the explorer begins with the table's own order and numbers."""
    candidates = ranking.isel(treatment=np.flatnonzero(ranking["candidate"].values))
    rows = tab.locator("#explorer-ranking tr")
    assert [row.get_attribute("data-key") for row in rows.all()] == [str(k) for k in candidates["treatment"].values]
    table = {
        row.get_attribute("data-key"): row.locator("td").first.inner_text().split("\n")[0]
        for row in tab.locator("#treatments tr[data-key]").all()
    }
    for i, row in enumerate(rows.all()):
        key = str(candidates["treatment"].values[i])
        assert row.locator("td.utility").inner_text() == table[key]
        shown = row.locator("td.best").inner_text().replace("%", "").replace("<", "").replace(">", "")
        p, draws = float(candidates["p_best"].values[i]), 400
        # harm is drawn anew for the page: equal within the Monte-Carlo errors of both
        assert abs(float(shown) / 100 - p) < 0.01 + 4 * np.sqrt(2 * p * (1 - p) / draws) + 0.005
    assert "highest" in rows.first.locator("th").inner_text()
