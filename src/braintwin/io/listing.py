"""The files of a BIDS dataset grouped into nights: by participant, session and run, in one pass over its entries."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from braintwin.errors import DatasetError
from braintwin.io.bids import SIGNALS, Entry
from braintwin.io.events import entities
from braintwin.options.dataset import DatasetOptions

_DESCRIPTIONS = (("eeg", ".json"), ("channels", ".tsv"))
"""Suffix and ending of the sidecars that only a recording has: they prove one that was left behind."""

_PARTS = frozenset({".json", ".tsv", ".fdt", ".eeg", ".dat", ".vmrk", ".gz", ".txt", ".md", ".html"})
"""Endings beside a recording that are no recording themselves."""


@dataclass
class Candidate:
    """The files of one session (and run) of one participant."""

    sub: str
    ses: str
    run: str
    folder: str
    recordings: list[Entry] = field(default_factory=list)
    events: list[Entry] = field(default_factory=list)
    foreign: list[Entry] = field(default_factory=list)
    described: bool = False


@dataclass
class Listing:
    """The files of a dataset as the index needs them."""

    candidates: list[Candidate]
    sizes: dict[str, int]
    sidecars: dict[str, list[Entry]]
    subs: set[str]
    tasks: set[str]
    acquisitions: set[str]
    files: int


def list_nights(entries: Iterable[Entry], task: str | None, scoring: str | None = None) -> Listing:
    """Group the files of a dataset into nights; time and memory are linear in the number of files.

    Parameters
    ----------
    entries : iterable of Entry
        The files.
    task : str, optional
        Task of a night's files; any where None.
    scoring : str, optional
        Where scorings lie outside the eeg folders: ``stages.file`` of the config.
    """
    nights: dict[tuple[str, str, str], Candidate] = {}
    listing = Listing([], {}, defaultdict(list), set(), set(), set(), 0)
    outside = _pattern(scoring) if scoring else None
    scorings: list[tuple[Entry, dict[str, str]]] = []
    for entry in entries:
        listing.files += 1
        if entry.name.lower().endswith("_events.json"):
            listing.sidecars[entry.folder].append(entry)
        if outside is not None and (found := outside.fullmatch(entry.path)):
            scorings.append((entry, found.groupdict()))
        elif entry.path.startswith("sub-"):
            listing.subs.add(entry.path.partition("/")[0].removeprefix("sub-"))
            if entry.folder.endswith("/eeg"):
                listing.sizes[entry.path] = entry.size
                _add(nights, listing, entry, task)
    _add_scorings(nights, scorings)
    whole = {night.folder for night in nights.values() if not night.described or night.recordings or night.events}
    # a sidecar beside a recording or events is theirs, whatever their runs: it is inherited
    kept = (n for n in nights.values() if n.recordings or n.events or n.foreign or n.folder not in whole)
    listing.candidates = list(kept)
    return listing


def _add(nights: dict[tuple[str, str, str], Candidate], listing: Listing, entry: Entry, task: str | None) -> None:
    """Put a file of an eeg folder to its night, if it makes or proves one."""
    found = entities(entry.name)
    ending = Path(entry.name.lower()).suffix
    is_events = found["suffix"] == "events" and ending == ".tsv"
    describes = (found["suffix"], ending) in _DESCRIPTIONS
    if not is_events and not describes and (found["suffix"] != "eeg" or ending in _PARTS):
        return
    listing.tasks.add(found.get("task", ""))
    if task is not None and found.get("task", task.lower()) != task.lower():
        return
    if not describes:
        listing.acquisitions.add(found.get("acq", ""))
    key = (entry.folder.lower(), found.get("run", ""), found.get("split", ""))
    night = nights.setdefault(key, _candidate(entry, found.get("run", "")))
    if describes:
        night.described = True
    else:
        kind = night.events if is_events else (night.recordings if ending in SIGNALS else night.foreign)
        kind.append(entry)


def _pattern(template: str) -> re.Pattern[str]:
    """Return what matches the path of a scoring, from a template such as ``sourcedata/sub-{sub}-stages.tsv``."""
    parts = re.split(r"\{(sub|ses|run)\}", template.strip("/"))
    seen: set[str] = set()
    pattern = ""
    for i, part in enumerate(parts):
        if i % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>[A-Za-z0-9]+)"
            seen.add(part)
    if "sub" not in seen:
        message = f"stages.file {template!r} does not say whose file it is; put {{sub}} in place of the label"
        raise DatasetError(message)
    return re.compile(pattern)


def _add_scorings(
    nights: dict[tuple[str, str, str], Candidate], scorings: Iterable[tuple[Entry, Mapping[str, str]]]
) -> None:
    """Put each scoring from outside to the night it is of, or to one of its own where there is no other."""
    of_sub: dict[str, list[Candidate]] = defaultdict(list)
    for night in nights.values():
        of_sub[night.sub].append(night)
    for entry, labels in scorings:
        fits = [n for n in of_sub[labels["sub"]] if all(getattr(n, key) == text for key, text in labels.items())]
        if len(fits) > 1:
            message = f"stages.file fits {len(fits)} nights of sub-{labels['sub']}; put {{ses}} or {{run}} into it"
            raise DatasetError(message)
        ses, run = labels.get("ses", ""), labels.get("run", "")
        folder = f"sub-{labels['sub']}/" + (f"ses-{ses}/" if ses else "") + "eeg"
        night = fits[0] if fits else Candidate(labels["sub"], ses, run, folder)
        nights.setdefault((night.folder.lower(), night.run, ""), night)
        night.events.append(entry)


def _candidate(entry: Entry, run: str) -> Candidate:
    parts = entry.folder.split("/")
    ses = next((part.removeprefix("ses-") for part in parts[1:] if part.startswith("ses-")), "")
    return Candidate(parts[0].removeprefix("sub-"), ses, run, entry.folder)


def check_entities(listing: Listing, dataset: DatasetOptions) -> None:
    """Refuse a task or an acquisition that the config names and no file has, and a dataset without any night.

    Raises
    ------
    DatasetError
        Naming what was found.
    """
    if not listing.candidates:
        tasks = ", ".join(sorted(task for task in listing.tasks if task))
        hint = (
            f"no file of task {dataset.task!r} (tasks found: {tasks}); correct its task"
            if tasks
            else f"no recording or events table in sub-*/[ses-*/]eeg among {listing.files} files; expected "
            "a night's EEG in BIDS; correct source or subfolder"
        )
        raise DatasetError(hint)
    named = (("acquisition", dataset.acquisition), ("stages.acquisition", dataset.stages.acquisition))
    for key, wanted in named:
        if wanted is not None and wanted.lower() not in listing.acquisitions:
            found = ", ".join(sorted(acq for acq in listing.acquisitions if acq)) or "none"
            message = f"{key} names {wanted!r}, which no file has (acq- found: {found})"
            raise DatasetError(message)
