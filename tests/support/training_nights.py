"""Training nights of the population example, straight from the metadata-only trees."""

from dataclasses import replace
from pathlib import Path

from braintwin.config import load_config
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import NightExcluded
from braintwin.inference.training import TrainingNight
from braintwin.io.bids import find_root
from braintwin.io.retrieve.archive import unpack
from braintwin.io.training import training_night
from braintwin.options.prepare import PrepareOptions
from braintwin.steps.index import Found, index_dataset
from braintwin.steps.prepare import prepare_night

CONFIG = Path(__file__).parents[2] / "config" / "examples" / "population.yaml"


def training_nights(name: str, data: Path, folder: Path, most: int | None = None) -> list[TrainingNight]:
    """Return the nights of one dataset of the example that a population learns from, of `most` people."""
    config = load_config(CONFIG)
    dataset = config.datasets[name].model_copy(update={"max_people": most})
    unpack(data / "bids" / Path(dataset.source).name, folder / name, name)
    root = find_root(folder / name, "", name)
    found = Found()
    index_dataset(DatasetRecord(name=name, root=str(root), kind="local", source=""), dataset, config.index, found)
    nights = []
    for row in found.nights:
        try:
            nights.append(
                training_night(
                    prepare_night(row, dataset, root, PrepareOptions())[0],
                    row,
                    found.people[row.person],
                    config.fit_population.conditions,
                    config.fit_population.min_night_min,
                )
            )
        except NightExcluded:
            continue
    return nights


def pooled(nights: list[TrainingNight]) -> list[TrainingNight]:
    """Return nights as if one dataset had scored them all, without what only some of the datasets know."""
    return [replace(night, dataset="pooled", ahi=None) for night in nights]
