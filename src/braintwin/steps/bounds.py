"""What a person asked for on a command line, held against what is possible."""

from collections.abc import Iterable

from braintwin.errors import BrainTwinError


def refuse_outside(step: str, asked: Iterable[tuple[bool, str, str]]) -> None:
    """Refuse the first thing that is out of bounds.

    Parameters
    ----------
    step : str
        Who refuses.
    asked : iterable of (bool, str, str)
        Whether it is possible, what was given, and what is expected.

    Raises
    ------
    BrainTwinError
        With what was given and what is expected.
    """
    for possible, got, expected in asked:
        if not possible:
            message = f"{step}: got {got}, expected {expected}"
            raise BrainTwinError(message)
