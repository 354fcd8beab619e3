"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data, or skip where it is absent."""
    folder = Path(os.environ.get("BRAINTWIN_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "bids").is_dir():
        pytest.skip(f"real data absent: no {folder.name}/bids; set BRAINTWIN_DATA")
    return folder
