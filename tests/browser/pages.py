"""What the tests do in a page: open a notebook, run it, move a slider by keyboard, time the picture."""

from __future__ import annotations

import re
from collections.abc import Callable

RUN_MS = 120_000
PICTURE = "img.ddbsim-picture, .ddbsim-picture img"

# from the key to the picture: a key is pressed, the picture gets another source, the source is decoded
WATCH = """
selector => {
    const image = document.querySelector(selector);
    window.ddbsimTimes = [];
    document.addEventListener("keydown", () => { window.ddbsimKey = performance.now(); }, true);
    new MutationObserver(async () => {
        const key = window.ddbsimKey;
        if (!image.src || key === undefined) return;
        await image.decode().catch(() => {});
        requestAnimationFrame(() => { window.ddbsimTimes.push(performance.now() - key); });
    }).observe(image, { attributes: true, attributeFilter: ["src"] });
}
"""

# a slider is named by the label of its row, a button by its words
NAME = """
() => {
    const one = document.activeElement, row = one.closest(".widget-slider");
    return (row ? row.querySelector(".widget-label") : one).textContent.trim();
}
"""


class Page:
    """A page with a widget, and what its console said."""

    def __init__(self, browser) -> None:
        self.page = browser.new_page(viewport={"width": 1300, "height": 1100})
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("console", self._hear)

    def _hear(self, message) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            # neither the offline fonts nor the favicon are the page's own doing
            if "net::ERR" not in message.text or "127.0.0.1" in where:
                self.errors.append(f"{message.text} ({where})")

    def open_lab(self, address: str, notebook: str) -> None:
        """Open a notebook in JupyterLab and run all of it."""
        page = self.page
        page.goto(f"{address}/lab/tree/{notebook}?reset", wait_until="domcontentloaded")
        # running before the kernel is idle runs nothing, and says nothing
        page.get_by_text(re.compile(r"Python 3 \(ipykernel\) \| Idle")).wait_for(timeout=RUN_MS)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.wait_for_widget()

    def open_voila(self, address: str, notebook: str) -> None:
        """Open a notebook as a page."""
        self.page.goto(f"{address}/voila/render/{notebook}", wait_until="domcontentloaded", timeout=RUN_MS)
        self.wait_for_widget()

    def wait_for_widget(self) -> None:
        self.page.locator(PICTURE).first.wait_for(state="attached", timeout=RUN_MS)
        self.picture.scroll_into_view_if_needed()

    @property
    def picture(self):
        return self.page.locator(PICTURE).first

    @property
    def numbers(self) -> str:
        """The text of the table under the picture."""
        return self.page.locator(".widget-html table").first.inner_text()

    def pixels(self) -> str:
        """Return the picture's bytes, as the page has them."""
        return self.picture.evaluate(
            "async image => {"
            " const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());"
            " return bytes.length + ':' + bytes.reduce((sum, one) => (sum * 31 + one) % 1000000007, 7); }"
        )

    def slider(self, name: str):
        """Return the handle of a slider."""
        row = self.page.locator(".widget-slider").filter(has=self.page.get_by_text(name, exact=True))
        return row.locator(".noUi-handle")

    def move(self, name: str, key: str = "ArrowRight") -> None:
        """Move a slider by keyboard, and wait for another picture."""
        before = self.pixels()
        self.slider(name).focus()
        self.page.keyboard.press(key)
        self.wait_for_another(before)

    def wait_for_another(self, before: str) -> None:
        self.wait_until(lambda: self.pixels() != before, "another picture")

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds: parts of an answer come one after the other, in no order that a page promises."""
        for _ in range(600):
            if holds():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{what}: not so within 30 s")

    def wait_for_text(self, text: str, timeout_ms: float = 30_000) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=timeout_ms)

    def tab_through(self, times: int) -> list[str]:
        """Return the names of what the Tab key reaches, from the first slider on, each once."""
        self.page.locator(".noUi-handle").first.focus()
        names = [self.page.evaluate(NAME)]
        for _ in range(times):
            self.page.keyboard.press("Tab")
            names.append(self.page.evaluate(NAME))
        # a slider's readout is a stop of its own
        return list(dict.fromkeys(names))

    def tab_to(self, name: str) -> None:
        """Press Tab until what has this name has the focus."""
        for _ in range(30):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(NAME) == name:
                return
        raise AssertionError(f"30 times Tab did not reach {name!r}")

    def times_ms(self, name: str, keys: list[str]) -> list[float]:
        """Return, for each key on a slider, the time until the new picture is shown."""
        self.page.evaluate(WATCH, PICTURE)
        self.slider(name).focus()
        for number, key in enumerate(keys, start=1):
            self.page.keyboard.press(key)
            self.page.wait_for_function(f"window.ddbsimTimes.length >= {number}", timeout=30_000)
            # the hand rests a moment
            self.page.wait_for_timeout(150)
        return self.page.evaluate("window.ddbsimTimes")
