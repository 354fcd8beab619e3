"""One dataset brought by the retrieve step, as a test asks for it."""

from pathlib import Path
from typing import Any

from braintwin.contracts.tables import DatasetRecord
from braintwin.io.records import read_json
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.steps import retrieve


def bring(here: Path, options: dict[str, Any] | None = None, **dataset: Any) -> DatasetRecord:
    """Retrieve a dataset named d into `here`, with few retries, and return its record."""
    retrieve.run(
        name="d",
        dataset=DatasetOptions.model_validate(dataset),
        synthesize=SynthesizeOptions(),
        store=here / "store",
        record=here / "d.json",
        seed=1,
        options=RetrieveOptions.model_validate({"retries": 2, "timeout_s": 5, **(options or {})}),
    )
    return read_json(here / "d.json", DatasetRecord)
