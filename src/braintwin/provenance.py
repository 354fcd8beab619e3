"""What a result was made from: code digest, seeds, checksums, options, command, libraries.

Only the standard library at import: the Snakefile imports this module.
"""

import ast
import hashlib
import json
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import braintwin
from braintwin.digest import VOLATILE, file_digest, lasting_digest

__all__ = ["VOLATILE", "code_digest", "derive_seed", "environment", "file_digest", "options_digest", "stamp"]

COMMAND: ContextVar[str] = ContextVar("command", default="")
"""The command that is being carried out, as `shorten` writes it; empty where a step is called from Python."""

LIBRARIES = (
    "arviz", "dask", "h5py", "mne", "numba", "numpy", "nutpie", "pydantic", "pymc", "pytensor", "scipy", "snakemake",
    "xarray", "yasa", "zarr",
)  # fmt: skip
"""Libraries whose versions are stamped: those that numbers pass through."""


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield a module and every statement in it: imports and docstrings are statements, expressions hold neither."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, part, None)
            if isinstance(inside, list):
                stack += inside


def _strip(tree: ast.Module) -> ast.Module:
    """Drop docstrings, so that wording does not change the digest (comments never reach the tree)."""
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
    return tree


@cache
def _source(module: str) -> Path | None:
    """Return a module's file; found by name, since an import would run what every job's parsing must not wait for."""
    parts = module.split(".")[1:]
    for folder in braintwin.__path__:
        base = Path(folder).joinpath(*parts)
        for path in (base.parent / f"{base.name}.py", base / "__init__.py"):
            if path.is_file():
                return path
    return None


def imports(tree: ast.Module) -> set[str]:
    """Return the first-party modules that a module imports, anywhere in its body."""
    found: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("braintwin.")}


@cache
def _module(name: str) -> tuple[str, frozenset[str]] | None:
    """Return (digest of the syntax tree, first-party imports), or None if `name` is no module."""
    path = _source(name)
    if path is None:
        return None
    tree = _strip(ast.parse(path.read_text(encoding="utf-8")))
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return digest, frozenset(imports(tree))


@cache
def code_digest(module: str) -> str:
    """Return 12 hex digits over the syntax trees of `module` and all first-party modules it imports.

    A comment or docstring edit leaves it unchanged; an edit in a transitively imported module changes it.
    """
    seen: dict[str, str] = {}
    queue = [module]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        found = _module(name)
        if found is None:
            continue
        seen[name] = found[0]
        queue.extend(found[1])
    if not seen:
        message = f"no first-party module {module!r}"
        raise ModuleNotFoundError(message)
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(seen.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def derive_seed(seed: int, step: str, owner: str) -> int:
    """Return a 63-bit seed for one (seed, step, person or night): independent of order, cores and executor."""
    digest = hashlib.sha256(f"{seed}\x1f{step}\x1f{owner}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def options_digest(options: Mapping[str, Any]) -> str:
    """Return 12 hex digits over an options mapping, in canonical JSON."""
    return hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()[:12]


@cache
def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, Any]:
    """Return what numbers may depend on beside code and data: Python, libraries, processor, BLAS and its threads.

    No host, user or path is among them.
    """
    from threadpoolctl import threadpool_info

    shown = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    pools = {
        json.dumps({key: pool[key] for key in shown if pool.get(key) is not None}, sort_keys=True)
        for pool in threadpool_info()
    }
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "packages": _versions(),
        "blas": [json.loads(pool) for pool in sorted(pools)],
    }


def shorten(words: Sequence[str]) -> str:
    """Return a command for the stamp: JSON values and long lists as what they are, no absolute path.

    The people and options in a command are stamped in places of their own; a batch names hundreds of files.
    """
    parts: list[str] = []
    flag, values = "", list[str]()
    for word in [*words, "--"]:
        if not word.startswith("--"):
            values.append(word)
            continue
        parts += [flag, *_shown(flag, values)] if flag else _shown("", values)
        flag, values = word, []
    return " ".join(part for part in parts if part)


def _shown(flag: str, values: Sequence[str]) -> list[str]:
    if any(re.match(r"\s*[{\[]", value) for value in values):
        return [f"<{flag.strip('-') or 'json'}>"]
    if len(values) > 3:
        return [f"<{len(values)} values>"]
    return [Path(value).name if Path(value).is_absolute() else value for value in values]


def stamp(
    *, version: str, step: str, module: str, options: Mapping[str, Any], inputs: Iterable[Path | str], seed: int | None
) -> dict[str, str]:
    """Return the attributes that every output carries; inputs by name and checksum, never by absolute path.

    `command` and `environment` are VOLATILE: they say how the result came about, and are no part of its digest. The
    checksum of an input leaves them out too, so that equal results on two machines carry equal stamps.
    """
    named = {f"{Path(p).parent.name}/{Path(p).name}": lasting_digest(p)[:16] for p in inputs if Path(p).is_file()}
    return {
        "braintwin_version": version,
        "step": step,
        "code": code_digest(module),
        "options": json.dumps(options, sort_keys=True, default=str),
        "inputs": json.dumps(named, sort_keys=True),
        "seed": "" if seed is None else str(seed),
        "command": COMMAND.get(),
        "environment": json.dumps(environment(), sort_keys=True),
    }
