"""Hypnograms from event tables, whatever the convention of the dataset.

Stages are decoded by their label, by the sidecar's ``Levels`` or by the config's map; integer codes are never guessed,
because the same integer means Wake, N1, N3 or REM in different public datasets. Rows are painted on a time line of 1 s
and read off in epochs of 30 s by majority, so that run-length rows, rows of duration 0, late scoring and epochs of
other lengths need no separate treatment.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import EPOCH_S, MISSING, STAGES
from braintwin.errors import NightExcluded
from braintwin.io.events import Table, Unscored, decoded, find_sidecars, read_events
from braintwin.io.scoring import OTHER, Decoder, is_lights_off, is_respiratory, stage_column
from braintwin.options.dataset import StageOptions

__all__ = ["Hypnogram", "find_sidecars", "read_hypnogram", "trim"]

MAX_SPAN_S = 7 * 86400.0
"""Longest scoring that is believed, s."""

SLEEP_GAP_S = 7200.0
"""Wake that parts two sleep periods of a long recording, s."""

ONE_NIGHT_S = 14 * 3600.0
"""A recording up to this length holds one night, s; in a longer one a nap can stand beside the night."""


@dataclass(frozen=True)
class Hypnogram:
    """The scoring of one night in epochs of 30 s.

    Attributes
    ----------
    stages : (epoch,) int8
        Codes of :mod:`braintwin.contracts.stages`; -1 where missing.
    onset_s : float
        Start of the first epoch after the first sample of the recording, s.
    epoch_s : float
        Length of an epoch, s.
    lights_off_s : float or None
        Lights off after the first sample of the recording, s; None where unknown.
    column : str
        The column that held the stages.
    ahi : float or None
        Apneas and hypopneas that begin in sleep, per hour of sleep; None where nobody looked for them.
    probability : (epoch, stage) float32, optional
        How sure an automatic scoring is of each stage; None where a person scored.
    """

    stages: npt.NDArray[np.int8]
    onset_s: float
    epoch_s: float
    lights_off_s: float | None
    column: str
    ahi: float | None = None
    probability: npt.NDArray[np.float32] | None = None


def read_hypnogram(events: Path, options: StageOptions, *, sidecars: Sequence[Path] = ()) -> Hypnogram:
    """Read the hypnogram of one night.

    Parameters
    ----------
    events : path
        The table with the stages.
    options : StageOptions
        Column, codes and lights-off mark, where the dataset does not name them itself.
    sidecars : sequence of path
        As :func:`find_sidecars` returns them: JSON sidecars for their ``Levels``, other event tables of the night for
        their lights-off mark.

    Raises
    ------
    NightExcluded
        If the table has no stages that can be read without a guess; the reason says what was found.
    """
    tables = [read_events(events, options.rows)]
    for path in sidecars:
        if path.suffix == ".tsv":
            with suppress(NightExcluded):  # a table that is not the scoring costs no night
                tables.append(read_events(path))
    return from_tables(tables, options, levels_of([path for path in sidecars if path.suffix == ".json"]))


def from_tables(tables: Sequence[Table], options: StageOptions, levels: Mapping[str, Mapping[str, str]]) -> Hypnogram:
    """Return the hypnogram of the first table; the others may hold the lights-off mark.

    Raises
    ------
    NightExcluded
        As :func:`read_hypnogram` does.
    """
    table = tables[0]
    column = stage_column(table, options, levels)
    decoder = Decoder(column, options.codes, levels.get(column, {}))
    stages, onset_s = _epochs(table, decoder.decode(table.text(column)), decoder.mixed)
    ahi = _ahi(table, column, stages, onset_s, levels.get(column, {})) if decoder.mixed else None
    return Hypnogram(stages, onset_s, EPOCH_S, _lights_off(tables, options, onset_s), column, ahi)


def trim(hypnogram: Hypnogram, keep_min: float) -> Hypnogram:
    """Return the night with `keep_min` minutes before the first and after the last epoch of sleep.

    In a recording of more than 14 h, sleep periods are parted by 2 h without sleep, and the one with most sleep is the
    night. A known lights-off before sleep onset stays in, so that sleep-onset latency does. Without any sleep the
    hypnogram is returned as it is.
    """
    asleep = np.flatnonzero(hypnogram.stages >= STAGES.index("N1"))
    if asleep.size == 0:
        return hypnogram
    if hypnogram.stages.size * hypnogram.epoch_s > ONE_NIGHT_S:
        breaks = np.flatnonzero(np.diff(asleep) * hypnogram.epoch_s > SLEEP_GAP_S) + 1
        asleep = max(np.split(asleep, breaks), key=len)
    keep = round(keep_min * 60 / hypnogram.epoch_s)
    first, last = int(asleep[0]) - keep, int(asleep[-1]) + keep + 1
    if hypnogram.lights_off_s is not None:
        dark = int((hypnogram.lights_off_s - hypnogram.onset_s) // hypnogram.epoch_s)
        first = min(first, dark) if (asleep[0] - dark) * hypnogram.epoch_s <= ONE_NIGHT_S else first
    first, last = max(first, 0), min(last, hypnogram.stages.size)
    return replace(
        hypnogram,
        stages=hypnogram.stages[first:last],
        onset_s=hypnogram.onset_s + first * hypnogram.epoch_s,
        probability=None if hypnogram.probability is None else hypnogram.probability[first:last],
    )


def levels_of(sidecars: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Return column -> code -> meaning; the nearest sidecar, which comes last, has the last word."""
    found: dict[str, dict[str, str]] = {}
    for path in sidecars:
        try:
            described = json.loads(decoded(path.read_bytes())) if path.is_file() else None
        except (
            OSError,
            ValueError,
            RecursionError,
        ):  # an annexed or broken sidecar says nothing, which is not the night's fault
            continue
        for column, meaning in described.items() if isinstance(described, Mapping) else ():
            levels = meaning.get("Levels") if isinstance(meaning, Mapping) else None
            if isinstance(levels, Mapping):
                # BIDS allows {"Description": …} in place of a text
                found[column.strip()] = {
                    str(code).strip(): str(text.get("Description", "") if isinstance(text, Mapping) else text)
                    for code, text in levels.items()
                }
    return found


def _durations(onset: npt.NDArray[np.float64], duration: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return durations, s, with the step of the onsets in place of absent ones."""
    absent = ~(duration > 0)
    if not absent.any():
        return duration
    steps = np.diff(onset)
    step = float(np.median(steps[steps > 0])) if np.any(steps > 0) else EPOCH_S
    if not 1 <= step <= 120:
        message = f"stages without a duration come every {step:g} s; expected 1 to 120 s (is the onset in seconds?)"
        raise NightExcluded(message)
    return np.where(absent, step, duration)


def _epochs(table: Table, codes: npt.NDArray[np.int8], mixed: bool) -> tuple[npt.NDArray[np.int8], float]:
    """Return stages (epoch,) in 30 s and the onset of the first, from one code a row (-2: no stage row)."""
    onset = table.onset
    rows = np.flatnonzero((codes > OTHER) & np.isfinite(onset))
    rows = rows[np.argsort(onset[rows], kind="stable")]
    scored = np.flatnonzero(codes[rows] != MISSING)
    if scored.size == 0:
        message = f"none of {len(table.rows)} rows has both a numeric onset and a stage; the night needs a scoring"
        raise Unscored(message)
    if mixed:  # a movement or artefact mark among other events must not set the grid
        rows = rows[scored[0] : scored[-1] + 1]
    start, stage = onset[rows], codes[rows]
    end = start + _durations(start, table.duration[rows])
    origin, span = float(start[0]), float(end.max() - start[0])
    if not EPOCH_S / 2 <= span <= MAX_SPAN_S:
        message = (
            f"scoring spans {span:.0f} s; expected {EPOCH_S:.0f} s to {MAX_SPAN_S / 86400:.0f} days (onset in seconds?)"
        )
        raise NightExcluded(message)
    first, last = np.rint(start - origin).astype(int), np.rint(end - origin).astype(int)
    line, clashes = _paint(first, last, stage)
    twice = int((last - first)[stage != MISSING].sum()) / line.size
    if clashes > 0.05 * line.size or twice > 1.5:
        message = (
            f"rows with stages overlap (they add up to {100 * twice:.0f} % of the time they span); "
            "expected one scorer and onsets in seconds"
        )
        raise NightExcluded(message)
    covered = np.count_nonzero(line > OTHER) / line.size
    if covered < 0.2:
        message = f"rows with stages cover {100 * covered:.0f} % of the time they span; expected onsets in seconds"
        raise NightExcluded(message)
    return _majority(np.maximum(line, MISSING).astype(np.int8)), origin


def _paint(
    first: npt.NDArray[np.int_], last: npt.NDArray[np.int_], stage: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.int8], int]:
    """Return the time line (second,), -2 where no row is, and how many seconds two rows scored differently."""
    line = np.full(max(int(last.max()), 1), OTHER, np.int8)
    clashes = 0
    if np.all(first[1:] == last[:-1]):
        return np.repeat(stage, last - first), clashes
    rows = list(zip(first.tolist(), last.tolist(), stage.tolist()))
    # a stage wins over a mark of movement or artefact within its epoch
    for start, end, code in sorted(rows, key=lambda row: row[2] != MISSING):
        before = line[start:end]
        clashes += int(np.count_nonzero((before > MISSING) & (before != code)))
        line[start:end] = code
    return line, clashes


def _majority(line: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return the stage that holds most of each 30 s; the earlier one in a tie; a rest of under 15 s is dropped."""
    length = int(EPOCH_S)
    n = max(1, (line.size + length // 2) // length)
    padded = np.full(n * length, MISSING, np.int8)
    kept = min(line.size, padded.size)
    padded[:kept] = line[:kept]
    windows = padded.reshape(n, length)
    votes = np.stack([(windows == code).sum(axis=1) for code in range(MISSING, len(STAGES))], axis=1)
    tied = votes == votes.max(axis=1, keepdims=True)
    # in a tie, the stage that comes first in the epoch
    position = np.stack([_first(windows == code) for code in range(MISSING, len(STAGES))], axis=1)
    chosen = np.where(tied, position, length + 1).argmin(axis=1) + MISSING
    return np.asarray(chosen, np.int8)


def _first(hits: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return where each row is first true; its length where never."""
    return np.asarray(np.where(hits.any(axis=1), hits.argmax(axis=1), hits.shape[1]), np.intp)


def _ahi(
    table: Table, column: str, stages: npt.NDArray[np.int8], onset_s: float, levels: Mapping[str, str]
) -> float | None:
    """Return apneas and hypopneas that begin in sleep, per hour of sleep.

    None without sleep, or where none is marked and the sidecar's ``Levels`` do not tell that they were looked for.
    """
    breath = np.array([is_respiratory(text) for text in table.text(column)])
    epoch = np.floor((table.onset[breath & np.isfinite(table.onset)] - onset_s) / EPOCH_S).astype(int)
    asleep = stages >= STAGES.index("N1")
    looked_for = epoch.size > 0 or any(is_respiratory(code) or is_respiratory(text) for code, text in levels.items())
    if not looked_for or not asleep.any():
        return None
    inside = epoch[(epoch >= 0) & (epoch < stages.size)]
    return float(np.count_nonzero(asleep[inside]) / (np.count_nonzero(asleep) * EPOCH_S / 3600))


def _lights_off(tables: Sequence[Table], options: StageOptions, onset_s: float) -> float | None:
    """Return when the lights went off, s after the first sample; the first mark counts."""
    if options.lights_off == "start":
        return onset_s
    for table in tables:
        dark = {
            text
            for column in table.columns
            for text in set(table.text(column))
            if is_lights_off(text, options.lights_off)
        }
        marks = [
            float(onset)
            for row, onset in zip(table.rows, table.onset)
            if dark and np.isfinite(onset) and not dark.isdisjoint(row)
        ]
        if marks:
            return min(marks)
    return None
