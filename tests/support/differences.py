"""Slopes by central differences, against which gradients written by hand are held."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


def slopes(
    value: Callable[[dict[str, Any]], float], at: Mapping[str, Any], name: str, step: float
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield each index of the argument `name` and the slope of `value` there; numbers have one index."""
    flat = np.atleast_1d(np.asarray(at[name], dtype=float))
    for index in np.ndindex(flat.shape):
        width, sides = step * max(1.0, abs(flat[index])), []
        for sign in (1, -1):
            moved = flat.copy()
            moved[index] += sign * width
            sides.append(value({**at, name: moved if np.ndim(at[name]) else moved[0]}))
        yield index, (sides[0] - sides[1]) / (2 * width)
