"""The ranking of one made-up person, pinned: ``python tests/support/golden_ranking.py`` writes it anew."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from braintwin.io.library import read_library
from braintwin.models.population import first_population
from braintwin.options.rank import RankOptions
from braintwin.options.simulate import SimulateOptions
from braintwin.steps.rank import rank_person
from braintwin.steps.simulate import simulate_person
from treated_people import LIBRARY, write_person

GOLDEN = Path(__file__).parents[1] / "golden" / "ranking.json"


def golden_ranking() -> dict[str, Any]:
    """Return the ranking of an insomnia-like person under the shipped library and the base rates."""
    library, population = read_library(LIBRARY), first_population()
    with TemporaryDirectory() as folder:
        row = write_person(Path(folder), "golden-1", population, seed=7)
        nights = simulate_person(
            row, Path(folder) / row.person / "night.nc", library.choose(None), library, population, 11,
            SimulateOptions(draws=100, replicates=4),
        )  # fmt: skip
    found = rank_person(nights, library, 11, RankOptions())
    columns = ("expected_utility", "utility_sd", "p_best", "expected_regret", "person_expected_utility")
    keys = [str(key) for key in found["treatment"].to_numpy()]
    return {
        "verdict": found.attrs["verdict"],
        "personalisation_index": round(found.attrs["personalisation_index"], 4),
        "personalisation_null": round(found.attrs["personalisation_null"], 4),
        "candidates": sorted(key for key, kept in zip(keys, found["candidate"].to_numpy()) if kept),
        "treatments": {
            key: {name: round(float(found[name].sel(treatment=key)), 4) for name in columns} for key in keys
        },
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_ranking(), indent=1) + "\n", encoding="utf-8")
