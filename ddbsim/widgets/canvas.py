"""A canvas that keeps every text it has drawn, and the PNG of what is on it.

Four fifths of the time of a small matplotlib figure go into texts: each label is shaped, and its glyphs are rendered,
anew in each drawing. From one setting of a slider to the next most texts are the same; here they are copied.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

if TYPE_CHECKING:
    from matplotlib.backend_bases import GraphicsContextBase
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.text import Text

__all__ = ["QuickCanvas"]

Pixels: TypeAlias = npt.NDArray[np.uint8]

# matplotlib does not type its renderers
_Agg: Any = RendererAgg

# the labels of a figure, and the numbers of the last few dozen settings
_TEXTS_KEPT = 512
# glyphs reach a little over the box that they are set in
_MARGIN_PX = 4


class QuickCanvas(FigureCanvasAgg):
    """An Agg canvas for a figure that is drawn again and again."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure)
        self._quick: Any = None
        self._drawn_at: tuple[float, float, float] | None = None

    def get_renderer(self) -> Any:
        """Return the renderer of this canvas, with the texts that it has kept; another size or dpi begins anew."""
        wanted = (*self.get_width_height(physical=True), self.figure.dpi)
        if wanted != self._drawn_at:
            self._quick, self._drawn_at = _QuickRenderer(*wanted), wanted
        return self._quick

    def png(self) -> bytes:
        """Draw the figure, and return it; a picture that is looked at once need not be compressed well."""
        from PIL import Image

        self.draw()  # type: ignore[no-untyped-call]
        file = io.BytesIO()
        pixels: Pixels = np.asarray(self.get_renderer().buffer_rgba())
        Image.fromarray(pixels[:, :, :3]).save(file, format="png", compress_level=1)
        return file.getvalue()


class _QuickRenderer(RendererAgg):
    """Draws each text once, apart, and from then on copies its pixels."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]
        self._measure: Any = self.get_text_width_height_descent
        self._drawn_apart = lru_cache(_TEXTS_KEPT)(self._draw_apart)

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        # a copy: properties can be changed, and a key must not
        pixels, left, up = self._drawn_apart(s, prop.copy(), angle, ismath, gc.get_rgb())
        self.draw_image(gc, round(x) + left, round(self.height - y) + up, pixels)

    def _draw_apart(
        self, s: str, prop: FontProperties, angle: float, ismath: Any, colour: tuple[float, ...]
    ) -> tuple[Pixels, int, int]:
        """Return a text's pixels, and how far they begin to the left of its place and above its base line."""
        width, height, _ = self._measure(s, prop, ismath)
        reach = math.ceil(math.hypot(width, height)) + _MARGIN_PX
        apart = _Agg(2 * reach, 2 * reach, self.dpi)
        gc = apart.new_gc()
        gc.set_foreground(colour[:3])
        gc.set_alpha(colour[3])
        apart.draw_text(gc, reach, reach, s, prop, angle, ismath)
        pixels: Pixels = np.asarray(apart.buffer_rgba())
        rows, columns = (np.flatnonzero(pixels[:, :, 3].any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return pixels[:1, :1], 0, 0
        shown = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        # an image is drawn from its lowest row up
        return np.ascontiguousarray(shown[::-1]), int(columns[0]) - reach, reach - int(rows[-1]) - 1
