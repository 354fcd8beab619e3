"""Let roc-validator judge the RO-Crate of an archive, in an environment of its own, for its older rich (`make crate`).

    .venv-crate/bin/python tests/support/validate_crate.py studies/example/expected/example.braintwin.zip

Nothing is fetched: the JSON-LD context is the one that comes with rocrate. Exit code 1 where a requirement is not met.
"""

import json
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROFILES = ("workflow-run-crate-0.5", "provenance-run-crate-0.5")


def serve_the_bundled_context() -> None:
    """Give the JSON-LD context that comes with rocrate to whoever asks for one of w3id.org."""
    import rdflib.plugins.shared.jsonld.context as context
    import rdflib.plugins.shared.jsonld.util as util
    import rocrate

    fetch = util.source_to_json
    text = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text(encoding="utf-8")
    # rocrate brings the context of RO-Crate 1.2; the crate and the profiles name the types of Bioschemas as 1.1 does
    bundled = json.loads(text.replace("https://bioschemas.org/terms/", "https://bioschemas.org/"))

    def given(source: Any, *more: Any, **named: Any) -> Any:
        return (bundled, None) if str(source).startswith("https://w3id.org/") else fetch(source, *more, **named)

    # before the validator is imported, which wraps what it finds
    util.source_to_json = context.source_to_json = given


def issues(folder: Path, profile: str) -> list[str]:
    """Return what a crate lacks of a profile's requirements; that the context cannot be fetched is left out."""
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    found = services.validate(
        ValidationSettings(
            rocrate_uri=str(folder), profile_identifier=profile, requirement_severity=Severity.REQUIRED,
            skip_availability_check=True,
        )
    )  # fmt: skip
    told = [f"{issue.check.identifier}: {issue.message}" for issue in found.get_issues(Severity.REQUIRED)]
    return [text for text in told if "w3id.org" not in text]


def main(archive: Path) -> int:
    """Judge an archive and return the exit code."""
    serve_the_bundled_context()
    lacking = 0
    with TemporaryDirectory() as place, zipfile.ZipFile(archive) as packed:
        packed.extractall(place)
        for profile in PROFILES:
            told = issues(Path(place), profile)
            lacking += len(told)
            sys.stdout.write(f"{profile}: {'; '.join(told) or 'every requirement is met'}\n")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
