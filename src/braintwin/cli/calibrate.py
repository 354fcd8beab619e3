"""``braintwin calibrate``: operators that give each trial back, written into the treatment library."""

from pathlib import Path

import typer

from braintwin.io.library import read_library, write_calibration
from braintwin.io.population import packaged_population, read_population
from braintwin.treatment.calibrate_library import calibrate_library
from braintwin.treatment.calibration_record import held_out_shares


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
    found = calibrate_library(library, prior, people=people, seed=seed, said=typer.echo)
    write_calibration(treatments, found)
    inside, total, share = held_out_shares(found.heldout)
    typer.echo(
        f"{treatments}: held-out contrasts inside their 95 % interval: {inside} of {total}; "
        f"with one vote for each drug and trial {100 * share:.0f} %"
    )
