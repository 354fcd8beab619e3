"""The commands that the pages of the docs tell people to type."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^( *)```(?:sh|bash)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(braintwin [a-z-]+ [^`|]+)`")


def blocks(page: Path) -> list[str]:
    """Return the shell blocks of a page, each as one script without its comments."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return ["\n".join(re.sub(r"\s+#.*$", "", line.strip()) for line in text.splitlines()) for _, text in found]


def braintwin_commands(page: Path) -> list[list[str]]:
    """Return the words of every `braintwin …` that a page shows, in a block or in a line."""
    joined = [line for block in blocks(page) for line in block.replace("\\\n", " ").splitlines()]
    shown = [line for line in joined if line.startswith("braintwin ")]
    shown += [text for text in _INLINE.findall(page.read_text(encoding="utf-8")) if "…" not in text and "[" not in text]
    return [shlex.split(line.split(" > ")[0].split(" && ")[0], comments=True) for line in shown]
