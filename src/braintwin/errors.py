"""What can go wrong, sorted by who can mend it.

A :class:`BrainTwinError` is the user's to mend: the command line prints its one line and exits with 2.
A :class:`NightExcluded` takes one night (or person) out of the study, with the reason kept.
Anything else is a bug of ours and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BrainTwinError(Exception):
    """A mistake in data or config, told in one line: what, where, got, expected, what to do."""


class ConfigError(BrainTwinError):
    """The config does not say what it must, or says what is not understood."""


class DatasetError(BrainTwinError):
    """A dataset as a whole cannot be read."""


class ContractError(BrainTwinError):
    """An artefact does not have the form that its contract promises."""


class NightExcluded(BrainTwinError):
    """This night cannot be used; the cohort goes on without it."""


class NothingToDo(NightExcluded):
    """The data hold nothing for this step (a night without EEG has no spectrum); not a fault."""


class FitFailed(BrainTwinError):
    """A fit ran and its result must not be used; nothing is built on it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known word, or an empty string."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
