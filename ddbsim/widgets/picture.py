"""The explorer's picture: lag, latency and bill side by side, the setting before as a ghost.

Its axes are made once. Most of the time of a matplotlib figure goes into making ticks and measuring texts; a new
setting only moves what is drawn in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.plots.axes import by_mapping, finish
from ddbsim.plots.latency import seconds_on_a_log_scale
from ddbsim.plots.view_types import OF_THE_TABLE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .explored import Explored

__all__ = ["Picture"]

_NOW = "#0072B2"
_BEFORE: dict[str, Any] = {"linewidth": 3.0, "alpha": 0.35, "zorder": 1}
_PAID: dict[str, Any] = {"color": _NOW}
_UNPAID: dict[str, Any] = {"facecolor": "none", "edgecolor": _NOW, "hatch": "///"}
_SLOWEST_SHARE = 1e-3


class Picture:
    """Lag, latency and bill of a setting, as PNG.

    Attributes
    ----------
    axes
        The three axes: lag, latency, bill.
    """

    def __init__(self) -> None:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, NullLocator

        from .canvas import QuickCanvas

        # no pyplot: it is drawn in a thread of its own, and pyplot would keep it for ever
        self._figure = Figure(figsize=(12.0, 3.3), dpi=80)
        self._canvas = QuickCanvas(self._figure)
        self.axes: tuple[Axes, ...] = tuple(self._figure.subplots(1, 3))
        self._figure.subplots_adjust(left=0.055, right=0.99, bottom=0.165, top=0.9, wspace=0.3)
        lag, latency, bill = self.axes
        finish(lag, title="Lag of the shard furthest behind", xlabel="simulated time (s)", ylabel="seconds behind")
        finish(latency, title="Latency, written to completed", xlabel="latency (s)", ylabel="share that takes longer")
        finish(bill, title="Bill", xlabel="USD a month, the table's part aside", ylabel="")
        seconds_on_a_log_scale(latency)
        latency.set_yscale("log")
        latency.yaxis.set_major_formatter("{x:g}")
        latency.yaxis.set_minor_locator(NullLocator())
        latency.set_ylim(_SLOWEST_SHARE, 1.3)
        for ax in self.axes:
            # title and labels at fixed places need not be kept clear of the ticks, which is a quarter of the drawing
            ax.set_title(ax.get_title(), y=1.02, fontsize="medium")
            ax.xaxis.set_label_coords(0.5, -0.12)
            ax.yaxis.set_label_coords(-0.14, 0.5)
        for axis in (lag.xaxis, lag.yaxis, bill.xaxis):
            axis.set_major_locator(MaxNLocator(4))

    def draw(self, now: Explored, before: Explored | None = None) -> bytes:
        """Return the PNG of a setting, with the one before it as a ghost."""
        for ax in self.axes:
            for artist in (*ax.lines, *ax.patches, *ax.texts):
                artist.remove()
        self._draw_lag(now, before)
        self._draw_latency(now, before)
        self._draw_bill(now, before)
        return self._canvas.png()

    def _draw_lag(self, now: Explored, before: Explored | None) -> None:
        ax = self.axes[0]
        for seen, style in _with_ghost(now, before):
            for name, colour, group in by_mapping(seen.lag):
                ax.plot(group["at_s"], group["seconds_behind"], color=colour, **_labelled(style, name))
        ax.relim()
        ax.autoscale()
        ax.set_ylim(bottom=0, top=max(ax.get_ylim()[1] * 1.25, 1e-3))
        _legend(ax)

    def _draw_latency(self, now: Explored, before: Explored | None) -> None:
        ax = self.axes[1]
        slowest, fastest = 0.0, np.inf
        for seen, style in _with_ghost(now, before):
            for name, colour, group in by_mapping(seen.ecdf):
                times, longer = group["latency_s"].to_numpy(), 1.0 - group["share"].to_numpy()
                shown = longer >= _SLOWEST_SHARE / 2
                ax.step(times[shown], longer[shown], where="post", color=colour, **_labelled(style, name))
                slowest = max(slowest, times[shown].max(initial=0.0))
                fastest = min(fastest, times.min(initial=np.inf))
        if slowest > 0:
            ax.set_xlim(max(fastest, 1e-3), max(slowest * 1.1, 2e-3))
        ax.axhline(0.01, color="#666666", lw=0.8, ls=":")
        ax.text(0.99, 0.011, "p99", transform=ax.get_yaxis_transform(), ha="right", va="bottom", fontsize="small")

    def _draw_bill(self, now: Explored, before: Explored | None) -> None:
        ax = self.axes[2]
        usd = _moved_by_settings(now.bill)
        was = None if before is None else _moved_by_settings(before.bill).reindex(usd.index).fillna(0.0)
        places = np.arange(len(usd))
        if was is not None:
            ax.barh(places, was, height=0.8, color=_NOW, alpha=_BEFORE["alpha"])
        # money for part of the work is no bill
        ax.barh(places, usd, height=0.5, **(_PAID if now.keeps_up else _UNPAID))
        widest = max(usd.max() if len(usd) else 0.0, 0.0 if was is None else was.max(), 1e-9)
        for place, value, old in zip(places, usd, usd if was is None else was, strict=True):
            ax.annotate(f" {value:,.2f}", (max(value, old), place), va="center", fontsize="small")
        ax.set_yticks(places, [_wrapped(label) for label in usd.index])
        ax.set_xlim(0, widest * 1.3)
        ax.set_ylim(len(usd) - 0.4, -0.6)
        ax.set_title(_bill_told(now), y=1.02, fontsize="medium")


def _bill_told(now: Explored) -> str:
    total = f"{now.bill['usd_per_month'].sum():,.0f} USD a month"
    return f"Bill: {total}" if now.keeps_up else f"Bill: at least {total}: {now.done_share:.0%} done"


def _with_ghost(now: Explored, before: Explored | None) -> Iterable[tuple[Explored, dict[str, Any]]]:
    if before is not None:
        yield before, _BEFORE | {"label": "before"}
    yield now, {"linewidth": 1.4, "zorder": 2, "label": "now"}


def _labelled(style: dict[str, Any], name: str) -> dict[str, Any]:
    return style | {"label": f"{name}, {style['label']}"}


def _legend(ax: Axes) -> None:
    ax.legend(frameon=False, loc="upper left", fontsize="small", ncols=2)


def _moved_by_settings(bill: pd.DataFrame) -> pd.Series[float]:
    """Return USD a month by component; what the table costs would dwarf what the settings move."""
    shown = bill[~bill["component"].str.endswith(OF_THE_TABLE) & (bill["usd_per_month"] > 0)]
    return shown.set_index("label")["usd_per_month"]


def _wrapped(label: str) -> str:
    return label.replace("Lambda ", "Lambda\n", 1).replace(", ", "\n", 1)
