"""``braintwin calibrate``: operators that give each trial back, written into the treatment library."""

from pathlib import Path

import typer

from braintwin.io.library import read_library, write_calibration
from braintwin.io.population import packaged_population, read_population
from braintwin.treatment.calibrate_library import calibrate_library
from braintwin.treatment.calibration_record import EntryRecord, inside_by_vote
from braintwin.treatment.library import Library


def _before(library: Library, key: str) -> EntryRecord | None:
    return library.calibration.treatments.get(key) if library.calibration else None


def calibrate_file(treatments: Path, population: Path | None, people: int, seed: int, again: bool) -> None:
    """Calibrate a library and write the result at the end of its file."""
    library = read_library(treatments)
    # Entries are fitted from what people wrote, never from operators that an earlier calibration attached.
    plain = {
        key: entry.model_copy(update={"operators": None})
        if entry.operators is not None and entry.operators.origin == "calibrated"
        else entry
        for key, entry in library.treatments.items()
    }
    library = library.model_copy(update={"treatments": plain, "calibration": None if again else library.calibration})
    prior = read_population(population or packaged_population())
    found = calibrate_library(library, prior, people=people, seed=seed, said=typer.echo, held_out=False)
    write_calibration(treatments, found)
    outdated = any(entry is not _before(library, key) for key, entry in found.treatments.items())
    kept = found.model_copy(update={"heldout": []}) if outdated else found
    library = library.model_copy(update={"calibration": kept})
    found = calibrate_library(library, prior, people=people, seed=seed)
    write_calibration(treatments, found)
    votes = inside_by_vote(found.heldout)
    inside, total = (sum(vote[i] for vote in votes.values()) for i in (0, 1))
    typer.echo(f"{treatments}: held-out contrasts inside their 95 % interval: {inside} of {total}")
