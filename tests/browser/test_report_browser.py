"""The pages in a real browser: no error, no request, and the words are there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from braintwin.options.pages import PagesOptions
from braintwin.report.render import RESEARCH_USE
from braintwin.steps import cohort, pages
from report_artefacts import cohort_arguments, page_arguments, write_study

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        pytest.skip("Chromium absent: install it to open the pages in a browser")
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Path:
    paths, people, nights = write_study(tmp_path_factory.mktemp("browser") / "results" / "demo", people=3)
    pages.run(**page_arguments(paths, people, nights), options=PagesOptions())
    cohort.run(**cohort_arguments(paths, people), options=PagesOptions())
    return paths.cohort_page.parent


def _open(chromium: str, page: Path, profile: Path) -> tuple[str, str, str]:
    """Return the DOM after loading, what the console said, and the log of the network."""
    log = profile / "net.json"
    command = [chromium, *_FLAGS, f"--user-data-dir={profile}", f"--log-net-log={log}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return (
        done.stdout,
        "\n".join(x for x in done.stderr.splitlines() if "CONSOLE" in x),
        log.read_text(errors="replace"),
    )


@pytest.mark.parametrize("name", ["index.html", "people/lab-001.html", "people/lab-002.html", "people/lab-003.html"])
def test_a_page_opens_without_error_or_request(chromium: str, report: Path, tmp_path: Path, name: str) -> None:
    dom, console, network = _open(chromium, report / name, tmp_path)
    assert console == ""
    assert dom.count(RESEARCH_USE) == 2
    assert re.search(r"<h1>.+</h1>", dom)
    assert dom.count("<h2") >= 6
    # Chromium looks after itself on its own; a request of the page would carry the page as its initiator.
    assert not re.search(r'"initiator":\s*"file:', network)
    assert "googleapis.com/css" not in network


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
