"""The pictures of the tutorial, taken of the pages of a finished study.

    python docs/pictures.py results/demo synthetic-02

Needs Chromium and Playwright (both come with `.ci/run`). A picture holds one section of a page, at the width of a
laptop, in 128 colours; the page is opened from its file, without network.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent / "tutorial"
PARTS = {
    "cohort-who": ("index.html", ["#who"]),
    "cohort-people": ("index.html", ["#people"]),
    "person-answer": ("people/{person}.html", ["header.top", "#answer"]),
    "person-treatments": ("people/{person}.html", ["#treatments figure"]),
    "person-explorer": ("people/{person}.html", ["#explorer"]),
    "person-nights": ("people/{person}.html", ["#nights figure"]),
    "person-spectra": ("people/{person}.html", ["#spectra figure"]),
}
WIDTH, MOST_HIGH = 980, 1000


def take(results: Path, person: str) -> list[Path]:
    """Take every picture and return the files."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((path for name in names if (path := shutil.which(name))), None)
    made = []
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name, (page, selectors) in PARTS.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
            tab.goto((results / "report" / page.format(person=person)).resolve().as_uri())
            boxes = [tab.locator(selector).first.bounding_box() for selector in selectors]
            if any(box is None for box in boxes):
                sys.exit(f"{name}: the page of {person} has not every part of {selectors}")
            top = min(box["y"] for box in boxes) - 8
            bottom = min(max(box["y"] + box["height"] for box in boxes) + 8, top + MOST_HIGH)
            target = HERE / f"{name}.png"
            clip = {"x": 0, "y": max(0, top), "width": WIDTH, "height": bottom - max(0, top)}
            tab.screenshot(path=target, clip=clip, full_page=True)
            tab.close()
            Image.open(target).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)
            made.append(target)
        browser.close()
    return made


if __name__ == "__main__":
    for picture in take(Path(sys.argv[1]), sys.argv[2]):
        sys.stdout.write(f"{picture}: {picture.stat().st_size // 1024} KiB\n")
