"""A hash chain: each link seals all before it, so that a change anywhere shows, and where it begins."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from braintwin.digest import lasting


def link(before: str, value: Any) -> str:
    """Return the link after `before` that holds `value`, as SHA-256 in hex; volatile keys are no part of it."""
    text = json.dumps(lasting(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def chained(first: Any, values: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Return `values`, each with its link under ``chain``, and the last link: the seal."""
    seal = link("", first)
    found = []
    for value in values:
        seal = link(seal, value)
        found.append({**value, "chain": seal})
    return found, seal


def first_break(first: Any, values: Iterable[Mapping[str, Any]], seal: str) -> int | None:
    """Return the place of the first value whose link does not hold, -1 for the seal itself, None where all hold."""
    known = link("", first)
    for place, value in enumerate(values):
        known = link(known, {name: part for name, part in value.items() if name != "chain"})
        if known != value.get("chain"):
            return place
    return None if known == seal else -1
