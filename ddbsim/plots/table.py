"""The table under load: heat by partition, consumption against capacity, throttles by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.arguments import checked

from .axes import COLOURS, axes, finish, frame_of, legend_above, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["partition_heat", "table_capacity", "throttles"]

_REASON_START = ("Table", "Index")
_OF_LOAD = ("at_s", "write_units", "capacity_units", "burst_units")


@checked
def partition_heat(result_or_frame: Any, *, ax: Axes | None = None, **mesh_kws: Any) -> Axes:
    """Plot what each partition consumed over time, as a heat map; a partition is blank while it is not there.

    Parameters
    ----------
    result_or_frame
        A Result, or its `partition_load`.
    ax
        Axes to draw on; new ones if None.
    **mesh_kws
        For `Axes.pcolormesh`.

    Returns
    -------
    Axes
    """
    from matplotlib.ticker import MaxNLocator

    frame = frame_of(result_or_frame, "frame", ("at_s", "partition", "write_units"), name="partition_load")
    ax = axes(ax)
    xlabel, ylabel = "simulated time (s)", "partition"
    if frame.empty:
        return finish(ax, title="Load by partition", xlabel=xlabel, ylabel=ylabel, empty=True)
    times = np.unique(frame["at_s"].to_numpy())
    step_s = float(np.diff(times).min()) if len(times) > 1 else 1.0
    usual: dict[str, Any] = {"cmap": "viridis", "vmin": 0.0, "rasterized": True}
    grid = frame.pivot(index="partition", columns="at_s", values="write_units") / step_s
    mesh = ax.pcolormesh(
        np.append(grid.columns.to_numpy(), times[-1] + step_s),
        np.append(grid.index.to_numpy(), grid.index[-1] + 1) - 0.5,
        np.ma.masked_invalid(grid.to_numpy()),
        **usual | mesh_kws,
    )
    ax.figure.colorbar(mesh, ax=ax, label="write units per second")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    finish(ax, title="Load by partition", xlabel=xlabel, ylabel=ylabel, legend=False)
    ax.grid(visible=False)
    return ax


@checked
def table_capacity(result_or_frame: Any, *, ax: Axes | None = None, **line_kws: Any) -> Axes:
    """Plot consumed write units against capacity, and how much of the burst is left on an axis of its own.

    Parameters
    ----------
    result_or_frame
        A Result, or its `table_load`.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For the line of what was consumed, `Axes.plot`.

    Returns
    -------
    Axes
    """
    from matplotlib.lines import Line2D

    frame = frame_of(result_or_frame, "frame", _OF_LOAD, name="table_load")
    ax = axes(ax)
    at_s = frame["at_s"]
    ax.plot(at_s, frame["write_units"], **styled(Line2D, line_kws, color=COLOURS[0], linewidth=1.0, label="consumed"))
    if np.isfinite(frame["capacity_units"]).any():
        ax.step(at_s, frame["capacity_units"], where="post", color=COLOURS[1], lw=1.5, label="capacity")
    finish(
        ax,
        title="Consumed and allowed",
        xlabel="simulated time (s)",
        ylabel="write units per second",
        empty=frame.empty,
        legend=False,
    )
    if (frame["burst_units"] > 0).any():
        ax.plot([], [], color=COLOURS[2], lw=1.2, ls="--", label="burst left (right)")
        right = ax.twinx()
        right.plot(at_s, frame["burst_units"], color=COLOURS[2], lw=1.2, ls="--", label="burst left (right)")
        right.set_ylabel("burst left (write units)")
        right.set_ylim(0, 1.15 * float(frame["burst_units"].max()))
        right.spines["top"].set_visible(False)
    legend_above(ax)
    return ax


@checked
def throttles(result_or_frame: Any, *, ax: Axes | None = None, **area_kws: Any) -> Axes:
    """Plot the attempts throttled per second, stacked by AWS's reason.

    Parameters
    ----------
    result_or_frame
        A Result, or its `table_load`.
    ax
        Axes to draw on; new ones if None.
    **area_kws
        For `Axes.stackplot`.

    Returns
    -------
    Axes
    """
    frame = frame_of(result_or_frame, "frame", _OF_LOAD, name="table_load")
    ax = axes(ax)
    reasons = [name for name in frame.columns if name.startswith(_REASON_START) and frame[name].any()]
    if reasons:
        stacked = [frame[name] for name in reasons]
        ax.stackplot(frame["at_s"], stacked, **({"labels": reasons, "colors": COLOURS, "step": "post"} | area_kws))
    finish(
        ax,
        title="Throttles by reason",
        xlabel="simulated time (s)",
        ylabel="throttled attempts per second",
        empty=not reasons,
        legend=False,
    )
    legend_above(ax, columns=1)
    return ax
