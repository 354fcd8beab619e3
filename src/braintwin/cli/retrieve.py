"""Datasets brought here before a run, while somebody watches."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from braintwin.config import load_config
from braintwin.errors import ConfigError, did_you_mean

STORE = Path("resources")
"""Where the workflow looks for them."""


def retrieve_datasets(config_path: Path, names: Sequence[str]) -> Iterator[str]:
    """Bring the named datasets of a config into the store and tell where each lies.

    Raises
    ------
    ConfigError
        If the config has no dataset of a name.
    """
    from braintwin.steps.retrieve import fetch

    config = load_config(config_path)
    for name in names:
        if name not in config.datasets:
            message = f"retrieve: {config_path.name} has no dataset {name!r}{did_you_mean(name, config.datasets)}"
            raise ConfigError(message)
    for name in names or config.datasets:
        place = fetch(name, config.datasets[name], config.synthesize, STORE, config.seed, config.retrieve)
        count = f", {len(place.manifest.files)} files" if place.manifest else ""
        version = f", version {place.version}" if place.version else ""
        unproved = place.manifest.unproved() if place.manifest else 0
        warning = (
            f"; {unproved} of them have no checksum at the source, only their size was compared" if unproved else ""
        )
        yield f"{name}: {place.folder}{count}{version}{warning}"
