"""A folder of recordings that is not BIDS into one that is: whole, or not at all; a bad night is left out and told."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from braintwin import __version__
from braintwin.errors import DatasetError, NightExcluded
from braintwin.io.arrays import write_text
from braintwin.io.convert import edf_csv, sleep_edf
from braintwin.io.convert.bids import write_events_json, write_night
from braintwin.io.convert.derivative import write_description, write_hypnogram
from braintwin.io.convert.study import RawNight, RawStudy
from braintwin.io.hypnogram import find_sidecars, read_hypnogram
from braintwin.io.records import read_table, write_json, write_table
from braintwin.options.convert import ConvertOptions
from braintwin.options.dataset import StageOptions

READERS: dict[str, Callable[[Path, ConvertOptions], RawStudy]] = {
    "sleep-edf": sleep_edf.read,
    "edf-csv": edf_csv.read,
}
"""A reader by its name; a new one is a module beside this and a line here and in ``ConvertOptions.reader``."""


DERIVATIVE = Path("derivatives") / "hypnograms"


@dataclass(frozen=True)
class Converted:
    """What came of a conversion: nights found = converted + refused."""

    nights: int
    staged: int
    refused: tuple[tuple[str, str], ...]
    conditions: dict[str, str]
    key: dict[str, str]


def convert(
    source: Path,
    target: Path,
    options: ConvertOptions,
    *,
    advance: Callable[[int, int, str], None] | None = None,
) -> Converted:
    """Convert the recordings of `source` into the new BIDS dataset `target`.

    Parameters
    ----------
    source, target : Path
        A folder, and one that is not there yet.
    options : ConvertOptions
        Reader and map.
    advance : callable
        Is told before each night how many are done, of how many, and its name.

    Raises
    ------
    DatasetError, ConfigError
        If the target is there, or nothing of the source can be converted.
    """
    if target.exists():
        message = f"convert: {target.name} exists already; name a new folder"
        raise DatasetError(message)
    if not source.is_dir():
        message = f"convert: no folder {source.name!r}; correct the source"
        raise DatasetError(message)
    study = READERS[options.reader](source, options)
    key = _renamed(study) if options.labels == "number" else {}
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with TemporaryDirectory(prefix="braintwin-") as staging:
            events, written = _write_nights(part, Path(staging), study, options, advance)
        if not written:
            reason = (
                Counter(why for _, why in study.refused).most_common(1)[0][0] if study.refused else "none was found"
            )
            message = f"convert: no night of {len(study.refused)} could be converted; most often: {reason}"
            raise DatasetError(message)
        _describe(part, study, options, written)
        staged = _derive(part, events, options.licence or study.licence)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    conditions = {f"{c}_night": c for c in sorted({night.condition for night in written if night.condition})}
    return Converted(len(written), staged, tuple(study.refused), conditions, key)


def _write_nights(
    root: Path,
    staging: Path,
    study: RawStudy,
    options: ConvertOptions,
    advance: Callable[[int, int, str], None] | None,
) -> tuple[list[Path], list[RawNight]]:
    events, written = [], []
    for done, night in enumerate(study.nights):
        if advance:
            advance(done, len(study.nights), night.name)
        try:
            table = write_night(root, staging, night, study, options)
        except NightExcluded as refusal:
            study.refused.append((night.name, str(refusal)))
            continue
        written.append(night)
        if table is not None:
            events.append(table)
    labels = {row["trial_type"] for path in events for row in read_table(path)}
    write_events_json(root, study, sorted(labels))
    return events, written


def _renamed(study: RawStudy) -> dict[str, str]:
    """Give the participants numbers; return number -> label, which must not go into the dataset."""
    labels = sorted({night.person for night in study.nights})
    numbers = {old: f"{i:0{max(2, len(str(len(labels))))}d}" for i, old in enumerate(labels, 1)}
    study.nights = [replace(night, person=numbers[night.person]) for night in study.nights]
    study.people = {numbers[old]: row for old, row in study.people.items() if old in numbers}
    return {new: old for old, new in numbers.items()}


def _describe(root: Path, study: RawStudy, options: ConvertOptions, nights: Sequence[RawNight]) -> None:
    """Write what describes the dataset, its people and its sessions; it replaces what mne-bids began."""
    from mne_bids import make_dataset_description

    made_by = {"Name": "BrainTwin", "Version": __version__, "Description": f"braintwin convert ({options.reader})"}
    make_dataset_description(
        path=root,
        name=options.title or study.title,
        data_license=options.licence or study.licence or None,
        authors=study.authors or None,
        how_to_acknowledge=options.citation or study.citation or None,
        generated_by=[made_by],
        overwrite=True,
        verbose=False,
    )
    readme = study.readme or "Sleep recordings and their stages, converted to BIDS by BrainTwin.\n"
    write_text(root / "README", readme)
    labels = sorted({night.person for night in nights})
    known = [{"participant_id": f"sub-{label}", **study.people.get(label, {})} for label in labels]
    rows = [{name: row.get(name) or "n/a" for name in ("participant_id", *study.columns)} for row in known]
    write_table(root / "participants.tsv", ("participant_id", *study.columns), rows)
    write_json(
        root / "participants.json", {"participant_id": {"Description": "Label of the participant."}, **study.columns}
    )
    write_json(
        root / "task-sleep_channels.json", {"reference": {"Description": "Electrode of reference, by the name."}}
    )
    if any(night.condition for night in nights):
        _write_sessions(root, nights)


def _write_sessions(root: Path, nights: Sequence[RawNight]) -> None:
    """Write which treatment each session followed."""
    meaning = {
        "Description": "What was taken before the night.",
        "Levels": {n.condition: n.condition for n in nights if n.condition},
    }
    for person in sorted({night.person for night in nights}):
        own = sorted({(night.session, night.condition) for night in nights if night.person == person})
        if not any(condition for _, condition in own):
            continue
        rows = [{"session_id": f"ses-{session}", "condition": condition or "n/a"} for session, condition in own]
        path = root / f"sub-{person}" / f"sub-{person}_sessions.tsv"
        write_table(path, ("session_id", "condition"), rows)
        write_json(path.with_suffix(".json"), {"condition": meaning})


def _derive(root: Path, events: Sequence[Path], licence: str) -> int:
    """Write the hypnogram of every night whose stages can be read, and return how many there are."""
    staged = 0
    for path in events:
        try:
            hypnogram = read_hypnogram(path, StageOptions(), sidecars=find_sidecars(path, root))
        except NightExcluded:
            continue
        inside = path.relative_to(root)
        write_hypnogram(
            root / DERIVATIVE / inside.parent / inside.name.replace("_events.tsv", "_hypnogram.tsv"),
            hypnogram.stages,
            hypnogram.onset_s,
            hypnogram.epoch_s,
            scored="as they were scored, in the stages W, N1, N2, N3 and R",
            sources=[f"bids:raw:{inside.as_posix()}"],
        )
        staged += 1
    if staged:
        write_description(root / DERIVATIVE, licence)
    return staged
