"""The real crossover of ten people: one night on placebo, one on temazepam each."""

from pathlib import Path

from braintwin.config import load_config
from braintwin.contracts.tables import DatasetRecord
from braintwin.inference.training import TrainingNight
from braintwin.io.bids import find_root
from braintwin.io.retrieve.archive import unpack
from braintwin.io.training import training_night
from braintwin.options.prepare import PrepareOptions
from braintwin.steps.index import Found, index_dataset
from braintwin.steps.prepare import prepare_night

CONFIG = Path(__file__).parents[2] / "config" / "examples" / "temazepam.yaml"


def crossover_nights(data: Path, folder: Path) -> list[TrainingNight]:
    """Return the nights of the example's trial, read as the example reads them."""
    config = load_config(CONFIG)
    options, dataset = config.fit_treatment, config.datasets["sleepedf"]
    unpack(data / "bids" / Path(dataset.source).name, folder / "sleepedf", "sleepedf")
    root = find_root(folder / "sleepedf", "", "sleepedf")
    found = Found()
    index_dataset(DatasetRecord(name="sleepedf", root=str(root), kind="local", source=""), dataset, config.index, found)
    wanted = [*options.treated, *options.control]
    return [
        training_night(
            prepare_night(row, dataset, root, PrepareOptions())[0], row, found.people[row.person], wanted,
            options.min_night_min,
        )
        for row in found.nights
        if row.condition in wanted
    ]  # fmt: skip
