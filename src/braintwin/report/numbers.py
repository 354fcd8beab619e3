"""Numbers as they are printed: no more digits than their error supports, a true minus sign, a dash for nothing."""

import math
from collections.abc import Sequence

NOTHING = "–"

END_ERROR = 2.1
"""Monte-Carlo error of a 5 or 95 % quantile over that of the mean, for a normal: √(q(1−q)) / φ(z_q)."""


def fixed(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Return `value` with `digits` decimals (−1: tens); ``–`` where there is no number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{round(value, digits) if digits < 0 else value:{'+' if sign else ''}.{max(digits, 0)}f}"
    if float(text) == 0:
        text = text.replace("+", "").replace("-", "")
    return text.replace("-", "−")


def digits_for(error: float | None, most: int = 2) -> int:
    """Return how many decimals a Monte-Carlo standard error supports: the place of its leading digit.

    Negative where the error is ten or more: then tens or hundreds are all that can be said.
    """
    if error is None or not math.isfinite(error) or error <= 0:
        return most
    return min(most, -math.floor(math.log10(error)))


def probability(value: float | None, draws: float | None = None) -> str:
    """Return a probability in per cent; never 0 or 100 where draws are finite.

    Where `draws` are so few that the error reaches ten points, tens of per cent are all that is printed.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    least = 0.01 if draws is None or not draws > 0 else max(0.01, 1 / draws)
    if value < least / 2:
        return f"< {100 * least:.0f} %"
    if value > 1 - least / 2:
        return f"> {100 - 100 * least:.0f} %"
    error = math.sqrt(value * (1 - value) / draws) if draws else 0.01
    return f"{round(100 * value, -1 if error >= 0.1 else 0):.0f} %"


def interval(low: float, high: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return ``low to high``; ``–`` where either is missing."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"{fixed(low, digits, sign=sign)} to {fixed(high, digits, sign=sign)}"


def by_size(value: float | None, figures: int = 3) -> str:
    """Return `value` with `figures` leading digits, for parameters of unlike scales."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    places = figures - 1 - math.floor(math.log10(abs(value)))
    return fixed(value, max(0, min(6, places)))


def apart(first: float, second: float, error: float) -> tuple[str, str]:
    """Return two numbers in print with the digits of `error`, or one more where they would read the same."""
    digits = digits_for(error, 3)
    if fixed(first, digits) == fixed(second, digits):
        digits = min(digits + 1, 4)
    return fixed(first, digits), fixed(second, digits)


def listing(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 night``, ``2 nights``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
