"""`view_types`: move a setting, see what each view type costs and how it behaves."""

from __future__ import annotations

import html
from dataclasses import replace

import ipywidgets as ipw

from ddbsim.checks.arguments import checked
from ddbsim.experiment.alternatives.view_type_comparison import ViewTypeComparison, tables_html
from ddbsim.experiment.alternatives.view_types import Measured, compare_view_types, measure
from ddbsim.plots.view_types import view_types as plot_view_types
from ddbsim.randomness import Seed
from ddbsim.run import run
from ddbsim.scenario import VIEW_TYPES, Scenario, filters_told

from .background import Tell
from .panel import Panel
from .settings import Setting, image_settings_of

__all__ = ["Comparer", "view_types"]


@checked
def view_types(
    scenario: Scenario, *, rng: Seed = 7, mapping: str | None = None, horizon_s: float | None = None
) -> Comparer:
    """Show what the four view types cost, and whether they serve the handler, as one moves the settings.

    Parameters
    ----------
    scenario
        Where to start; its view type is replaced by each of the four.
    rng
        Seed of all runs: the four see the same writes.
    mapping
        Name of the mapping whose settings are moved; the first if None.
    horizon_s
        Simulated time of a move, seconds > 0; None: that of about 60,000 records, 10..120 s.

    Returns
    -------
    Comparer
        A widget; its `scenario` is that of the sliders, its `comparison` what `compare_view_types` returns for it.

    Raises
    ------
    ValueError
        If there is no such mapping.
    """
    return Comparer(scenario, rng=rng, mapping=mapping, horizon_s=horizon_s)


class Comparer(Panel):
    """Sliders, a verdict, a picture and a table; `view_types` makes one.

    Attributes
    ----------
    comparison
        What is shown.
    """

    comparison: ViewTypeComparison

    def __init__(self, scenario: Scenario, *, rng: Seed, mapping: str | None, horizon_s: float | None) -> None:
        from matplotlib.figure import Figure

        from .canvas import QuickCanvas

        self._canvas = QuickCanvas(Figure(figsize=(10.0, 3.6), dpi=80, layout="constrained"))
        super().__init__(scenario, rng=rng, mapping=mapping, horizon_s=horizon_s)

    def _settings(self) -> tuple[Setting, ...]:
        return (*image_settings_of(self._start, self._mapping), *super()._settings())

    def _shown(self) -> ipw.Widget:
        self.picture = ipw.Image(format="png", layout=ipw.Layout(max_width="100%"))
        self.picture.add_class("ddbsim-picture")
        self.numbers = ipw.HTML()
        self.verdict = ipw.HTML()
        return ipw.VBox([self.verdict, self.picture, self.numbers])

    def _answer(self, scenario: Scenario, tell: Tell) -> tuple[ViewTypeComparison, bytes]:
        writes = self._writes(scenario)
        known: dict[str, Measured] = {}
        told = filters_told(scenario)
        for number, view_type in enumerate(VIEW_TYPES):
            variant = replace(told, stream=replace(scenario.stream, view_type=view_type))

            def progress(now_s: float, done: int = number) -> None:
                tell((done + now_s / scenario.length_s) / len(VIEW_TYPES))

            known[view_type] = measure(run(variant, writes, self._streams, progress=progress))
        comparison = compare_view_types(scenario, measured=known)
        self._canvas.figure.clear()
        plot_view_types(comparison, ax=self._canvas.figure.subplots())
        return comparison, self._canvas.png()

    def _show(self, answer: tuple[ViewTypeComparison, bytes]) -> None:
        self.comparison, png = answer
        self.verdict.value = f"<p><b>{html.escape(self.comparison.verdict)}</b></p>"
        self.numbers.value = tables_html(self.comparison)
        self.picture.value = png
