"""What one night holds: which of its recordings and scorings serve, and what speaks against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from braintwin.errors import NightExcluded
from braintwin.io.bids import Entry, has_content
from braintwin.io.events import Unscored, entities, shown
from braintwin.io.hypnogram import Hypnogram, read_hypnogram
from braintwin.io.listing import Candidate, Listing
from braintwin.io.scoring import is_automatic
from braintwin.options.dataset import DatasetOptions, StageOptions


@dataclass(frozen=True)
class Night:
    """What a night holds: its recording and its scoring, each as far as it is there."""

    signal: str
    has_eeg: bool
    stages: str
    hypnogram: Hypnogram | None


def read_night(root: Path, candidate: Candidate, listing: Listing, dataset: DatasetOptions) -> Night:
    """Return what a night holds.

    Raises
    ------
    NightExcluded
        If it has neither EEG nor stages, or a scoring that cannot be read without a guess.
    """
    signal, has_eeg = choose_recording(root, candidate, listing.sizes, dataset.acquisition)
    refusals: list[NightExcluded] = []
    best: tuple[str, Hypnogram] | None = None
    tables = _by_likelihood(candidate.events, signal, dataset.stages)
    for table in tables:
        sidecars = [root / path for path in inherited(table, listing.sidecars)]
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


def choose_recording(
    root: Path, candidate: Candidate, sizes: Mapping[str, int], acquisition: str | None
) -> tuple[str, bool]:
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
        ending = shown([Path(candidate.foreign[0].path).suffix])
        return f"recordings in {ending} are not read (convert to EDF)"
    return "a recording is described and not here (get its content)" if candidate.described else "no recording"


def _by_likelihood(events: Sequence[Entry], signal: str, stages: StageOptions) -> list[Entry]:
    """Return the events tables in the order to try: those named as scoring, those of the recording, PSG, others."""
    acq = {entry.path: entities(entry.name).get("acq", "") for entry in events}
    if stages.file is not None:  # the config says where the scoring is
        return [entry for entry in events if not entry.folder.endswith("/eeg")]
    if stages.acquisition is not None:
        return [entry for entry in events if acq[entry.path] == stages.acquisition.lower()]
    own = entities(Path(signal).name).get("acq", "") if signal else "psg"

    def key(entry: Entry) -> tuple[bool, bool, bool, bool, str]:
        name = acq[entry.path]
        scoring = any(word in name for word in ("scor", "stag", "hypno"))
        return (not scoring, name.split("scor")[0] != own, name != own, "psg" not in name, entry.path)

    return sorted(events, key=key)


def inherited(table: Entry, sidecars: Mapping[str, Sequence[Entry]]) -> list[str]:
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
