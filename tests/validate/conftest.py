"""Campaigns of evidence: deselected unless asked for by `make validate`, `-m validate` or their path.

Fresh evidence is not made again, unless BRAINTWIN_AGAIN=1.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign import Campaign

HERE = Path(__file__).parent
MakeCampaign = Callable[..., Campaign]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and leave it out of an ordinary run."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.validate)
        item.add_marker(pytest.mark.timeout(0))
    named = any(HERE in (path := Path(word.split("::")[0]).resolve()).parents or path == HERE for word in config.args)
    if named or "validate" in (config.option.markexpr or ""):
        return
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> MakeCampaign:
    """Return a maker of campaigns, which skips one whose evidence is fresh.

    >>> run = campaign("sbc", claim="Ranks are uniform.", code=["braintwin.inference.nights"], settings={"n": 300})
    >>> ranks = [rank for _, rank in run.each(keys, one)]  # parts that are there already are not made again
    >>> run.finish(passed=p > 0.05, numbers={"p": p})
    >>> assert p > 0.05
    """

    def make(name: str, **what: Any) -> Campaign:
        test = request.node.nodeid.partition("[")[0]
        found = Campaign(name, test=test, **what)
        if found.fresh() and not os.environ.get("BRAINTWIN_AGAIN"):
            pytest.skip(f"evidence {name} is fresh")
        return found

    return make
