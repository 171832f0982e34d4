"""`explore`: move a setting, see what becomes of lag, latency and bill."""

from __future__ import annotations

import html
from threading import Lock

import ipywidgets as ipw

from ddbsim.checks.arguments import checked
from ddbsim.randomness import Seed
from ddbsim.run import run
from ddbsim.scenario import Scenario

from .background import Tell
from .explored import Explored, as_table, explored, verdicts_told
from .horizon import longer
from .panel import Panel, banner
from .picture import Picture

__all__ = ["Explorer", "explore"]


@checked
def explore(
    scenario: Scenario, *, rng: Seed = 7, mapping: str | None = None, horizon_s: float | None = None
) -> Explorer:
    """Show what the settings of a mapping do to lag, latency and bill, as one moves them.

    A short horizon of the scenario is simulated at each move, always on the same writes; while the hand rests longer
    ones follow, up to all of it or four million records, and replace what is shown. The setting before stays as a
    ghost. Above the picture stands whether each mapping keeps up over what is shown, and what is scheduled beyond it.
    Tab and the arrow keys do all that a mouse does. The button below gives the scenario as code.

    Parameters
    ----------
    scenario
        Where to start.
    rng
        Seed of all runs.
    mapping
        Name of the mapping whose settings are moved; the first if None.
    horizon_s
        Simulated time of a move, seconds > 0; None: that of about 60,000 records, 10..120 s, or up to what is scheduled
        (an outage, a split, a spike) where that is no more records.

    Returns
    -------
    Explorer
        A widget; its `scenario` is that of the sliders.

    Raises
    ------
    ValueError
        If there is no such mapping.
    """
    return Explorer(scenario, rng=rng, mapping=mapping, horizon_s=horizon_s)


class Explorer(Panel):
    """Sliders, a picture and a table of numbers; `explore` makes one."""

    def __init__(self, scenario: Scenario, *, rng: Seed, mapping: str | None, horizon_s: float | None) -> None:
        self._pictures, self._drawing = Picture(), Lock()
        self._now: Explored | None = None
        # runs of one length are compared with each other alone
        self._last_of: dict[float, Explored] = {}
        super().__init__(scenario, rng=rng, mapping=mapping, horizon_s=horizon_s)

    def extend(self) -> None:
        """Run longer and longer times of the scenario here and now, as it is done unasked while the hand rests."""
        further = self._longer(self.scenario)
        while further is not None:
            self._ask(further, in_place=True)
            further = self._longer(further)

    def _longer(self, scenario: Scenario) -> Scenario | None:
        return longer(self._moved_whole, scenario.length_s)

    def _verdict(self, scenario: Scenario, answer: tuple[Explored, Explored | None, bytes]) -> str:
        now = answer[0]
        told = [banner(sentence, severe=severe) for sentence, severe in verdicts_told(now)]
        return "".join([*told, super()._verdict(scenario, answer)])

    def _shown(self) -> ipw.Widget:
        self.picture = ipw.Image(format="png", layout=ipw.Layout(max_width="100%"))
        self.picture.add_class("ddbsim-picture")
        self.numbers, self.note = ipw.HTML(), ipw.HTML()
        return ipw.VBox([self.picture, self.note, self.numbers])

    def _answer(self, scenario: Scenario, tell: Tell) -> tuple[Explored, Explored | None, bytes]:
        writes = self._writes(scenario)
        result = run(scenario, writes, self._streams, progress=lambda now_s: tell(0.9 * now_s / scenario.length_s))
        now, before = explored(result), self._last_of.get(scenario.length_s)
        with self._drawing:
            tell(0.95)
            return now, before, self._pictures.draw(now, before)

    def _show(self, answer: tuple[Explored, Explored | None, bytes]) -> None:
        now, before, png = answer
        self._now = self._last_of[now.scenario.length_s] = now
        self.numbers.value = as_table(now, before)
        self.note.value = f"<p style='margin:0'>{html.escape(now.note)}</p>"
        self.picture.value = png
