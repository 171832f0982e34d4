"""Throughput and concurrency over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .axes import COLOURS, axes, finish, frame_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["throughput"]


def throughput(result_or_frame: Any, *, every_s: float | None = None, ax: Axes | None = None, **line_kws: Any) -> Axes:
    """Plot records written and completed per second.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.throughput`.
    every_s
        Step of the time grid, seconds, if a Result is given.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.plot`.

    Returns
    -------
    Axes
    """
    frame = frame_of(result_or_frame, "throughput", every_s=every_s)
    ax = axes(ax)
    groups = list(frame.groupby("event_source_mapping", observed=True))
    if groups:
        first = groups[0][1]
        ax.plot(first["at_s"], first["written_per_s"], color="#666666", lw=3, alpha=0.4, label="written")
    for number, (name, group) in enumerate(groups):
        colour = COLOURS[number % len(COLOURS)]
        ax.plot(group["at_s"], group["completed_per_s"], color=colour, lw=1.2, label=f"completed by {name}", **line_kws)
    finish(ax, title="Throughput", xlabel="simulated time (s)", ylabel="records per second", empty=frame.empty)
    ax.set_ylim(bottom=0)
    return ax
