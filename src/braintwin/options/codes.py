"""Stages as a config names them."""

from collections.abc import Mapping
from typing import Any, Literal

StageLabel = Literal["W", "N1", "N2", "N3", "R", "?"]
"""A stage, or ``?`` for an epoch that is to count as missing."""


def text_keys(codes: Any) -> Any:
    """Return `codes` with keys as text: YAML reads the key of ``0: W`` as a number."""
    return {str(code): stage for code, stage in codes.items()} if isinstance(codes, Mapping) else codes
