"""The pictures of the tutorial, taken of the pages of a finished study.

    python docs/pictures.py results/demo synthetic-02

Needs Chromium and Playwright (both come with `.ci/run`). A picture holds one section of a page, or its
upper part, at the width of a laptop, in 128 colours; the page is opened from its file, without network.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent / "tutorial"
PARTS = {
    "cohort-who": ("index.html", ["#who"], 960),
    "cohort-people": ("index.html", ["#people"], 960),
    "person-answer": ("people/{person}.html", ["header.top", "#answer ul.answer"], 960),
    "person-treatments": ("people/{person}.html", ["#treatments .scroll"], 540),
    "person-explorer": ("people/{person}.html", ["#explorer"], 960),
    "person-nights": ("people/{person}.html", ["#nights figure"], 960),
    "person-spectra": ("people/{person}.html", ["#spectra figure"], 960),
}
WIDTH = 980


def take(results: Path, person: str) -> list[Path]:
    """Take every picture and return the files."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((path for name in names if (path := shutil.which(name))), None)
    made = []
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name, (page, selectors, most_high) in PARTS.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
            tab.goto((results / "report" / page.format(person=person)).resolve().as_uri())
            boxes = [tab.locator(selector).first.bounding_box() for selector in selectors]
            if any(box is None for box in boxes):
                sys.exit(f"{name}: the page of {person} has not every part of {selectors}")
            top = min(box["y"] for box in boxes) - 8
            bottom = min(max(box["y"] + box["height"] for box in boxes) + 8, top + most_high)
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
