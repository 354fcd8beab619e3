"""The report of `make demo` in a real browser: every page opens, and its numbers are those of the results."""

from pathlib import Path
from typing import Any

import pytest

from open_pages import (
    cohort_table_agrees,
    is_whole,
    opened,
    ranking_of,
    stated_scenario_agrees,
    treatment_table_agrees,
)

pytestmark = [pytest.mark.browser, pytest.mark.demo, pytest.mark.slow]


@pytest.fixture(scope="module")
def demo() -> Path:
    """Return the folder of the demo's report."""
    results = Path(__file__).parents[2] / "results" / "demo"
    if not (results / "manifest.json").is_file():
        pytest.skip("demo absent: run `make demo` first")
    return results / "report"


def people(demo: Path) -> list[str]:
    return sorted(page.stem for page in (demo / "people").glob("*.html"))


def test_every_page_opens_without_error_or_request(browser: Any, demo: Path, tmp_path: Path) -> None:
    pages = sorted(demo.rglob("*.html"))
    assert len(pages) == 9
    for page in pages:
        is_whole(browser, page, tmp_path / f"{page.stem}.png")


def test_from_the_cohort_to_each_person_and_back(browser: Any, demo: Path) -> None:
    tab, faults = opened(browser, demo / "index.html")
    cohort_table_agrees(tab, demo)
    for person in people(demo):
        tab.get_by_role("link", name=person, exact=True).first.click()
        assert tab.locator("h1").inner_text() == f"What might help {person}?"
        tab.get_by_role("navigation").get_by_role("link", name="Treatments", exact=True).click()
        tab.get_by_role("link", name="← Cohort").click()
    assert faults == []
    tab.close()


def test_the_numbers_of_each_person_are_those_of_the_ranking(browser: Any, demo: Path) -> None:
    for person in people(demo):
        treatment_table_agrees(browser, demo, person)


def test_the_explorer_of_each_person_begins_with_the_table_and_moves(browser: Any, demo: Path) -> None:
    ranked = 0
    for person in people(demo):
        ranking = ranking_of(demo, person)
        if ranking.attrs["verdict"] == "none":
            continue
        tab, faults = opened(browser, demo / "people" / f"{person}.html")
        stated_scenario_agrees(tab, ranking)
        before = tab.locator("#explorer-outcomes").inner_text()
        tab.locator("#adherence").press("Home")
        assert tab.locator("#explorer-outcomes").inner_text() != before
        assert faults == []
        tab.close()
        ranked += 1
    assert ranked >= 4
