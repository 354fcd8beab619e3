"""Write the worked example's methods paragraph into the page that shows it; `make study` calls this."""

from pathlib import Path
from zipfile import ZipFile

from example_study import ARCHIVE, ROOT

PAGE = ROOT / "docs" / "explanation" / "reproducibility.md"
BEGIN, END = "<!-- methods: begin -->", "<!-- methods: end -->"


def with_methods(page: str, text: str) -> str:
    """Return the page with the paragraph between its marks, as a quotation."""
    before, rest = page.split(BEGIN)
    quoted = "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
    return f"{before}{BEGIN}\n\n{quoted}\n\n{END}{rest.split(END)[1]}"


def published(archive: Path = ARCHIVE) -> str:
    """Return the paragraph in the archive."""
    with ZipFile(archive) as stored:
        return stored.read("methods.md").decode()


if __name__ == "__main__":
    PAGE.write_text(with_methods(PAGE.read_text(encoding="utf-8"), published()), encoding="utf-8")
