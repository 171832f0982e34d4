"""Throughput and concurrency over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddbsim.checks.arguments import checked

from .axes import axes, by_mapping, finish, frame_of, legend_above, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["concurrency", "throughput"]


@checked
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
    from matplotlib.lines import Line2D

    needs = ("event_source_mapping", "at_s", "written_per_s", "completed_per_s")
    frame = frame_of(result_or_frame, "throughput", needs, every_s=every_s)
    ax = axes(ax)
    for number, (name, colour, group) in enumerate(by_mapping(frame)):
        if number == 0:
            # the same writes for every mapping
            ax.plot(group["at_s"], group["written_per_s"], color="#666666", lw=3, alpha=0.4, label="written")
        style = styled(Line2D, line_kws, color=colour, linewidth=1.2, label=f"completed by {name}")
        ax.plot(group["at_s"], group["completed_per_s"], **style)
    xlabel, ylabel = "simulated time (s)", "records per second"
    finish(ax, title="Throughput", xlabel=xlabel, ylabel=ylabel, empty=frame.empty, legend=False)
    legend_above(ax)
    return ax


@checked
def concurrency(result_or_frame: Any, *, every_s: float | None = None, ax: Axes | None = None, **line_kws: Any) -> Axes:
    """Plot how many invocations of each mapping run at once, the mean of each step.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.throughput`.
    every_s
        Step of the time grid, seconds, if a Result is given. A peak that is shorter than a step does not show.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.plot`.

    Returns
    -------
    Axes
    """
    from matplotlib.lines import Line2D

    needs = ("event_source_mapping", "at_s", "concurrency")
    frame = frame_of(result_or_frame, "throughput", needs, every_s=every_s)
    ax = axes(ax)
    for name, colour, group in by_mapping(frame):
        ax.plot(
            group["at_s"], group["concurrency"], **styled(Line2D, line_kws, color=colour, linewidth=1.2, label=name)
        )
    xlabel, ylabel = "simulated time (s)", "invocations at once"
    finish(ax, title="Concurrency", xlabel=xlabel, ylabel=ylabel, empty=frame.empty, legend=False)
    legend_above(ax)
    return ax
