"""Small datasets, and the ways to spoil them that files, people and programs have."""

import json
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from edfio import Edf, EdfSignal

LABELS = ("W", "N1", "N2", "N3", "R", "?")
HOSTILE = (
    "sub-..", "sub-", "sub-a b", "sub-é", "sub-20210501", "sub-01\nx", "sub-" + "x" * 200, "sub-$(touch x)", "sub-'\"",
    "sub--rf", "sub-%2e%2e", "sub-01\tx", "sub-01;x", "SUB-01", "sub-\u202e10", "sub-nul", "sub-0_1", "sub-0-1",
)  # fmt: skip


@cache
def edf() -> bytes:
    """Return 12 min of one EEG channel and an EOG at 64 Hz."""
    rng = np.random.default_rng(0)
    names = ("EEG C4-A1", "EOG left")
    return Edf([EdfSignal(rng.normal(0, 30, 64 * 720), 64, label=n, physical_dimension="uV") for n in names]).to_bytes()


def table(rng: np.random.Generator) -> str:
    """Return an event table of 12 min in one of the usual forms."""
    column = rng.choice(["trial_type", "stage", "scoring", "stage_hum"])
    cells = rng.choice(LABELS, 24)
    start = float(rng.choice([0.0, 30.0, 17.5]))
    return f"onset\tduration\t{column}\n" + "".join(f"{start + 30 * i}\t30\t{c}\n" for i, c in enumerate(cells))


def write(root: Path, rng: np.random.Generator) -> None:
    """Write one to three people with one or two nights each; one night in eight has EEG."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "fuzz", "BIDSVersion": "1.9.0"}')
    people = [f"sub-{i:02d}" for i in range(1, int(rng.integers(2, 5)))]
    (root / "participants.tsv").write_text("participant_id\tage\tsex\n" + "".join(f"{p}\t33\tF\n" for p in people))
    (root / "task-sleep_events.json").write_text(json.dumps({"stage": {"Levels": {"W": "Wake"}}}))
    for person in people:
        for ses in ("1", "2")[: int(rng.integers(1, 3))]:
            folder = root / person / f"ses-{ses}" / "eeg"
            folder.mkdir(parents=True)
            stem = f"{person}_ses-{ses}_task-sleep"
            (folder / f"{stem}_events.tsv").write_text(table(rng))
            if rng.random() < 0.12:
                (folder / f"{stem}_eeg.edf").write_bytes(edf())
                (folder / f"{stem}_channels.tsv").write_text("name\ttype\tunits\nEEG C4-A1\tEEG\tuV\n")
                (folder / f"{stem}_eeg.json").write_text('{"TaskName": "sleep", "SamplingFrequency": 64}')


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def one(root: Path, rng: np.random.Generator, ending: str = "") -> Path | None:
    """Return one of the files, or of those with an ending."""
    found = [path for path in files(root) if path.name.endswith(ending)]
    return found[int(rng.integers(len(found)))] if found else None


def drop(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        path.unlink()


def drop_folder(root: Path, rng: np.random.Generator) -> None:
    folders = sorted(path for path in root.rglob("*") if path.is_dir())
    if folders:
        shutil.rmtree(folders[int(rng.integers(len(folders)))])


def truncate(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        raw = path.read_bytes()
        path.write_bytes(raw[: int(rng.integers(0, len(raw) + 1))])


def empty(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        path.write_bytes(b"")


def noise(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        path.write_bytes(rng.bytes(int(rng.integers(1, 4000))))


def flip(root: Path, rng: np.random.Generator) -> None:
    """Change some bytes, of a recording mostly in its header."""
    path = one(root, rng)
    raw = bytearray(path.read_bytes()) if path else bytearray()
    for _ in range(min(len(raw), 20)):
        raw[int(rng.integers(min(len(raw), 800)))] = int(rng.integers(256))
    if path:
        path.write_bytes(bytes(raw))


def reencode(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng, ".tsv")
    if path:
        text = path.read_text(errors="replace").replace("W", "Wäch")
        codec = str(rng.choice(["utf-16", "utf-16-le", "latin-1", "utf-8-sig", "utf-32", "cp037"]))
        path.write_bytes(text.encode(codec, errors="replace"))


def swap(root: Path, rng: np.random.Generator) -> None:
    path, other = one(root, rng), one(root, rng)
    if path and other:
        raw = path.read_bytes()
        path.write_bytes(other.read_bytes())
        other.write_bytes(raw)


def huge(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng, ".tsv")
    if path:
        kind = int(rng.integers(4))
        row = ("1e308\t1e308\tW\n", "0\t30\t" + "W" * 300_000 + "\n", "0\t30\tW\n" * 20_000, "\t" * 50_000 + "\n")[kind]
        path.write_text(path.read_text(errors="replace") + row)


def cells(root: Path, rng: np.random.Generator) -> None:
    """Put what no cell should hold into some cells of a table."""
    path = one(root, rng, ".tsv")
    strange = (
        "nan",
        "inf",
        "-inf",
        "-30",
        "1e400",
        "0x1F",
        "١",
        "\x00",
        '"',
        "=1+1",
        "n/a",
        "",
        "30,0",
        "1970-01-01",
        "²",
    )
    if path:
        lines = path.read_text(errors="replace").split("\n")
        for _ in range(int(rng.integers(1, 20))):
            i = int(rng.integers(len(lines)))
            parts = lines[i].split("\t")
            parts[int(rng.integers(len(parts)))] = str(rng.choice(strange))
            lines[i] = "\t".join(parts)
        path.write_text("\n".join(lines), errors="replace")


def codes(root: Path, rng: np.random.Generator) -> None:
    """Put integers in place of stages."""
    path = one(root, rng, "_events.tsv")
    if path:
        text = path.read_text(errors="replace")
        for code, label in enumerate(LABELS):
            text = text.replace(f"\t{label}\n", f"\t{code}\n")
        path.write_text(text)


def shuffle(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng, ".tsv")
    if path:
        head, *rest = path.read_text(errors="replace").split("\n")
        rng.shuffle(rest)
        path.write_text("\n".join([head, *rest, *rest[: int(rng.integers(len(rest) + 1))]]))


def columns(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng, ".tsv")
    if path:
        head, _, rest = path.read_text(errors="replace").partition("\n")
        names = head.split("\t")
        names[int(rng.integers(len(names)))] = str(
            rng.choice(["onset", "ONSET", "", "stage", "\ufeffx", "duration", "x y"])
        )
        path.write_text("\t".join(names) + "\n" + rest)


def rename(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        endings = (".tsv", ".EDF", ".edf", ".mat", "", ".tsv.gz", ".set", ".vhdr", ".fif", ".bdf")
        path.rename(path.with_suffix(str(rng.choice(endings))) if rng.random() < 0.5 else path.with_name(hostile(rng)))


def hostile(rng: np.random.Generator) -> str:
    return str(rng.choice(HOSTILE)) + "_task-sleep_" + str(rng.choice(["events.tsv", "eeg.edf", "events.json"]))


def hostile_person(root: Path, rng: np.random.Generator) -> None:
    people = sorted(path for path in root.glob("sub-*") if path.is_dir())
    if people:
        target = root / str(rng.choice(HOSTILE))
        if not target.exists():
            people[0].rename(target)


def undecodable(root: Path, rng: np.random.Generator) -> None:
    folder = root / "sub-09" / "eeg"
    folder.mkdir(parents=True, exist_ok=True)
    path = os.fsencode(folder) + b"/sub-09_task-sleep_\xff\xfe_events.tsv"
    with open(path, "wb") as stream:  # noqa: PTH123 - pathlib takes no bytes
        stream.write(table(rng).encode())


def link(root: Path, rng: np.random.Generator) -> None:
    """Put a link in place of a file: to itself, to nothing, to a folder, or out of the dataset."""
    path = one(root, rng)
    if path:
        path.unlink()
        path.symlink_to(str(rng.choice([path.name, "nowhere", "..", "/etc/hostname", "/dev/zero"])))


def pipe(root: Path, rng: np.random.Generator) -> None:
    """Put a pipe in place of a file; who opens it waits for ever."""
    path = one(root, rng)
    if path and path.name != "dataset_description.json":  # found before anything else is
        path.unlink()
        os.mkfifo(path)


def folder_for_file(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        path.unlink()
        path.mkdir()


def deep_json(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng, ".json")
    if path:
        deep = "[" * 100_000
        path.write_text(
            str(rng.choice([deep, "{", "[]", "null", '{"stage": {"Levels": [1]}}', '{"stage": 3}', "\ufeff{}"]))
        )


def pointer(root: Path, rng: np.random.Generator) -> None:
    path = one(root, rng)
    if path:
        path.write_text("/annex/objects/MD5E-s1--0.edf\n")


def header(root: Path, rng: np.random.Generator) -> None:
    """Write a wrong number into the header of a recording."""
    path = one(root, rng, ".edf")
    if path:
        raw = bytearray(path.read_bytes())
        places = {"records": (236, 8), "seconds": (244, 8), "signals": (252, 4), "bytes": (184, 8), "samples": (688, 8)}
        places |= {"physical": (464, 8), "digital": (496, 8), "unit": (448, 8), "label": (256, 16)}
        start, width = places[str(rng.choice(sorted(places)))]
        value = str(rng.choice(["-1", "0", "999", "99999999", "x", "", "1e9", "-32768", "3.5", "NaN"]))[:width]
        raw[start : start + width] = value.ljust(width).encode()
        path.write_bytes(bytes(raw))


def nested(root: Path, rng: np.random.Generator) -> None:
    """Put a dataset into the dataset."""
    people = sorted(path for path in root.glob("sub-*") if path.is_dir())
    if people and not (people[0] / people[0].name).exists():
        shutil.copytree(people[0], people[0] / people[0].name, symlinks=True)


MUTATIONS: tuple[Callable[[Path, np.random.Generator], None], ...] = (
    drop, drop_folder, truncate, empty, noise, flip, reencode, swap, huge, cells, codes, shuffle, columns, rename,
    hostile_person, undecodable, link, pipe, folder_for_file, deep_json, pointer, header, header, nested,
)  # fmt: skip
