"""`step`: go through a small run event by event, forward and back, and see where everything stands."""

from __future__ import annotations

import asyncio
import html
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.plots.timeline import timeline

from .story import Story

if TYPE_CHECKING:
    import pandas as pd

    from .canvas import QuickCanvas

__all__ = ["Stepper", "step"]

_PACES_S = {"slow, 2 s": 2.0, "1 s": 1.0, "fast, 0.5 s": 0.5}


@checked
def step(lesson_or_result: Any) -> Stepper:
    """Show a small run event by event: the timeline so far, what happened and why, and where each reader stands.

    Play, pause, forward and back are buttons, and the slider goes anywhere; Tab and the arrow keys do all of it.

    Parameters
    ----------
    lesson_or_result
        A lesson (it is run), a Result of a small run, or its `events`.

    Returns
    -------
    Stepper
        A widget; its `at` is the number of events told.

    Raises
    ------
    ValueError
        If the run has no events, or more than anybody reads.
    """
    return Stepper(lesson_or_result)


class Stepper(ipw.VBox):  # type: ignore[misc] # ipywidgets has no types
    """Buttons, a slider, sentences, a timeline and a table of positions; `step` makes one.

    Attributes
    ----------
    story
        What is stepped through.
    slider
        Its value is the number of events told.
    """

    def __init__(self, lesson_or_result: Any) -> None:
        self.story = Story(_events_of(lesson_or_result))
        if not len(self.story):
            raise ValueError("there is nothing to step through: the run has no events")
        self._playing: asyncio.TimerHandle | None = None
        self._canvas = _canvas_for(self.story.events)
        self.picture = ipw.Image(format="png", layout=ipw.Layout(max_width="100%"))
        self.picture.add_class("ddbsim-picture")
        self.sentences, self.positions = ipw.HTML(), ipw.HTML()
        super().__init__([_introduction(lesson_or_result), self._bar(), self.sentences, self.picture, self.positions])
        self.slider.observe(lambda _: self._show(), names="value")
        self._show()

    @property
    def at(self) -> int:
        """The number of events told, 1..len(story)."""
        return int(self.slider.value)

    def forward(self) -> None:
        """Tell the next event, if there is one."""
        self.slider.value = min(self.at + 1, len(self.story))

    def back(self) -> None:
        """Take the last event back."""
        self.slider.value = max(self.at - 1, 1)

    def _bar(self) -> ipw.Widget:
        self.slider = ipw.IntSlider(value=1, min=1, max=len(self.story), description="event", layout={"width": "30em"})
        backward, forward = ipw.Button(description="Back"), ipw.Button(description="Forward")
        backward.on_click(lambda _: self.back())
        forward.on_click(lambda _: self.forward())
        self.play = ipw.ToggleButton(description="Play")
        self.play.observe(self._play_or_pause, names="value")
        self.pace = ipw.Dropdown(options=_PACES_S, value=1.0, description="pace", layout={"width": "14em"})
        return ipw.HBox([backward, forward, self.play, self.pace, self.slider])

    def _play_or_pause(self, change: Any) -> None:
        self.play.description = "Pause" if change["new"] else "Play"
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None
        if change["new"]:
            if self.at == len(self.story):
                self.slider.value = 1
            self._playing = asyncio.get_running_loop().call_later(self.pace.value, self._tick)

    def _tick(self) -> None:
        self.forward()
        if self.at == len(self.story):
            self.play.value = False
        else:
            self._playing = asyncio.get_running_loop().call_later(self.pace.value, self._tick)

    def _show(self) -> None:
        told = f"<p style='margin:0'>event {self.at} of {len(self.story)}</p>"
        self.sentences.value = f"<div role='status'>{told}{self.story.sentences(self.at)}</div>"
        self.positions.value = self.story.table(self.at)
        self._canvas.figure.clear()
        timeline(self.story.events, upto=self.at, ax=self._canvas.figure.subplots())
        self.picture.value = self._canvas.png()


def _events_of(lesson_or_result: Any) -> pd.DataFrame:
    """Return the events of a lesson's run, of a Result, or as they are."""
    import pandas as pd

    if isinstance(lesson_or_result, pd.DataFrame):
        if "what" not in lesson_or_result:
            raise ValueError("what to step through must be given: a lesson, a Result or its events, got another frame")
        return lesson_or_result
    if not (hasattr(lesson_or_result, "run") or hasattr(lesson_or_result, "stream_log")):
        got = shown(lesson_or_result)
        raise ValueError(f"what to step through must be given: a lesson, a Result or its events, got {got}")
    result = lesson_or_result.run() if hasattr(lesson_or_result, "run") else lesson_or_result
    events: pd.DataFrame = result.events
    return events


def _introduction(lesson_or_result: Any) -> ipw.Widget:
    """Return the lesson's claim, the prediction to make, and its source; nothing for a plain run."""
    parts = [(name, getattr(lesson_or_result, name, None)) for name in ("claim", "prediction", "source")]
    text = "".join(
        f"<p style='margin:0'><b>{name.capitalize()}.</b> {html.escape(str(words))}</p>"
        for name, words in parts
        if words
    )
    return ipw.HTML(text)


def _canvas_for(events: pd.DataFrame) -> QuickCanvas:
    """Return a canvas with room for each row of the timeline."""
    from matplotlib.figure import Figure

    from .canvas import QuickCanvas

    rows = events["where"].nunique()
    return QuickCanvas(Figure(figsize=(11.0, 1.7 + 0.7 * max(rows, 2)), dpi=80, layout="constrained"))
