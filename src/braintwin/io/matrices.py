"""Which file holds a person's structural connectome; light, since the Snakefile imports it."""

from pathlib import Path

from braintwin.errors import BrainTwinError
from braintwin.paths import label


def matrix_file(path: Path | str, person: str, dataset: str = "") -> Path:
    """Return the file that holds a person's structural connectome.

    Parameters
    ----------
    path : Path
        One matrix for everyone, or the folder of a BIDS derivative with one ``*_relmat*.tsv`` per person; people of
        several datasets may share labels, so a folder may hold one such derivative per dataset, by its name.
    person : str
        Label of the person, with or without ``sub-`` and the dataset's name before it.
    dataset : str
        Name of the person's dataset.

    Raises
    ------
    BrainTwinError
        If a folder holds no such matrix of this person, or more than one.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    own = path / dataset if dataset and (path / dataset).is_dir() else path
    return _of_person(own, person.removeprefix(f"{dataset}-"))


def _of_person(folder: Path, person: str) -> Path:
    wanted = label(person.removeprefix("sub-"))
    own = [path for path in folder.glob("sub-*") if label(path.name.split("_")[0].removeprefix("sub-")) == wanted]
    found = sorted(
        file
        for path in own
        for file in (path.rglob("sub-*.tsv") if path.is_dir() else [path])
        if "_relmat" in file.name and file.suffix == ".tsv"
    )
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3]) or "none"
        message = f"connectome: {folder.name} holds {len(found)} relation matrices of sub-{wanted} ({names}), not one"
        raise BrainTwinError(message)
    return found[0]


def matrix_files(path: Path | str, person: str, dataset: str) -> list[Path]:
    """Return that file if there is one: what a night is made from."""
    try:
        found = [matrix_file(path, person, dataset)] if path else []
    except BrainTwinError:  # the step says so
        return []
    return [file for file in found if file.is_file()]
