"""The warm-up of replications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddbsim.checks.arguments import checked

from .axes import COLOURS, axes, finish, made_by, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["welch"]


@checked
def welch(warm_up_or_replications: Any, *, ax: Axes | None = None, **line_kws: Any) -> Axes:
    """Plot the mean latency over the run, Welch's moving average of it, and where MSER-5 would cut.

    Parameters
    ----------
    warm_up_or_replications
        What `replicate` returns, or its `warm_up()`.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.plot`, of the moving average.

    Returns
    -------
    Axes
    """
    from matplotlib.lines import Line2D

    given = warm_up_or_replications
    if not hasattr(given, "warm_up"):
        made_by(given, "replicate", "WarmUp")
    warm = given.warm_up() if hasattr(given, "warm_up") else given
    frame = warm.frame
    ax = axes(ax)
    ax.plot(
        frame["at_s"], frame["latency_s"], color="#999999", lw=0.7, label=f"mean of {warm.replications} replications"
    )
    style = styled(Line2D, line_kws, color=COLOURS[0], linewidth=1.8, label="moving average")
    ax.plot(frame["at_s"], frame["smooth_s"], **style)
    if warm.suggested_s is not None:
        ax.axvline(warm.suggested_s, color=COLOURS[1], ls="--", lw=1.2, label=f"MSER-5: {warm.suggested_s:.3g} s")
    ax.axvline(warm.used_s, color="#000000", ls=":", lw=1.2, label=f"warmup_s: {warm.used_s:g} s")
    empty = bool(frame["latency_s"].isna().all())
    finish(ax, title="Latency over the run", xlabel="written at (s)", ylabel="mean latency (s)", empty=empty)
    ax.set_ylim(bottom=0)
    return ax
