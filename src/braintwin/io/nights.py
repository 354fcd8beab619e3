"""The nights of a BIDS dataset: which files belong to one, which of them serve, and what speaks against a night."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from braintwin.errors import DatasetError, NightExcluded
from braintwin.io.bids import SIGNALS, Entry, has_content
from braintwin.io.events import Unscored, entities
from braintwin.io.hypnogram import Hypnogram, read_hypnogram
from braintwin.io.scoring import is_automatic
from braintwin.options.dataset import DatasetOptions, StageOptions

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


@dataclass(frozen=True)
class Night:
    """What a night holds: its recording and its scoring, each as far as it is there."""

    signal: str
    has_eeg: bool
    stages: str
    hypnogram: Hypnogram | None


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


def list_nights(entries: Iterable[Entry], task: str | None) -> Listing:
    """Group the files of a dataset into nights; time and memory are linear in the number of files."""
    nights: dict[tuple[str, str, str], Candidate] = {}
    listing = Listing([], {}, defaultdict(list), set(), set(), set(), 0)
    for entry in entries:
        listing.files += 1
        lower = entry.name.lower()
        if lower.endswith("_events.json"):
            listing.sidecars[entry.folder].append(entry)
        if entry.path.startswith("sub-"):
            listing.subs.add(entry.path.partition("/")[0].removeprefix("sub-"))
        if not entry.path.startswith("sub-") or not entry.folder.endswith("/eeg"):
            continue
        listing.sizes[entry.path] = entry.size
        found = entities(entry.name)
        ending = Path(lower).suffix
        is_events = found["suffix"] == "events" and ending == ".tsv"
        if not is_events and (found["suffix"] != "eeg" or (ending in _PARTS)):
            continue
        listing.tasks.add(found.get("task", ""))
        if task is not None and found.get("task", task.lower()) != task.lower():
            continue
        listing.acquisitions.add(found.get("acq", ""))
        night = nights.setdefault(
            (entry.folder.lower(), found.get("run", ""), found.get("split", "")),
            _candidate(entry, found.get("run", "")),
        )
        kind = night.events if is_events else (night.recordings if ending in SIGNALS else night.foreign)
        kind.append(entry)
    listing.candidates = list(nights.values())
    return listing


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


def read_night(root: Path, candidate: Candidate, listing: Listing, dataset: DatasetOptions) -> Night:
    """Return what a night holds.

    Raises
    ------
    NightExcluded
        If it has neither EEG nor stages, or a scoring that cannot be read without a guess.
    """
    signal, has_eeg = _signal(root, candidate, listing.sizes, dataset.acquisition)
    refusals: list[NightExcluded] = []
    best: tuple[str, Hypnogram] | None = None
    for table in _by_likelihood(candidate.events, signal, dataset.stages):
        sidecars = [root / path for path in _inherited(table, listing.sidecars)]
        try:
            hypnogram = read_hypnogram(root / table.path, dataset.stages, sidecars=sidecars)
        except NightExcluded as refusal:
            refusals.append(refusal)
            continue
        if best is None or (is_automatic(best[1].column) and not is_automatic(hypnogram.column)):
            best = table.path, hypnogram
        if not is_automatic(hypnogram.column):
            break
    if best is not None:
        return Night(signal, has_eeg, best[0], best[1])
    unreadable = [refusal for refusal in refusals if not isinstance(refusal, Unscored)]
    if unreadable:
        raise unreadable[0]
    if has_eeg:
        return Night(signal, has_eeg, "", None)
    message = (
        f"neither EEG nor stages: {_absent_eeg(candidate, signal)}; {refusals[0] if refusals else 'no events table'}"
    )
    raise NightExcluded(message)


def _signal(root: Path, candidate: Candidate, sizes: Mapping[str, int], acquisition: str | None) -> tuple[str, bool]:
    """Return the recording to use and whether its content is here; PSG before other devices."""
    acq = {entry.path: entities(entry.name).get("acq", "") for entry in candidate.recordings}
    usable = [e for e in candidate.recordings if acquisition is None or acq[e.path] == acquisition.lower()]
    ranked = sorted(usable, key=lambda e: ("psg" not in acq[e.path], acq[e.path] != "", e.path))
    for entry in ranked:
        if has_content(root, entry, sizes):
            return entry.path, True
    return (ranked[0].path, False) if ranked else ("", False)


def _absent_eeg(candidate: Candidate, signal: str) -> str:
    if signal:
        return "the recording is a broken link, a pointer or empty (get its content with datalad)"
    if candidate.foreign:
        ending = Path(candidate.foreign[0].path).suffix
        return f"recordings in {ending} are not read (convert to EDF)"
    return "no recording"


def _by_likelihood(events: Sequence[Entry], signal: str, stages: StageOptions) -> list[Entry]:
    """Return the events tables in the order to try: those named as scoring, those of the recording, PSG, others."""
    acq = {entry.path: entities(entry.name).get("acq", "") for entry in events}
    if stages.acquisition is not None:
        return [entry for entry in events if acq[entry.path] == stages.acquisition.lower()]
    own = entities(Path(signal).name).get("acq", "") if signal else "psg"

    def key(entry: Entry) -> tuple[bool, bool, bool, bool, str]:
        name = acq[entry.path]
        scoring = any(word in name for word in ("scor", "stag", "hypno"))
        return (not scoring, name.split("scor")[0] != own, name != own, "psg" not in name, entry.path)

    return sorted(events, key=key)


def _inherited(table: Entry, sidecars: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Return the JSON sidecars of an events table, the nearest last; letter case is ignored."""
    own = entities(table.name)
    parts = table.folder.split("/")
    folders = ["", *("/".join(parts[: i + 1]) for i in range(len(parts)))]
    return [
        sidecar.path
        for folder in folders
        for sidecar in sorted(sidecars.get(folder, ()), key=lambda s: len(entities(s.name)))
        if entities(sidecar.name).items() <= own.items()
    ]
