"""What `braintwin config --write` writes: the config, its schema, and the pages of reference that the code knows."""

from pathlib import Path

from braintwin.config import default_yaml, json_schema


def commands() -> str:
    """Return the text of `docs/reference/cli.md`: every command with its arguments, options and example."""
    import typer
    from typer.cli import get_docs_for_click

    from braintwin.cli.people import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="braintwin"), name="braintwin")
    return text.strip() + "\n"


def write_generated() -> list[Path]:
    """Write what is generated into the repository that this is called in, and return the files."""
    from braintwin.contracts.reference import reference as artefacts
    from braintwin.io.library import read_library
    from braintwin.treatment.calibration_page import calibration_page
    from braintwin.treatment.reference import reference as treatments

    config, pages = Path("config"), Path("docs/reference")
    config.mkdir(exist_ok=True)
    texts = {config / "config.yaml": default_yaml(), config / "schema.json": json_schema()}
    if pages.is_dir():
        library = read_library(config / "treatments.yaml")
        texts[pages / "artefacts.md"] = artefacts()
        texts[pages / "treatments.md"] = treatments(library)
        texts[pages / "calibration.md"] = calibration_page(library)
        texts[pages / "cli.md"] = commands()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)
