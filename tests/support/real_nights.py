"""Real nights by person, with what is known of them, from the metadata-only trees."""

import csv
import io
import tarfile
import tempfile
from pathlib import Path

from braintwin.inference.nights import Night, window
from braintwin.io.hypnogram import read_hypnogram, trim
from braintwin.models.population import Who
from braintwin.options.dataset import StageOptions


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise FileNotFoundError(name)
    return stream.read()


def band(age: float) -> float:
    """Return the middle of the five-year band of an age, which is all that an index keeps."""
    return 5 * (age // 5) + 2.5


def cassette_pairs(data: Path) -> dict[str, tuple[Who, list[Night]]]:
    """Return the Sleep-EDF cassette people with two nights, by the identifier they have in a study."""
    found: dict[str, tuple[Who, list[Night]]] = {}
    with tarfile.open(data / "bids" / "nm000185.tar.gz") as archive, tempfile.TemporaryDirectory() as folder:
        names = sorted(archive.getnames())
        table = next(n for n in names if n.endswith("participants.tsv") and n.count("/") <= 1)
        rows = list(csv.DictReader(io.StringIO(_member(archive, table).decode("utf-8-sig")), delimiter="\t"))
        for row in rows:
            label = row["participant_id"].removeprefix("sub-")
            mine = [n for n in names if f"sub-{label}_" in n and n.endswith("_events.tsv")]
            if row["study"] != "cassette" or len(mine) != 2:
                continue
            nights = []
            for name in mine:
                path = Path(folder) / name.rsplit("/", 1)[-1]
                path.write_bytes(_member(archive, name))
                nights.append(window(path.stem, trim(read_hypnogram(path, StageOptions()), 30.0).stages, None))
            who = Who(band(float(row["age"])), row["sex"], None, "sleepedf")
            found[f"sleepedf-{label}"] = (who, nights)
    return found
