"""Fixtures of all tests, and the count of tests that a missing part has skipped."""

import os
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from braintwin.cli.machine import same_bits
from pair_study import pair  # noqa: F401  fixtures of tests/slurm, tests/faults and tests/validate
from slurm_fixtures import bare, cluster, profile  # noqa: F401

ROOT = Path(__file__).parents[1]
PARTS = ("real", "slurm", "browser", "demo")
_SKIPPED: Counter[str] = Counter()
SHARING = {"slurm": "cluster", "faults": "cluster", "workflow": "workflow"}
"""Folders whose tests share a finished study or a cluster; the longest begin first."""

# Tests fit with the sums of the product, and no two workers (one of which may kill its jobs) share a compile cache.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    caches = Path.home() / ".cache" / "braintwin-tests" / worker
    os.environ.setdefault("PYTENSOR_FLAGS", f"base_compiledir={caches / 'pytensor'}")
    os.environ.setdefault("NUMBA_CACHE_DIR", str(caches / "numba"))
same_bits()

# No example fails for its seconds: a busy machine stalls anything now and then.
hypothesis.settings.register_profile("braintwin", deadline=None)
hypothesis.settings.load_profile("braintwin")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data, or skip where it is absent."""
    folder = Path(os.environ.get("BRAINTWIN_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "bids").is_dir():
        pytest.skip(f"real data absent: no {folder.name}/bids; set BRAINTWIN_DATA")
    return folder


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the skips of each optional part; with xdist this runs in the controller."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _SKIPPED.update(part for part in PARTS if part in report.keywords)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the session where a part that must be there was skipped (BRAINTWIN_REQUIRE="real slurm browser demo")."""
    required = os.environ.get("BRAINTWIN_REQUIRE", "").split()
    if exitstatus == 0 and any(_SKIPPED[part] for part in required):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests each absent part has skipped."""
    required = os.environ.get("BRAINTWIN_REQUIRE", "").split()
    for part in PARTS:
        if _SKIPPED[part]:
            verdict = "FAILED: this part must be there" if part in required else "part absent"
            terminalreporter.write_line(f"{part}: {_SKIPPED[part]} test(s) skipped ({verdict})")


class ByFixture(LoadScopeScheduling):
    """One worker for all tests that share what is slow to make, and else for those of a file."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return SHARING.get(path.parent.name, str(path))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Share the tests out by what they need, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return ByFixture(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that no worker ends alone."""
    order = list(SHARING)
    items.sort(key=lambda item: order.index(name) if (name := item.path.parent.name) in order else len(order))
