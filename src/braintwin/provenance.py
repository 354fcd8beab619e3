"""What a result was made from: code digest, seeds, checksums, canonical content digest.

Only the standard library, numpy where a value is digested: the Snakefile imports this module.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import braintwin

VOLATILE = ("created", "host", "duration_s", "uuid", "command", "sampling_time", "created_at")
"""Attributes that may differ between two identical results."""


def _strip(tree: ast.Module) -> ast.Module:
    """Drop docstrings, so that wording does not change the digest (comments never reach the tree)."""
    for node in ast.walk(tree):
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
    for node in ast.walk(tree):
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


def file_digest(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def options_digest(options: Mapping[str, Any]) -> str:
    """Return 12 hex digits over an options mapping, in canonical JSON."""
    return hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()[:12]


def stamp(
    *, version: str, step: str, module: str, options: Mapping[str, Any], inputs: Iterable[Path | str], seed: int | None
) -> dict[str, str]:
    """Return the attributes that every output carries; inputs by name and checksum, never by absolute path."""
    named = {f"{Path(p).parent.name}/{Path(p).name}": file_digest(p)[:16] for p in inputs if Path(p).is_file()}
    return {
        "braintwin_version": version,
        "step": step,
        "code": code_digest(module),
        "options": json.dumps(options, sort_keys=True, default=str),
        "inputs": json.dumps(named, sort_keys=True),
        "seed": "" if seed is None else str(seed),
    }
