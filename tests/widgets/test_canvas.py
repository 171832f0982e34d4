"""The canvas that keeps its texts draws what plain Agg draws."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageFilter

from ddbsim.widgets.canvas import QuickCanvas


@pytest.fixture
def figure():
    """Return a figure with plain, rotated, coloured and mathematical text, and a legend."""
    figure = Figure(figsize=(5.0, 3.0), dpi=80, layout="constrained")
    ax = figure.subplots()
    ax.plot([0, 1, 2], [3, 5, 4], label="shard 0")
    ax.set(title="Lag", xlabel="simulated time (s)", ylabel="seconds behind")
    ax.text(1.0, 3.5, "slanted", rotation=30, color="#D55E00")
    ax.text(0.2, 4.5, "$x^2$ faint", color="#0072B2", alpha=0.5)
    ax.legend()
    return figure


def plainly(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(int)


def quickly(canvas):
    return np.asarray(Image.open(io.BytesIO(canvas.png()))).astype(int)


# grey levels of 255: a glyph may fall half a pixel aside, which leaves up to 34; another letter in a title makes 52
LEAST_SEEN = 45


def blurred(pixels):
    return np.asarray(Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.BoxBlur(2))).astype(int)


def apart(one, other):
    """Return by how much two pictures differ where they differ most, whatever lies within half a pixel."""
    return np.abs(blurred(one) - blurred(other)).max()


def assert_alike(canvas):
    quick, plain = quickly(canvas), plainly(canvas.figure)
    assert quick.shape == plain.shape
    assert apart(quick, plain) < LEAST_SEEN
    # as much ink altogether: nothing is missing, paler or drawn twice
    assert (255 - quick).mean() == pytest.approx((255 - plain).mean(), rel=0.002)


def test_the_comparison_sees_one_letter_and_a_paler_text(figure):
    plain = plainly(figure)
    (ax,) = figure.axes
    ax.set_title("Log")
    assert apart(plainly(figure), plain) > LEAST_SEEN
    ax.set_title("Lag")
    ax.texts[1].set_alpha(None)
    assert apart(plainly(figure), plain) > LEAST_SEEN


def test_it_draws_what_agg_draws(figure):
    canvas = QuickCanvas(figure)
    assert_alike(canvas)
    assert_alike(canvas)


def test_a_text_that_changed_is_drawn_anew(figure):
    canvas = QuickCanvas(figure)
    before = quickly(canvas)
    (ax,) = figure.axes
    ax.set_title("Latency, and more of it")
    ax.texts[0].set(color="#009E73", rotation=-20)
    ax.texts[1].set_fontsize(16)
    assert apart(quickly(canvas), before) > LEAST_SEEN
    assert_alike(canvas)


@pytest.mark.parametrize(
    "change", [lambda figure: figure.set_dpi(130), lambda figure: figure.set_size_inches(6.5, 2.5)]
)
def test_another_resolution_or_size_is_followed(figure, change):
    canvas = QuickCanvas(figure)
    before = quickly(canvas)
    change(figure)
    assert quickly(canvas).shape != before.shape
    assert_alike(canvas)
