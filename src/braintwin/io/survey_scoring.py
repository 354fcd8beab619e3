"""What the scoring of a dataset would be read from, which codes it has, and what must be said about them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from braintwin.contracts.stages import MISSING, STAGES
from braintwin.errors import NightExcluded
from braintwin.io.bids import walk
from braintwin.io.events import Table, decoded, entities, read_events, shown
from braintwin.io.finding import Finding
from braintwin.io.hypnogram import levels_of
from braintwin.io.listing import Candidate, Listing
from braintwin.io.nights import inherited, read_night
from braintwin.io.scoring import (
    EPOCH_LIKE_S,
    LIKELY_ROWS,
    MOST_CODES,
    Decoder,
    convincing,
    is_automatic,
    is_code,
    is_lights_off,
    name_rank,
    stage_of,
)
from braintwin.options.dataset import DatasetOptions, StageOptions

ASK = "???"
"""Stands in a config line for a stage that nothing in the dataset tells; the config refuses it as it is."""

LOOKED_AT = 60
"""Nights whose tables are looked into for columns and codes."""

_CODE_LINE = re.compile(r"^[\s*#|>-]*['\"`]?(-?\d{1,2})['\"`]?\s*(?:[:=|]|-+>|is\b|means\b)\s*(.+)$", re.MULTILINE)
_STAGE_WORD = re.compile(r"\b(N[1-4]|S[1-4]|NREM\s?[1-4]|REM|R|Wake(?:fulness)?|Awake|W|stage [1-4])\b", re.IGNORECASE)


@dataclass
class _Seen:
    """What the tables of the nights looked at hold."""

    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    map: dict[str, str] = field(default_factory=dict)
    dark: int = 0
    unread: dict[str, Counter[str]] = field(default_factory=dict)
    looks_like: Counter[str] = field(default_factory=Counter)
    several: Counter[str] = field(default_factory=Counter)
    scored_tables: Counter[str] = field(default_factory=Counter)


def survey_scoring(root: Path, listing: Listing, dataset: DatasetOptions) -> list[Finding]:
    """Return the findings on stages: where they stand, and how they are decoded."""
    step = max(1, len(listing.candidates) // LOOKED_AT)
    seen = _Seen()
    for candidate in listing.candidates[::step]:
        _look(root, candidate, listing, dataset, seen)
    where = ", ".join(f"column {c} of {place} ({n})" for (place, c), n in seen.places.most_common(4))
    looked = f" of {len(listing.candidates[::step])} nights looked at"
    if not seen.places:
        outside = _outside(root) if dataset.stages.file is None and not seen.unread else None
        if outside is not None:
            return [Finding("stages", "none in the eeg folders", outside[0], {"stages": outside[1]})]
    lines, why = _questions(root, seen, dataset.stages)
    used = where + looked if where else "none: " + ("what is there needs a word from you" if lines else "unscored")
    codes = ", ".join(f"{text} = {stage}" for text, stage in sorted(seen.map.items())) or "none read"
    dark = f"{seen.dark} night(s) have a mark of it" if seen.dark else "not known, so sleep latency is not either"
    given = dataset.stages.lights_off
    return [
        Finding("stages", used, why, {"stages": lines} if lines else {}),
        Finding("codes", codes),
        Finding("lights off", "where scoring starts" if given == "start" else dark),
    ]


def _look(root: Path, candidate: Candidate, listing: Listing, dataset: DatasetOptions, seen: _Seen) -> None:
    try:
        night = read_night(root, candidate, listing, dataset)
    except NightExcluded:
        night = None
    if night is not None and night.hypnogram is not None:
        seen.places[_place(night.stages), night.hypnogram.column] += 1
    wanted, dark = dataset.stages.acquisition, False
    for entry in candidate.events:
        try:
            table = read_events(root / entry.path, dataset.stages.rows)
        except NightExcluded:
            continue
        texts = {text for column in table.columns for text in table.text(column)}
        dark |= any(is_lights_off(text, dataset.stages.lights_off) for text in texts)
        own = entities(entry.name).get("acq", "")
        if wanted is not None and own != wanted.lower():
            continue
        levels = levels_of([root / path for path in inherited(entry, listing.sidecars)])
        used = night.hypnogram.column if night and night.hypnogram and night.stages == entry.path else None
        _look_into(table, dataset.stages, levels, used, own, seen)
    seen.dark += dark


def _look_into(
    table: Table,
    options: StageOptions,
    levels: Mapping[str, Mapping[str, str]],
    used: str | None,
    acquisition: str,
    seen: _Seen,
) -> None:
    """Note which columns of a table are stages, could be, or hold codes that nothing explains."""
    readable = []
    for column, decoder, cells in _columns(table, options, levels):
        if column == used:
            seen.map.update(
                {text: _name(decoder.stage(text)) for text in set(cells) if decoder.stage(text) is not None}
            )
        words = {text for text in decoder.stages(cells) if not is_code(text)}
        unknown = decoder.unexplained(cells)
        if name_rank(column) < 99 and unknown and not (decoder.mixed and words):
            if not decoder.mixed or 1 < len(unknown) <= MOST_CODES:
                seen.unread.setdefault(column, Counter()).update(t for t in cells if is_code(t) and t in unknown)
        elif convincing(decoder.stages(cells)):
            if name_rank(column) < 99:
                readable.append(column)
            elif sum(text in words for text in cells) >= LIKELY_ROWS and not used:
                seen.looks_like[column] += 1
    by_hand = [column for column in readable if not is_automatic(column)]
    seen.several.update(by_hand if len(by_hand) > 1 else [])
    if readable or (not used and seen.unread):
        seen.scored_tables[acquisition] += 1


def _columns(
    table: Table, options: StageOptions, levels: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, Decoder, list[str]]]:
    """Yield the columns that can hold stages; of mixed events only rows that last as long as an epoch."""
    for column in table.columns:
        if column.lower().startswith(("onset", "duration", "sample", "begsample", "endsample", "offset")):
            continue
        decoder = Decoder(column, options.codes, levels.get(column, {}))
        cells = table.text(column)
        if decoder.mixed:
            cells = [t for t, s in zip(cells, table.duration, strict=True) if s >= EPOCH_LIKE_S or not is_code(t)]
        yield column, decoder, cells


def _questions(root: Path, seen: _Seen, given: StageOptions) -> tuple[dict[str, Any], str]:
    """Return the lines that settle the scoring, and why they are needed."""
    lines: dict[str, Any] = {}
    why = []
    readable = {column for _, column in seen.places}
    if seen.unread and not (readable - {c for c in readable if is_automatic(c)}):
        human = sorted(seen.unread, key=lambda c: (is_automatic(c), name_rank(c), -seen.unread[c].total()))
        column = given.column if given.column in seen.unread else human[0]
        counts = seen.unread[column]
        hints = _hints(root, column)
        codes = {code: hints.get(code, ASK) for code in sorted(counts, key=float)}
        lines |= {"column": column, "codes": codes}
        found = ", ".join(f"{code} ({counts[code]} rows)" for code in codes)
        told = "the README or a sidecar reads as below; check it" if hints else "no text of the dataset explains them"
        why.append(f"column {column} holds integer codes {found}, which are never guessed; {told}")
        if len(human) > 1:
            why.append(f"{shown(human)} hold codes; {column} would be used")
    elif not readable and seen.looks_like:
        column = seen.looks_like.most_common(1)[0][0]
        lines["column"] = column
        why.append(f"column {column} looks like a scoring")
    elif len(seen.several) > 1 and given.column is None:
        column = next(column for (_, column), _ in seen.places.most_common())
        lines["column"] = column
        why.append(f"columns {shown(sorted(seen.several))} can be read; {column} would be used")
    tables = [acq for acq in seen.scored_tables if acq]
    if len(tables) > 1 and given.acquisition is None:
        chosen = _acquisition(seen, tables)
        lines["acquisition"] = chosen
        why.append(f"tables of acquisitions {shown(sorted(tables))} can hold the scoring; {chosen} would be used")
    return lines, "; ".join(why)


def _acquisition(seen: _Seen, tables: Sequence[str]) -> str:
    """Return the acquisition that the index would take its scoring from, or would try first."""
    used = [place for (place, _), _ in seen.places.most_common()]
    return next((acq for place in used for acq in tables if place == f"acq-{acq}"), "") or min(
        tables, key=lambda acq: ("scor" not in acq, "psg" not in acq, acq)
    )


def _hints(root: Path, column: str) -> dict[str, str]:
    """Return what descriptions of a column and the README say of codes; only for the config lines, never used."""
    texts = [
        text
        for path in sorted(root.glob("README*"))
        for text in [_text(path)]
        if column in text or "stag" in text.lower()
    ]
    found: dict[str, str] = {}
    for text in texts:
        for code, meaning in _CODE_LINE.findall(text):
            word = _STAGE_WORD.findall(meaning[:60])
            stage = stage_of(word[-1]) if word else stage_of(meaning.strip(" .,;`'\""))
            if stage is not None and code not in found:
                found[code] = "?" if stage == MISSING else STAGES[stage]
    return found if len(set(found.values())) > 2 else {}


def _text(path: Path) -> str:
    try:
        return decoded(path.read_bytes()[:200_000])
    except OSError:
        return ""


def _place(path: str) -> str:
    name = entities(path.rpartition("/")[2])
    if "/eeg/" not in path:
        return path.partition("/")[0]
    return f"acq-{name['acq']}" if name.get("acq") else "events.tsv"


def _name(stage: int | None) -> str:
    return "?" if stage is None or stage == MISSING else STAGES[stage]


def _outside(root: Path) -> tuple[str, dict[str, Any]] | None:
    """Return what tables outside the eeg folders look like that hold stages, and the lines that name them."""
    lines: dict[str, Any] = {}
    codes: set[str] = set()
    first, read = "", 0
    for path, template in _labelled(root):
        if lines and (template != lines["file"] or read >= LOOKED_AT):
            continue
        try:
            table = read_events(path)
        except NightExcluded:
            continue
        for column, decoder, cells in _columns(table, StageOptions(), {}):
            unknown = decoder.unexplained(cells)
            if name_rank(column) == 99 or not (unknown or convincing(decoder.stages(cells))):
                continue
            lines = lines or {"file": template, "column": column, **_one_recording(table)}
            first = first or shown([path.relative_to(root).as_posix()])
            codes.update(unknown)
            read += 1
            break
    if not lines:
        return None
    if codes:
        lines["codes"] = dict.fromkeys(sorted(codes, key=int), ASK)
    return f"{first} and {read - 1} more hold stages in column {lines['column']}", lines


def _labelled(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the tables outside the participants' folders that name one, with the label's place in their path."""
    for entry in walk(root, everything=True):
        label = re.search(r"sub-([A-Za-z0-9]+)", entry.path)
        if entry.path.startswith("sub-") or not label or not 50 < entry.size < 5e6:
            continue
        if entry.name.lower().endswith((".tsv", ".csv", ".txt")):
            template = entry.path.replace(f"sub-{label[1]}", "sub-{sub}")
            yield root / entry.path, re.sub(r"ses-[A-Za-z0-9]+", "ses-{ses}", template)


def _one_recording(table: Table) -> dict[str, Any]:
    """Return ``rows`` for a table that holds several recordings, each of which begins anew."""
    if len(set(table.onset.tolist())) == table.onset.size:
        return {}
    for column in table.columns:
        values = table.text(column)
        groups: dict[str, list[float]] = {}
        for value, onset in zip(values, table.onset.tolist(), strict=True):
            groups.setdefault(value, []).append(onset)
        if 1 < len(groups) <= 50 and all(len(set(on)) == len(on) for on in groups.values()):
            longest = max(groups, key=lambda value: ("sleep" in value.lower(), len(groups[value])))
            return {"rows": {column: longest}}
    return {}
