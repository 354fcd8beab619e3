"""Links of the pages to files of the repository (config/…) work on the site too: those files come along."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from braintwin.cli.api_reference import api_page

ROOT = Path(__file__).parents[1]
SHIPPED = ("config/config.yaml", "config/schema.json")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the files of the repository that pages link to, and the page that the docstrings write."""
    for name in SHIPPED:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, "reference/api.md", content=api_page()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links above the docs folder at the copies."""
    return re.sub(r"\]\((?:\.\./)+(config/[\w.-]+)\)", r"](../\1)", markdown)
