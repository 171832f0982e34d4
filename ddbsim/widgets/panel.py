"""What the widgets that run scenarios share: sliders above, an answer below, and the way from one to the other."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as ipw

from ddbsim.experiment.runs.fingerprint import contents_of
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.run import draw_writes
from ddbsim.scenario import Scenario, without_setting_warnings
from ddbsim.workload import WriteColumns

from .as_code import as_code
from .background import Latest, Tell
from .horizon import beyond
from .settings import Setting, changed, settings_of, shortened

__all__ = ["Panel", "banner"]

# how long the hand rests before a longer run begins, seconds
_REST_S = 1.0


class Panel(ipw.VBox):  # type: ignore[misc] # ipywidgets has no types
    """Sliders on a scenario, and what comes of them; the base of `explore` and `view_types`.

    A subclass says what an answer is (`_answer`, in a thread beside the notebook's) and how it is shown (`_show`).

    Attributes
    ----------
    sliders
        A slider by name of its setting.
    scenario
        The scenario as the sliders have it now; assignable to a name and usable like any other.
    """

    def __init__(self, scenario: Scenario, *, rng: Seed, mapping: str | None, horizon_s: float | None) -> None:
        scenario.check_mapped("the explorer")
        self._whole = self._moved_whole = scenario
        self._start = shortened(scenario, horizon_s)
        self._mapping = mapping or scenario.mappings[0].label
        self._streams = RandomStreams(rng)
        self._drawn: tuple[Any, WriteColumns] | None = None
        self._latest = Latest()
        self.scenario = self._start
        self.sliders = {one.name: _slider(one) for one in self._settings()}
        for slider in self.sliders.values():
            slider.observe(self._moved, names="value")
        self.message, self.verdict = ipw.HTML(), ipw.HTML()
        super().__init__([self._controls(), self._bar(), self.message, self.verdict, self._shown(), self._code()])
        self._ask(self.scenario, in_place=True)

    def _settings(self) -> tuple[Setting, ...]:
        """Return what the sliders move, at the values that they start from."""
        return settings_of(self._start, self._mapping)

    def _answer(self, scenario: Scenario, tell: Tell) -> Any:
        """Return what is to be shown; `tell` takes the progress, 0..1."""
        raise NotImplementedError

    def _show(self, answer: Any) -> None:
        """Show an answer."""
        raise NotImplementedError

    def _verdict(self, scenario: Scenario, answer: Any) -> str:
        """Return what stands above the answer, as HTML: first of all what it does not cover."""
        hidden = beyond(self._moved_whole, scenario.length_s)
        return banner(f"{hidden[0].upper()}{hidden[1:]}.", severe=True) if hidden else ""

    def _longer(self, scenario: Scenario) -> Scenario | None:
        """Return what is run unasked once a scenario was answered and the hand rests; None for nothing."""
        return None

    def _shown(self) -> ipw.Widget:
        """Return the widget that answers are shown in."""
        raise NotImplementedError

    def _controls(self) -> ipw.Widget:
        # two columns: what the sliders do stays in sight beneath them
        return ipw.GridBox(
            list(self.sliders.values()), layout=ipw.Layout(grid_template_columns="repeat(2, minmax(30em, 40em))")
        )

    def _bar(self) -> ipw.Widget:
        self.reset = ipw.Button(description="Back to the start", layout=ipw.Layout(width="auto"))
        self.whole = ipw.Button(description=f"Run all {self._whole.length_s:,g} s", layout=ipw.Layout(width="auto"))
        self.progress = ipw.FloatProgress(max=1.0, layout=ipw.Layout(visibility="hidden", width="12em"))
        self.cancel = ipw.Button(description="Cancel", layout=ipw.Layout(visibility="hidden"))
        self.reset.on_click(lambda _: self._go_back())
        self.whole.on_click(lambda _: self._ask(self._moved_whole))
        self.cancel.on_click(lambda _: self._give_up())
        return ipw.HBox([self.reset, self.whole, self.progress, self.cancel])

    def _code(self) -> ipw.Widget:
        self.as_code = ipw.ToggleButton(description="Copy as code", layout=ipw.Layout(width="auto"))
        self.code = ipw.Textarea(layout=ipw.Layout(display="none", width="60em", height="22em"))
        self.as_code.observe(self._toggle_code, names="value")
        return ipw.VBox([self.as_code, self.code], layout=ipw.Layout(align_items="flex-start"))

    def _toggle_code(self, _: Any) -> None:
        self._write_code()
        self.code.layout.display = "" if self.as_code.value else "none"

    def _write_code(self) -> None:
        """Spell the scenario out where it is looked at."""
        if self.as_code.value:
            try:
                self.code.value = as_code(self._moved_whole)
            except ValueError as error:
                self.code.value = f"# {error}"

    def _moved(self, _: Any) -> None:
        values = {name: slider.value for name, slider in self.sliders.items()}
        with without_setting_warnings() as traps:
            try:
                scenario = changed(self._start, self._mapping, values)
                # what is scheduled beyond the horizon is in the whole alone
                self._moved_whole = changed(self._whole, self._mapping, values)
            except ValueError as error:
                self._latest.cancel()
                self._say(str(error), failed=True)
                return
        self.scenario = scenario
        self._write_code()
        self._ask(scenario, notes=traps)

    def _ask(self, scenario: Scenario, *, notes: list[str] | None = None, in_place: bool = False) -> None:
        def done(answer: Any) -> None:
            self._busy(None)
            self._say(" ".join(notes or []))
            self.verdict.value = self._verdict(scenario, answer)
            self._show(answer)
            further = self._longer(scenario)
            if further is not None:
                self._latest.after_rest(_REST_S, lambda: self._ask(further, notes=notes))

        self._latest.ask(
            lambda tell: self._answer(scenario, tell), done=done, failed=self._failed, progress=self._busy,
            in_place=in_place,
        )  # fmt: skip

    def _writes(self, scenario: Scenario) -> WriteColumns:
        """Return the scenario's writes; settings of the mapping leave those of the last run as they are."""
        if scenario.length_s > self._start.length_s:
            # many, and seldom asked for twice
            return draw_writes(scenario, self._streams)
        contents = contents_of(scenario.workload)
        wanted = (contents, scenario.length_s)
        if contents is None or self._drawn is None or self._drawn[0] != wanted:
            self._drawn = (wanted, draw_writes(scenario, self._streams))
        return self._drawn[1]

    def _go_back(self) -> None:
        for name, slider in self.sliders.items():
            slider.value = next(one.value for one in self._settings() if one.name == name)

    def _give_up(self) -> None:
        self._latest.cancel()
        self._busy(None)
        self._say("Cancelled; what is shown is the run before.")

    def _failed(self, error: Exception) -> None:
        self._busy(None)
        self._say(str(error) or type(error).__name__, failed=True)

    def _busy(self, share: float | None) -> None:
        """Show how far a run has come; None: there is none."""
        shown = "hidden" if share is None else "visible"
        for widget in (self.progress, self.cancel):
            if widget.layout.visibility != shown:
                widget.layout.visibility = shown
        self.progress.value = share or 0.0

    def _say(self, sentence: str, *, failed: bool = False) -> None:
        """Show a sentence; one that says what is wrong is an alert to a screen reader."""
        role, colour = ("alert", "#B00020") if failed else ("status", "#444")
        self.message.value = f"<p role='{role}' style='color:{colour};margin:0'>{html.escape(sentence)}</p>"


def banner(sentence: str, *, severe: bool) -> str:
    """Return a sentence that stands above an answer; one that the answer cannot be trusted without is an alert."""
    role, style = ("alert", "color:#B00020;font-weight:bold") if severe else ("status", "color:#444")
    return f"<p role='{role}' style='{style};margin:0'>{html.escape(sentence)}</p>"


def _slider(setting: Setting) -> ipw.SelectionSlider:
    return ipw.SelectionSlider(
        options=list(setting.options),
        value=setting.value,
        description=setting.label,
        continuous_update=True,
        style={"description_width": "22em"},
        layout=ipw.Layout(width="auto"),
    )
