"""The words and codes that datasets use for sleep stages, and which column holds them."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import MISSING, STAGES
from braintwin.errors import NightExcluded, did_you_mean
from braintwin.io.events import BLANK, Table, Unscored, shown
from braintwin.options.dataset import StageOptions

OTHER = -2
"""Code of a row that is no epoch: an apnea, an arousal, a mark."""

_WORDS = {
    "W": "w wk wake awake wakefulness wach s0 stage0",
    "N1": "n1 s1 nrem1 1",
    "N2": "n2 s2 nrem2 2",
    "N3": "n3 s3 nrem3 3 n4 s4 nrem4 4 sws slowwavesleep",
    "R": "r rem remsleep paradoxicalsleep",
}
_MISSING = """
    unscored notscored unscorable unstaged nostage movement movementtime mt mov m uncertain unknown unk u undefined
    artefact artifact indeterminate
"""
# a number stands for a stage only after "stage" or "sleep": Sleep stage 2, SLEEP-2
_BARE = frozenset("1234")
_PREFIX = re.compile(r"^(sleep|stage|staging|schlafstadium|stadium|stade)+")
_UNCERTAIN = re.compile(r"\((uncertain|unscorable|unscored|unsure)\)|\?")
_INTEGER = re.compile(r"^[+-]?\d+(\.0*)?$")

STAGE_OF = {word: STAGES.index(stage) for stage, words in _WORDS.items() for word in words.split()}
MISSING_WORDS = frozenset(_MISSING.split())
MISSING_CODES = frozenset({"8", "9"})
"""Integers that mean unscored where no map says otherwise; negative ones do too."""

_LIGHTS_OFF = frozenset({"lightsoff", "lightoff", "lightsout", "loff", "lightout"})


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9?()]", "", text.lower())


def stage_of(text: str) -> int | None:
    """Return the code of a stage's label, -1 for a label of a missing epoch, or None where it is neither.

    A bare number is never a label.
    """
    if text.strip().lower() in BLANK or _UNCERTAIN.search(text.lower()):
        return MISSING
    plain = _plain(text)
    bare = _PREFIX.sub("", plain)
    if bare in MISSING_WORDS or plain in MISSING_WORDS:
        return MISSING
    if bare == "0" and bare != plain:
        return STAGES.index("W")
    if plain in _BARE:
        return None
    return STAGE_OF.get(plain, STAGE_OF.get(bare))


def is_code(text: str) -> bool:
    """Tell whether a cell is an integer code."""
    return bool(_INTEGER.match(text))


def _code(text: str) -> str:
    """Return a code in its shortest form: ``2.0`` and ``+2`` are ``2``."""
    return str(int(float(text))) if is_code(text) else text.strip().lower()


def is_lights_off(text: str, label: str | None) -> bool:
    """Tell whether an event is lights off: `label`, or a common name of it."""
    if not label and not text[:1].isalpha():
        return False
    plain = _plain(text)
    return plain == _plain(label) if label else plain in _LIGHTS_OFF


def is_automatic(column: str) -> bool:
    """Tell whether a column holds the scoring of a program rather than of a human, by its name."""
    return bool(_AUTOMATIC.search(_plain(column)))


def is_respiratory(text: str) -> bool:
    """Tell whether an event is an apnea or a hypopnea (``resp_centralapnea``, ``Hypopnea``, ``Obstructive apnoea``)."""
    plain = text.lower()
    return "apnea" in plain or "apnoea" in plain or "hypopn" in plain


class Decoder:
    """Turns the cells of one column into codes of stages, by map, by ``Levels`` or by label.

    Parameters
    ----------
    column : str
        Name of the column. By its name it holds stages alone, or stages among other events.
    codes : mapping of str to str
        The config's map; it has the last word.
    levels : mapping of str to str
        The sidecar's ``Levels`` of the column.
    """

    def __init__(self, column: str, codes: Mapping[str, str], levels: Mapping[str, str]) -> None:
        self.column = column
        self.mixed = not _holds_stages(column)
        self.given = {_code(code): MISSING if stage == "?" else STAGES.index(stage) for code, stage in codes.items()}
        self.described = {_code(code): stage_of(text) for code, text in levels.items() if is_code(code)}

    def stage(self, text: str) -> int | None:
        """Return the code of one cell; None where nothing says that it is a stage, or a missing one."""
        code = _code(text)
        if code in self.given:
            return self.given[code]
        if not is_code(text):
            return stage_of(text)
        if code in self.described:
            return self.described[code]
        return MISSING if code.startswith("-") or code in MISSING_CODES else None

    def unexplained(self, cells: Sequence[str]) -> list[str]:
        """Return the integer codes that neither map nor ``Levels`` explains, in order."""
        found = {_code(text) for text in set(cells) if is_code(text) and self.stage(text) is None}
        return sorted(found - self.described.keys(), key=int)

    def stages(self, cells: Sequence[str]) -> set[str]:
        """Return the different labels and codes in `cells` that are stages."""
        known = {text: self.stage(text) for text in set(cells)}
        return {text for text, stage in known.items() if stage is not None and stage != MISSING}

    def decode(self, cells: Sequence[str]) -> npt.NDArray[np.int8]:
        """Return one code a row: a stage, -1 where missing, -2 where the row is another event.

        Raises
        ------
        NightExcluded
            If an integer code is not explained, or a column of stages is mostly in words that are not known.
        """
        unknown = self.unexplained(cells)
        if unknown and not (self.mixed and self.stages(cells)):
            raise NightExcluded(_explain(self.column, unknown))
        values = {text: self.stage(text) for text in set(cells)}
        strange = sorted(text for text, stage in values.items() if stage is None)
        if not self.mixed and sum(values[text] is None for text in cells) > 0.05 * len(cells):
            message = (
                f"column {self.column!r} holds stages that are not known: {shown(strange, 8)}; say what they are "
                f"under datasets.<name>.stages.codes, e.g. {{{strange[0]!r}: N2}} ('?' for missing)"
            )
            raise NightExcluded(message)
        # among stages alone, a stray word is an epoch of unknown stage; elsewhere it is another event
        coded = {text: (OTHER if self.mixed else MISSING) if stage is None else stage for text, stage in values.items()}
        if self.mixed:
            coded.update({text: OTHER for text in coded if text.lower() in BLANK})
        return np.array([coded[text] for text in cells], np.int8)


MOST_SHOWN = 12
"""Codes that a message lists."""


def _explain(column: str, codes: Sequence[str]) -> str:
    lines = ", ".join(f"'{code}': <stage>" for code in codes[:MOST_SHOWN])
    return (
        f"column {column!r} holds integer codes {shown(codes, MOST_SHOWN)} and no sidecar says what they mean; write "
        f"datasets.<name>.stages.codes: {{{lines}}} with W, N1, N2, N3, R or '?' for each"
    )


_PLAIN_NAMES = ("stagehum", "sleepstage", "stage", "stages", "staging", "hypnogram", "scoring")
_MIXED_NAMES = frozenset({"trialtype", "eventtype", "event", "description", "type", "label", "annotation"})
_AUTOMATIC = re.compile(r"ai$|auto|yasa|usleep|pred|model")


def _holds_stages(column: str) -> bool:
    """Tell whether a column holds nothing but stages, by its name."""
    return any(word in _plain(column) for word in ("stag", "scor", "hypno"))


def name_rank(column: str) -> int:
    """Return how soon a column is tried: a human's scoring, then events, then automatic and raw scoring; 99 never."""
    plain = _plain(column)
    if plain in _PLAIN_NAMES:
        return 0
    if plain in _MIXED_NAMES:
        return 2
    if not _holds_stages(column):
        return 99
    return 3 if _AUTOMATIC.search(plain) or plain.startswith("orig") or plain.endswith(("idx", "code")) else 1


def convincing(labels: set[str]) -> bool:
    """Tell whether labels in a column of mixed events are stages: two of them, or one that is not a lone letter."""
    return len(labels) > 1 or any(len(label) > 1 for label in labels)


def stage_column(table: Table, options: StageOptions, levels: Mapping[str, Mapping[str, str]]) -> str:
    """Return the column that holds the stages: named by `options`, else found by its name and content.

    Raises
    ------
    NightExcluded
        If there is none, naming the columns or the codes that were found.
    """
    found = shown(table.columns)
    if options.column is not None:
        wanted = _plain(options.column)
        for column in table.columns:
            if _plain(column) == wanted:
                return column
        near = did_you_mean(options.column, table.columns)
        message = f"no column {options.column!r} in the events table (found {found}){near}; correct stages.column"
        if near or any(_holds_stages(column) for column in table.columns):
            raise NightExcluded(message)
        _refuse_likely(table, options, levels)
        raise Unscored(message)
    ranked = sorted((c for c in table.columns if name_rank(c) < 99), key=name_rank)
    codes: NightExcluded | None = None
    for column in ranked:
        decoder = Decoder(column, options.codes, levels.get(column, {}))
        cells = table.text(column)
        labels = decoder.stages(cells)
        unknown = [] if decoder.mixed else decoder.unexplained(cells)
        if unknown:
            codes = codes or NightExcluded(_explain(column, unknown))
        elif labels and (not decoder.mixed or convincing(labels)):
            return column
    if codes is not None:
        raise codes
    named = [column for column in ranked if _holds_stages(column)]
    if named:  # its decoding will say what is wrong with it
        return named[0]
    _refuse_likely(table, options, levels)
    message = f"no stage column (found {found}); name it under datasets.<name>.stages.column"
    raise Unscored(message)


LIKELY_ROWS = 20
"""Rows from which what looks like a scoring is taken for one that the config must explain."""


def _refuse_likely(table: Table, options: StageOptions, levels: Mapping[str, Mapping[str, str]]) -> None:
    """Raise where a column is likely a scoring that cannot be read: automatic staging must not replace it unasked.

    Raises
    ------
    NightExcluded
        If a column of another name holds the labels of several stages, or a column of events holds few integer codes
        of epochs that nothing explains.
    """
    found = shown(table.columns)
    lasting = [length >= EPOCH_LIKE_S for length in table.duration]
    for column in table.columns:
        decoder = Decoder(column, options.codes, levels.get(column, {}))
        cells = table.text(column)
        words = {label for label in decoder.stages(cells) if not is_code(label)}
        rows = sum(cell in words for cell in cells)
        if name_rank(column) == 99 and rows >= LIKELY_ROWS and convincing(words):
            message = (
                f"no stage column (found {found}), but {column!r} looks like one; name it under "
                "datasets.<name>.stages.column"
            )
            raise NightExcluded(message)
        if decoder.mixed and name_rank(column) < 99:
            codes = [cell for cell, long in zip(cells, lasting, strict=True) if long and is_code(cell)]
            unknown = decoder.unexplained(codes)
            if len(codes) >= LIKELY_ROWS and 1 < len(unknown) <= MOST_CODES:
                raise NightExcluded(_explain(column, unknown))


EPOCH_LIKE_S, MOST_CODES = 4.0, 10
"""Triggers are shorter, and have more codes, than the stages of epochs."""
