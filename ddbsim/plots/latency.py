"""Latency: its distribution, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import COLOURS, axes, finish, frame_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["latency", "waits"]


def latency(
    result_or_frame: Any,
    *,
    complementary: bool = False,
    slo_s: float | None = None,
    ax: Axes | None = None,
    **line_kws: Any,
) -> Axes:
    """Plot the distribution function of the latency, written to completed.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.ecdf`.
    complementary
        Plot the share that takes longer, on a logarithmic scale: the tail.
    slo_s
        Mark a target, seconds.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.plot`.

    Returns
    -------
    Axes
    """
    frame = frame_of(result_or_frame, "ecdf")
    ax = axes(ax)
    for number, (name, group) in enumerate(frame.groupby("event_source_mapping", observed=True)):
        share = group["share"].to_numpy()
        values = 1.0 - share if complementary else share
        # the last step of a complement is 0, which a logarithm has no place for
        keep = values > 0 if complementary else np.ones(len(values), dtype=bool)
        colour = COLOURS[number % len(COLOURS)]
        ax.step(
            group["latency_s"].to_numpy()[keep], values[keep], where="post", color=colour, label=str(name), **line_kws
        )
    if slo_s is not None:
        ax.axvline(slo_s, color="#000000", ls="--", lw=1, label=f"target {slo_s:g} s")
    if not frame.empty:
        ax.set_xscale("log")
    if complementary and not frame.empty:
        ax.set_yscale("log")
    ylabel = "share of records that take longer" if complementary else "share of records done within"
    return finish(ax, title="Latency, written to completed", xlabel="latency (s)", ylabel=ylabel, empty=frame.empty)


def waits(result_or_frame: Any, *, cohort: float | None = 0.99, ax: Axes | None = None, **bar_kws: Any) -> Axes:
    """Plot a waterfall of what records waited for: the parts of the mean latency, one after the other.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.waits` of one mapping.
    cohort
        The slowest records: 0.99 for those at or beyond the 99th percentile; None for all. Used if a Result is given.
    ax
        Axes to draw on; new ones if None.
    **bar_kws
        For `Axes.barh`.

    Returns
    -------
    Axes
    """
    frame = frame_of(result_or_frame, "waits", cohort=cohort)
    ax = axes(ax)
    names = list(dict.fromkeys(frame["event_source_mapping"]))
    height = 0.8 / max(len(names), 1)
    for number, name in enumerate(names):
        group = frame[frame["event_source_mapping"] == name]
        mean = group["mean_s"].to_numpy()
        left = np.concatenate(([0.0], np.cumsum(mean)[:-1]))
        places = np.arange(len(mean)) + number * height
        ax.barh(places, mean, left=left, height=height, color=COLOURS[number % len(COLOURS)], label=name, **bar_kws)
        for place, start, width in zip(places, left, mean, strict=True):
            ax.annotate(
                f" {_seconds(width)}", (start + width, place), va="center", fontsize="small", annotation_clip=False
            )
    parts = [part.replace("_", " ") for part in dict.fromkeys(frame["part"])]
    ax.set_yticks(np.arange(len(parts)) + 0.4 - height / 2, parts)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    who = "all records" if cohort is None else f"the slowest {1 - cohort:.3g} of records"
    if result_or_frame is frame:
        who = "records"
    return finish(
        ax, title=f"What {who} waited for", xlabel="seconds since the write, mean", ylabel="",
        empty=frame.empty, legend=len(names) > 1,
    )  # fmt: skip


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
