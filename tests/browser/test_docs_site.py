"""The site of the docs: it builds without a warning, and asks no other server than its own for anything."""

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site, built with every warning an error."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site and return its address."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_pages_open_and_ask_no_other_server(address: str, browser: object) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("index.html", "tutorial/first-report.html", "reference/cli.html", "explanation/hypnogram-twin.html"):
        page.goto(f"{address}/{name}", wait_until="networkidle")
        assert page.locator("h1").count() == 1
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []
    page.close()


def test_the_accessibility_checker_finds_nothing_serious(site: Path, browser: object) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python absent")
    page = browser.new_page()  # type: ignore[attr-defined]
    for name in ("index", "tutorial/first-report", "explanation/credibility", "reference/api"):
        page.goto((site / f"{name}.html").as_uri())
        found = axe.Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
    page.close()


def test_links_to_files_of_the_repository_lead_there(site: Path, browser: object) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    page.goto((site / "reference" / "config.html").as_uri())
    links = page.locator("article a[href*='config/']").evaluate_all("all => all.map(a => a.href)")
    assert len(links) >= 2
    assert all(Path(link.removeprefix("file://")).is_file() for link in links)
    page.close()
