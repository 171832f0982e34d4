"""After an outage: how long the backlog takes, against how long the consumer was away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.arguments import checked

from .axes import COLOURS, axes, finish, legend_beside, made_by, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["drain"]

_HOUR_S = 3_600.0


@checked
def drain(forecast: Any, *, ax: Axes | None = None, **line_kws: Any) -> Axes:
    """Plot the time that a backlog takes to drain against the length of the outage, with and without each lever.

    The vertical line is the stream's retention, or the mapping's maximum record age if that is shorter: a consumer
    that comes back later has lost records.

    Parameters
    ----------
    forecast
        What `drain` of the package returns.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.plot`.

    Returns
    -------
    Axes
    """
    from matplotlib.lines import Line2D

    made_by(forecast, "drain", "Drain")
    ax = axes(ax)
    # a short retention, as lessons have, is told in minutes
    unit_s, unit = (_HOUR_S, "h") if forecast.retention_s >= 2 * _HOUR_S else (60.0, "min")
    known = forecast.curve[np.isfinite(forecast.curve["drain_s"])]
    for number, (name, group) in enumerate(known.groupby("lever", sort=False)):
        colour = COLOURS[number % len(COLOURS)]
        at = group["outage_s"] / unit_s
        style = styled(Line2D, line_kws, color=colour, linewidth=1.6, label=plain(name))
        ax.plot(at, group["drain_s"] / unit_s, **style)
        if np.isfinite(group["high"]).all():
            ax.fill_between(at, group["low"] / unit_s, group["high"] / unit_s, color=colour, alpha=0.15, lw=0)
    # of a consumer that only fails, no return is told
    last = forecast.frame["last_return_s"].iloc[0] / unit_s if len(forecast.frame) else np.inf
    end = forecast.retention_s / unit_s
    ax.axvline(end, color="#000000", lw=1.2, label=f"retention: {end:.3g} {unit}")
    ax.axvspan(min(max(last, 0.0), end), end * 1.04, color="#D55E00", alpha=0.15, lw=0, label="records are lost")
    ax.axvline(
        forecast.outage_s / unit_s,
        color="#666666",
        ls=":",
        lw=1.2,
        label=f"asked: {forecast.outage_s / unit_s:.3g} {unit}",
    )
    ax.set_xlim(0, end * 1.04)
    ax.set_ylim(bottom=0)
    xlabel, ylabel = f"consumer down for ({unit})", f"then well again after ({unit})"
    finish(ax, title="Time to drain after an outage", xlabel=xlabel, ylabel=ylabel, empty=known.empty, legend=False)
    legend_beside(ax)
    return ax
