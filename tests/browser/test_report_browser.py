"""The pages in a real browser: no error, no request, the words are there, the numbers are those of the tables."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from braintwin.report.tidy import TABLES
from open_pages import cohort_table_agrees, is_whole, opened, ranking_of, treatment_table_agrees

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = ["index.html", "people/lab-001.html", "people/lab-002.html", "people/lab-003.html"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_error_or_request(browser: Any, report: Path, tmp_path: Path, name: str) -> None:
    is_whole(browser, report / name, tmp_path / "page.png")


@pytest.mark.parametrize(
    ("planted", "sign"),
    [
        ("<script>console.error('planted')</script>", "planted"),
        ('<img src="http://planted.invalid/x.png" alt="">', "planted.invalid"),
    ],
)
@pytest.mark.parametrize("guarded", [False, True])
def test_a_planted_fault_is_seen(
    browser: Any, report: Path, tmp_path: Path, planted: str, sign: str, guarded: bool
) -> None:
    html = (report / "people/lab-001.html").read_text(encoding="utf-8").replace("</main>", f"{planted}</main>")
    if not guarded:  # without the page's own content policy the fault itself happens; with it, its refusal is logged
        html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    page = tmp_path / "planted.html"
    page.write_text(html, encoding="utf-8")
    tab, faults = opened(browser, page)
    tab.close()
    assert any(("Content Security Policy" if guarded else sign) in fault for fault in faults), faults


def serious(tab: Any) -> list[str]:
    """Return what axe calls serious or critical on an open page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python absent")
    found = axe.Axe().run(tab).response["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:120]} {v['nodes'][0].get('failureSummary', '')[:200]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


# The kinds of page are looked at in light; in dark, where only colours differ, the one with everything on it.
@pytest.mark.parametrize(("name", "scheme"), [*((name, "light") for name in PAGES), (PAGES[1], "dark")])
def test_the_accessibility_checker_finds_nothing_serious(browser: Any, report: Path, name: str, scheme: str) -> None:
    tab, _ = opened(browser, report / name, color_scheme=scheme, bypass_csp=True)
    for summary in tab.locator("summary").all():
        summary.click()
    assert serious(tab) == []
    # and it does look: a pale word and a field without a label are found
    tab.evaluate("document.querySelector('#reading').insertAdjacentHTML('beforeend', "
                 "'<p style=\"color:#bbb;background:#ccc\">pale</p><input type=\"text\">')")  # fmt: skip
    found = " ".join(serious(tab))
    tab.close()
    assert "color-contrast" in found
    assert "label" in found


def test_from_the_cohort_to_a_person_and_back(browser: Any, report: Path) -> None:
    tab, faults = opened(browser, report / "index.html")
    tab.get_by_role("link", name="lab-001", exact=True).first.click()
    assert tab.locator("h1").inner_text() == "What might help lab-001?"
    for link in ("What would change it", "Treatments", "Scenario explorer", "Connectome", "Twin"):
        tab.get_by_role("navigation").get_by_role("link", name=link, exact=True).click()
        assert tab.evaluate("document.querySelector(location.hash) !== null")
    tab.get_by_role("link", name="← Cohort").click()
    assert tab.locator("#people tbody tr").count() == 4
    assert faults == []
    tab.close()


def test_the_treatment_table_has_the_numbers_of_the_ranking(browser: Any, report: Path) -> None:
    treatment_table_agrees(browser, report, "lab-001")


def test_the_cohort_table_has_the_numbers_of_the_summary_and_its_downloads(browser: Any, report: Path) -> None:
    tab, _ = opened(browser, report / "index.html")
    cohort_table_agrees(tab, report)
    links = [link.get_attribute("href") for link in tab.locator("#downloads a").all()]
    tab.close()
    for suffix in (".csv", ".parquet"):
        assert len([link for link in links if link.endswith(suffix)]) == len(TABLES)
    assert len([x for x in links if x.endswith(".nc")]) == 16
    for link in links:
        assert (report / link).resolve().is_file(), link
    folder = report.parent / "cohort" / "tables"
    for name in ("people", "rankings", "contrasts"):
        csv, parquet = pd.read_csv(folder / f"{name}.csv"), pd.read_parquet(folder / f"{name}.parquet")
        assert list(csv.columns) == list(parquet.columns)
        assert len(csv) == len(parquet) > 0
    ranked = pd.read_parquet(folder / "rankings.parquet")
    for person in ranked["person"].unique():
        ranking = ranking_of(report, person)
        mine = ranked[ranked["person"] == person].set_index("treatment")["expected_utility"]
        assert np.allclose(mine[ranking["treatment"].values], ranking["expected_utility"].values, rtol=1e-5)


@pytest.mark.parametrize("name", ["index.html", "people/lab-001.html"])
def test_on_paper_the_controls_are_gone_and_the_words_stay(
    browser: Any, report: Path, tmp_path: Path, name: str
) -> None:
    tab, _ = opened(browser, report / name)
    tab.emulate_media(media="print")
    assert tab.locator("nav.toc").is_hidden()
    assert tab.locator(".research").first.is_visible()
    if "people/" in name:
        assert tab.locator("#explorer-form").is_hidden()
        assert tab.locator("#explorer-summary").is_visible()
        assert tab.locator("#sources ~ .sources dl").first.is_visible()
    paper = tmp_path / "page.pdf"
    tab.pdf(path=paper, format="A4")
    assert paper.read_bytes().count(b"/Type /Page\n") + paper.read_bytes().count(b"/Type /Page ") >= 2
    tab.close()


def test_links_between_cohort_and_person_lead_somewhere(report: Path) -> None:
    for page in (report / "index.html", report / "people" / "lab-001.html"):
        html = page.read_text(encoding="utf-8")
        links = [
            link for link in re.findall(r'<a[^>]* href="([^"]+)"', html) if not link.startswith("https://doi.org/")
        ]
        assert len(links) > 5
        for link in links:
            if link.startswith("#"):
                assert f'id="{link[1:]}"' in html
            else:
                assert (page.parent / link).resolve().is_file(), link
