"""Take the README's pictures: ``python tests/browser/pictures.py [name ...]`` writes them to notebooks/images/."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from playwright.sync_api import sync_playwright  # noqa: E402 - as above

from browser.conftest import CHROMIUM, FLAGS, serve, voila_options  # noqa: E402 - the path comes first
from browser.pages import Page  # noqa: E402 - as above

IMAGES = HERE.parent.parent / "notebooks" / "images"


def explore(page: Page) -> None:
    """Move the parallelization factor, so that the setting before shows as a ghost."""
    page.move("parallelization_factor", "ArrowRight")


def step(page: Page) -> None:
    """Go to the moment at which the bad record is given up."""
    for _ in range(39):
        page.slider("event").press("ArrowRight")
    page.wait_for_text("event 40 of ")


def view_types(page: Page) -> None:
    """Let the handler need both images: then not all view types serve it."""
    page.move("handler needs", "End")


# what is done in each notebook, and how high what it shows is, pixels
SCENES = {"explore": (explore, 760), "step": (step, 720), "view_types": (view_types, 820)}
# notebooks as pages without code, from the top
PAGES = ("10_capacity_planning", "21_when_a_batch_fails", "30_cost_by_view_type")
PAGE_PX = {"width": 1_000, "height": 900}
PAGE_MS = 600_000


def main(wanted: list[str]) -> None:
    """Open notebooks in Voila, and keep what is seen."""
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    for notebook in (*HERE.glob("*.ipynb"), *(HERE.parent.parent / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, folder)
    server = serve("voila", folder, voila_options)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        address = next(server)
        for name in wanted or (*SCENES, *PAGES):
            page = Page(chromium)
            if name in SCENES:
                scene, height = SCENES[name]
                page.open_voila(address, f"{name}.ipynb")
                scene(page)
                page.page.set_viewport_size({"width": 1_200, "height": height})
            else:
                page.page.set_viewport_size(PAGE_PX)
                page.page.goto(f"{address}/voila/render/{name}.ipynb", timeout=PAGE_MS)
                page.page.locator("img").first.wait_for(timeout=PAGE_MS)
            page.page.wait_for_timeout(1_000)
            page.page.screenshot(path=IMAGES / f"{name}.png")
            print(name, page.errors or "no errors")
            page.page.close()
        chromium.close()
    server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
