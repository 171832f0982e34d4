"""Latency: its distribution, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.arguments import checked

from .axes import axes, by_mapping, finish, frame_of, styled

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["latency", "seconds_on_a_log_scale", "waits"]

_OF_WAITS = ("event_source_mapping", "part", "mean_s", "waiting")


@checked
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
    from matplotlib.lines import Line2D

    frame = frame_of(result_or_frame, "ecdf", ("event_source_mapping", "latency_s", "share"))
    ax = axes(ax)
    for name, colour, group in by_mapping(frame):
        share = group["share"].to_numpy()
        values = 1.0 - share if complementary else share
        # the last step of a complement is 0, which a logarithm has no place for
        keep = values > 0 if complementary else np.ones(len(values), dtype=bool)
        kept = "" if slo_s is None else _kept(share, group["latency_s"].to_numpy(), slo_s)
        style = styled(Line2D, line_kws, color=colour, label=f"{name}{kept}")
        ax.step(group["latency_s"].to_numpy()[keep], values[keep], where="post", **style)
    if slo_s is not None:
        ax.axvline(slo_s, color="#000000", ls="--", lw=1, label=f"target {slo_s:g} s")
    if not frame.empty:
        seconds_on_a_log_scale(ax)
    if complementary and not frame.empty:
        ax.set_yscale("log")
    ylabel = "share of records that take longer" if complementary else "share of records done within"
    return finish(ax, title="Latency, written to completed", xlabel="latency (s)", ylabel=ylabel, empty=frame.empty)


@checked
def waits(
    result_or_frame: Any,
    *,
    cohort: float | tuple[float | None, ...] | None = 0.99,
    ax: Axes | None = None,
    **bar_kws: Any,
) -> Axes:
    """Plot a waterfall of what records waited for: the parts of the mean latency, one after the other.

    Records that still waited when the run ended count with what they had waited, and are told beside their part.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.waits` of one mapping.
    cohort
        The slowest records: 0.99 for those at or beyond the 99th percentile; None for all; a tuple of them, of a
        Result with one mapping, for one waterfall under the other. Used if a Result is given.
    ax
        Axes to draw on; new ones if None.
    **bar_kws
        For `Axes.barh`.

    Returns
    -------
    Axes
    """
    from matplotlib.patches import Rectangle

    cohorts = cohort if isinstance(cohort, tuple) else (cohort,)
    frame = _waits_of(result_or_frame, cohorts)
    ax = axes(ax)
    height = 0.8 / max(frame["event_source_mapping"].nunique(), 1)
    mappings = 0
    for number, (name, colour, group) in enumerate(by_mapping(frame)):
        mappings += 1
        mean = group["mean_s"].to_numpy()
        left = np.concatenate(([0.0], np.cumsum(mean)[:-1]))
        places = np.arange(len(mean)) + number * height
        ax.barh(places, mean, left=left, **styled(Rectangle, bar_kws, height=height, color=colour, label=name))
        for place, start, width, waiting in zip(places, left, mean, group["waiting"], strict=True):
            still = f", {waiting:,} still wait" if waiting else ""
            at = (start + width, place)
            ax.annotate(f" {_seconds(width)}{still}", at, va="center", fontsize="small", annotation_clip=False)
    parts = [part.replace("_", " ") for part in dict.fromkeys(frame["part"])]
    ax.set_yticks(np.arange(len(parts)) + 0.4 - height / 2, parts)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    who = _who(cohorts[0]) if len(cohorts) == 1 and result_or_frame is not frame else "records"
    return finish(
        ax, title=f"What {who} waited for", xlabel="seconds since the write, mean", ylabel="",
        empty=frame.empty, legend=mappings > 1,
    )  # fmt: skip


def _kept(share: npt.NDArray[np.float64], latency_s: npt.NDArray[np.float64], slo_s: float) -> str:
    """Say how many keep the target: the frame is thinned, its last step within the target may be a little before it."""
    return f" (≥ {share[latency_s <= slo_s].max(initial=0.0):.2%} within {slo_s:g} s)"


def _waits_of(given: Any, cohorts: tuple[float | None, ...]) -> pd.DataFrame:
    """Return the parts of the latency; several cohorts stand under their names in the place of mappings."""
    if len(cohorts) == 1:
        return frame_of(given, "waits", _OF_WAITS, cohort=cohorts[0])
    import pandas as pd

    frames = [frame_of(given, "waits", _OF_WAITS, cohort=one) for one in cohorts]
    if any(len(set(frame["event_source_mapping"])) > 1 for frame in frames):
        raise ValueError("several cohorts can be shown of one mapping, got a Result of several: give one cohort")
    named = [frame.assign(event_source_mapping=_who(one)) for one, frame in zip(cohorts, frames, strict=True)]
    return pd.concat(named, ignore_index=True)


def _who(cohort: float | None) -> str:
    return "all records" if cohort is None else f"the slowest {100 * (1 - cohort):.3g} % of records"


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    digits = 1 if 0 < value < 0.01 else 0
    return f"{value * 1000:.{digits}f} ms"


def seconds_on_a_log_scale(ax: Axes) -> None:
    """Write 0.2, 0.5, 1: a run's latencies often lie within a decade or two, where powers of ten say little."""
    from matplotlib.ticker import LogLocator, NullLocator

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
