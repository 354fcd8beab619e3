"""Standard errors by leaving out one block of consecutive epochs at a time."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def block_standard_error(value: Floats, left_out: Floats, sizes: Floats) -> Floats:
    """Return the delete-a-block jackknife standard error for blocks of unequal size.

    Blocks keep the dependence between neighbouring epochs, which single epochs would not.

    Parameters
    ----------
    value : (...,) float
        Estimate from all blocks.
    left_out : (block, ...) float
        Estimate without one block.
    sizes : (block, ...) float
        Observations in that block; a block without any does not count.

    Returns
    -------
    (...,) float
        NaN where fewer than two blocks hold observations.

    References
    ----------
    Busing et al. 1999, doi:10.1023/A:1008800423698; Künsch 1989, doi:10.1214/aos/1176347265.
    """
    total = sizes.sum(axis=0)
    used = sizes > 0
    count = used.sum(axis=0)
    # Blocks that hold nothing get a ratio that only keeps the arithmetic defined.
    ratio = np.where(used, total / np.where(used, sizes, 1.0), 2.0)
    odds = np.where(ratio > 1, ratio - 1, 1.0)
    pseudo = ratio * value - (ratio - 1) * left_out
    centre = np.sum(np.where(used, value - left_out * (1 - 1 / ratio), 0.0), axis=0)
    squares = np.sum(np.where(used, (pseudo - centre) ** 2 / odds, 0.0), axis=0)
    error: Floats = np.where(count > 1, np.sqrt(squares / np.maximum(count, 1)), np.nan)
    return error
