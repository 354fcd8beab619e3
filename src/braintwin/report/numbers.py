"""Numbers as they are printed: no more digits than their error supports, a true minus sign, a dash for nothing."""

import math
from collections.abc import Sequence

NOTHING = "–"


def fixed(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Return `value` with `digits` decimals; ``–`` where there is no number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0:
        text = text.replace("+", "").replace("-", "")
    return text.replace("-", "−")


def digits_for(error: float | None, most: int = 2) -> int:
    """Return how many decimals a Monte-Carlo standard error supports: the place of its leading digit."""
    if error is None or not math.isfinite(error) or error <= 0:
        return most
    return max(0, min(most, -math.floor(math.log10(error))))


def probability(value: float | None) -> str:
    """Return a probability in per cent; never 0 or 100 where draws are finite."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 0.005:
        return "< 1 %"
    if value > 0.995:
        return "> 99 %"
    return f"{100 * value:.0f} %"


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


def listing(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 night``, ``2 nights``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
