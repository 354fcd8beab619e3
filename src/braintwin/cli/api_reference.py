"""The page of the Python interface, written from signatures and docstrings without importing what it describes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
SCIENCE = ("signals", "models", "inference", "treatment")
"""Sub-packages of pure functions, of which the page lists what they offer."""

HEAD = """# Python interface

Written from the docstrings whenever this site is built. `import braintwin as bt` gives the names of the first part,
which are meant to last. How to use them: [use a finished study from Python](../howto/use-from-python.md).

The second part lists the functions of the science. They open no file, read no config and print nothing, so each can be
used alone; they may change with a minor version.
"""

_SECTION = re.compile(r"^(\w[\w ]+)\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^(?P<name>[\w*][\w*, ]*?)(?: : (?P<kind>.+))?$")


def api_page() -> str:
    """Return the page as Markdown; the docs site writes it anew each time it is built."""
    lines = [HEAD, "## For notebooks", ""]
    public = ast.parse((PACKAGE / "notebook.py").read_text(encoding="utf-8"))
    for node in public.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            lines += _whole(node, "bt.")
    lines += ["## The science", ""]
    for folder in SCIENCE:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            lines += _listed(path)
    return "\n".join(lines).strip() + "\n"


def _whole(node: ast.FunctionDef | ast.ClassDef, prefix: str) -> Iterator[str]:
    """Yield a function, or a class with its methods, with all that its docstring says."""
    yield f"### {prefix}{node.name}"
    yield ""
    if isinstance(node, ast.FunctionDef):
        shown = _signature(node)
        shown = shown[shown.index(")") + 1 :] if _is_property(node) else shown
        yield from ("```python", f"{prefix}{node.name}{_plain(shown)}", "```", "")
    yield from _body(ast.get_docstring(node) or "")
    yield ""
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                yield from _whole(member, f"{node.name}.")


def _listed(path: Path) -> Iterator[str]:
    """Yield what a module offers, a line each."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    offered = [node for node in named if not node.name.startswith("_") and ast.get_docstring(node)]
    if not offered:
        return
    name = ".".join(("braintwin", *path.relative_to(PACKAGE).with_suffix("").parts))
    yield f"### `{name}`"
    yield ""
    yield f"{_first(tree)}"
    yield ""
    for node in offered:
        shown = _plain(_signature(node)) if isinstance(node, ast.FunctionDef) else ""
        yield f"- `{node.name}{shown}`: {_first(node)}"
    yield ""


def _signature(node: ast.FunctionDef) -> str:
    """Return arguments with their annotations and defaults, and what is returned."""
    arguments = ast.parse("def f(): pass").body[0]
    assert isinstance(arguments, ast.FunctionDef)
    arguments.args = node.args
    if node.args.args and node.args.args[0].arg in ("self", "cls"):
        node.args.args = node.args.args[1:]
    text = ast.unparse(arguments.args)
    return f"({text})" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")


def _plain(signature: str) -> str:
    """Return a signature without the quotes of a forward reference."""
    return re.sub(r"'([\w.]+)'", r"\1", signature)


def _is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(mark).endswith("property") for mark in node.decorator_list)


def _first(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


def _body(text: str) -> Iterator[str]:
    """Yield a numpy-style docstring as Markdown: its sections as bold words, their entries as lists."""
    text = re.sub(r":(?:class|func|mod|meth):`~?([^`]+)`", r"`\1`", text)
    parts = _SECTION.split(text)
    yield parts[0].strip()
    for title, content in zip(parts[1::2], parts[2::2], strict=True):
        yield ""
        yield f"**{title}**"
        yield ""
        lines = [line for line in content.strip().splitlines() if line.strip()]
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if entry := _ENTRY.match(line):
                kind = f" ({entry['kind']})" if entry["kind"] else ""
                yield f"- `{entry['name']}`{kind}{':' if following.startswith(' ') else ''}"
            else:
                yield f"  {line.strip()}"
