"""Every picture of the docs is made by a script of the repository, and every script's picture is there."""

import importlib.util
import re
from pathlib import Path

from validation_figures import DRAW

DOCS = Path(__file__).parents[2] / "docs"
PLOTS = {"connectome-scaling.svg": "benchmarks/connect.py"}
"""Figures that a benchmark draws (`--plot`)."""


def pictures() -> set[str]:
    """Return the names of the pictures that `docs/pictures.py` takes."""
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {f"{name}.png" for name in module.PARTS}


def test_every_picture_has_its_script_and_is_shown_with_words():
    kinds = {".png", ".svg", ".jpg", ".gif"}
    there = {path.name for path in DOCS.rglob("*") if path.suffix in kinds}
    assert there == pictures() | set(PLOTS) | {f"{part}.svg" for part in DRAW}
    assert all("--plot" in (DOCS.parent / script).read_text(encoding="utf-8") for script in PLOTS.values())
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    shown = dict((name, words) for words, name in re.findall(r"!\[([^\]]*)\]\(([\w./-]+)\)", text))
    assert {Path(name).name for name in shown} == there
    assert all(len(words) > 15 for words in shown.values())
