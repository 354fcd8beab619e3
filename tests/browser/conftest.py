"""A browser for the pages: the system's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium; skip where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium absent: install it to open the pages in a browser")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[object]:
    """Return a running browser."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright absent: pip install playwright")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the report on a study with one person of each kind."""
    from braintwin.options.pages import PagesOptions
    from braintwin.steps import cohort, pages
    from report_artefacts import cohort_arguments, page_arguments, write_study

    paths, people, nights = write_study(tmp_path_factory.mktemp("browser") / "results" / "demo", people=4)
    pages.run(**page_arguments(paths, people, nights), options=PagesOptions())
    cohort.run(**cohort_arguments(paths, people), options=PagesOptions())
    return paths.cohort_page.parent
