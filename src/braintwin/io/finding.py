"""What a survey of a dataset finds, in words and as keys of the config."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that the index must know.

    Parameters
    ----------
    topic : str
        night, person, condition, stages or signal.
    used : str
        What would be used, in words.
    ambiguous : str
        What speaks against it, or is not known; empty where nothing is.
    lines : mapping
        Keys of ``datasets.<name>`` that settle it.
    """

    topic: str
    used: str
    ambiguous: str = ""
    lines: Mapping[str, Any] = field(default_factory=dict)


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keys of several findings in one tree."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            known = whole.get(key)
            both = isinstance(value, Mapping) and isinstance(known, Mapping)
            whole[key] = merged([known, value]) if both else value  # type: ignore[list-item]
    return whole
