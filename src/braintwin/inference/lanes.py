"""Compiled arithmetic whose bits hang on nothing but the code: sums and logarithms in explicit lanes.

The compiler may not reorder sums nor fuse products ("fastmath"): what it would do depends on what else was compiled
before, and a person's draws then depend on it (decision 035). Sums are written in the lanes that it would have used.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

JIT = {"error_model": "numpy"}

_MANTISSA, _ONE, _EXPONENT = (np.int64(bits) for bits in (0x000FFFFFFFFFFFFF, 0x3FF0000000000000, 0x4330000000000000))
_SHIFT = 4503599627370496.0 + 1023.0
"""An exponent e written into the last bits of 2⁵² reads as 2⁵² + 1023 + e."""

_LEAST, _MOST = 2.3e-308, 1.7e308
_ROOT_2, _LN_2 = math.sqrt(2.0), math.log(2.0)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def logarithms(values: Floats, out: Floats, work: Floats) -> None:
    """Write the logs of `values` (n,) to `out`, to 4e-16; `work` is (2, n).

    The log of the library does one number at a time. Here x = m 2ᵉ with m in [√½, √2), and the log of m is the series
    of 2 artanh((m - 1)/(m + 1)). What is no positive normal number is left to the library.
    """
    n = values.shape[0]
    bits, parts = values.view(np.int64), work.view(np.int64)
    fraction, power = parts[0], parts[1]
    strange = 0.0
    for i in range(n):
        strange += 0.0 if _LEAST < values[i] < _MOST else 1.0
    for i in range(n):
        fraction[i] = (bits[i] & _MANTISSA) | _ONE
    for i in range(n):
        power[i] = (bits[i] >> 52) | _EXPONENT
    m, e = work[0], work[1]
    for i in range(n):
        large = m[i] > _ROOT_2
        part = 0.5 * m[i] if large else m[i]
        s = (part - 1) / (part + 1)
        q = s * s
        series = 1 / 11 + q * (1 / 13 + q * (1 / 15 + q * (1 / 17 + q * (1 / 19))))
        series = q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * series))))
        out[i] = (e[i] - _SHIFT + (1.0 if large else 0.0)) * _LN_2 + 2 * (s + s * series)
    if strange > 0:
        for i in range(n):
            if not _LEAST < values[i] < _MOST:
                out[i] = math.log(values[i])


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def total(values: Floats) -> float:
    """Return the sum of `values` (n,), in eight lanes."""
    n = values.shape[0]
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = n - n % 8
    for i in range(0, whole, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    for i in range(whole, n):
        a += values[i]
    return ((a + e) + (b + f)) + ((c + g) + (d + h))
