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


_OWN = re.compile(r"(^|\.)(google|googleapis|gvt1|gvt2)\.com$")
"""Hosts that Chromium itself asks, whatever page is open."""


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
    paths, people, nights = write_study(tmp_path_factory.mktemp("browser") / "results" / "demo", people=2)
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


def faults(console: str, network: str) -> list[str]:
    """Return what a page did that it may not: words on the console, requests of its own."""
    found = console.splitlines()
    # Chromium looks after itself at its maker's hosts; any other host, or a web font, was asked for by the page.
    hosts = re.findall(r'"url":\s*"https?://([^/":]+)', network)
    return found + sorted({host for host in hosts if host.startswith("fonts.") or not _OWN.search(host)})


@pytest.mark.parametrize("name", ["index.html", "people/lab-001.html", "people/lab-002.html"])
def test_a_page_opens_without_error_or_request(chromium: str, report: Path, tmp_path: Path, name: str) -> None:
    dom, console, network = _open(chromium, report / name, tmp_path)
    assert faults(console, network) == []
    assert dom.count(RESEARCH_USE) == 2
    assert re.search(r"<h1>.+</h1>", dom)
    assert dom.count("<h2") >= 6


@pytest.mark.parametrize(
    ("planted", "sign"),
    [
        ("<script>console.error('planted')</script>", "planted"),
        ('<img src="http://planted.invalid/x.png" alt="">', "planted.invalid"),
    ],
)
@pytest.mark.parametrize("guarded", [False, True])
def test_a_planted_fault_is_seen(
    chromium: str, report: Path, tmp_path: Path, planted: str, sign: str, guarded: bool
) -> None:
    html = (report / "index.html").read_text(encoding="utf-8")
    html = html.replace("</main>", f"{planted}</main>")
    if not guarded:  # without the page's own content policy the fault itself happens; with it, its refusal is logged
        html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    page = tmp_path / "planted.html"
    page.write_text(html, encoding="utf-8")
    _, console, network = _open(chromium, page, tmp_path)
    found = faults(console, network)
    assert any(("Content Security Policy" if guarded else sign) in fault for fault in found), found


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
