"""What the sidecars of a recording say of it: channels, reference, filters. They may be absent, or wrong."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from braintwin.io.channels import MASTOIDS, electrodes
from braintwin.io.records import read_table

_REFERENCE_WORDS = ("linked", "contralateral", "ipsilateral", "mastoid", "average", "nose", "ear", "earlobe", "common")


def _sidecar(path: Path, suffix: str) -> Path | None:
    """Return the nearest sidecar of a signal file that ends with `suffix`, up to the dataset's root."""
    entities = set(path.name.split("_")[:-1])
    folder = path.parent
    while True:
        found = [
            p
            for p in sorted(folder.glob("*"))
            if p.name.lower().endswith(suffix) and {e for e in p.name.split("_")[:-1]} <= entities and p.is_file()
        ]
        if found:
            return max(found, key=lambda p: len(p.name.split("_")))
        if (folder / "dataset_description.json").exists() or folder.parent == folder or len(folder.parts) < 2:
            return None
        folder = folder.parent


def channel_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a recording's channels.tsv; none where there is none that can be read."""
    found = _sidecar(path, "channels.tsv")
    try:
        return [{k: v or "" for k, v in row.items() if k} for row in read_table(found)] if found else []
    except (OSError, ValueError, csv.Error):
        return []


def description(path: Path) -> dict[str, Any]:
    """Return a recording's JSON sidecar; empty where there is none that can be read."""
    found = _sidecar(path, "_eeg.json")
    try:
        value = json.loads(found.read_text(encoding="utf-8-sig")) if found else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def reference_words(text: str) -> str:
    """Return only electrode names and a few fixed words of a free text, so that nothing personal passes."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    known = [
        w
        for w in words
        if w.lower().removesuffix("s") in _REFERENCE_WORDS or w.upper() in MASTOIDS or w.upper() in electrodes()
    ]
    return " ".join(known)


def number(value: Any) -> float | None:
    """Return `value` as a number, or None (``n/a``)."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def filter_edge(filters: Any, side: str) -> float | None:
    """Return the edge under a key such as ``Highpass`` of HardwareFilters: its first number but for order and slope."""
    if not isinstance(filters, dict):
        return None
    for key, value in filters.items():
        if re.search(rf"{side}[\s_-]*(pass|cut)", str(key), re.IGNORECASE):
            inner = value if isinstance(value, dict) else {"": value}
            kept = (v for k, v in inner.items() if not re.search("order|slope|roll", str(k), re.IGNORECASE))
            numbers = [n for n in (number(str(v).removesuffix("Hz").strip()) for v in kept) if n is not None]
            if numbers:
                return numbers[0]
    return None


def strictest(edges: Sequence[float | None], other: float | None, choose: Any) -> float | None:
    """Return the largest or smallest (`choose`) of the edges that are known."""
    known = [edge for edge in (*edges, other) if edge is not None and edge > 0]
    return float(choose(known)) if known else None
