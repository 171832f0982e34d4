"""The answer of a search: what is cheap and quick at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.arguments import checked

from .axes import axes, finish, known, legend_beside, made_by, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pareto"]

# of what is drawn, across and up: a text of one word is about so high, and wider
_NEAR = 0.06
# state -> its words, its mark and its colour
_STATES = {
    "falls behind": ("does not keep up", "x", "#999999"),
    "fails": ("fails the SLO", "x", "#D55E00"),
    "undecided": ("undecided", "s", "#CC79A7"),
    "costs more": ("costs more", "o", "#999999"),
    "as cheap": ("as cheap as the chosen", "o", "#56B4E9"),
    "chosen": ("chosen", "*", "#009E73"),
}


@checked
def pareto(solution: Any, metric: str | None = None, *, ax: Axes | None = None, **scatter_kws: Any) -> Axes:
    """Plot what the candidates of a search cost against a metric of the SLO, and the front that none beats in both.

    Parameters
    ----------
    solution
        What `solve` returns.
    metric
        A metric of its SLO; the first if None.
    ax
        Axes to draw on; new ones if None.
    **scatter_kws
        For `Axes.scatter`.

    Returns
    -------
    Axes
    """
    from matplotlib.collections import PathCollection

    made_by(solution, "solve", "Solution")
    metric = known("metric", metric or solution.metrics[0], solution.metrics)
    cost = solution.minimise
    drawn = solution.candidates[np.isfinite(solution.candidates[cost]) & np.isfinite(solution.candidates[metric])]
    ax = axes(ax)
    for state, (words, mark, colour) in _STATES.items():
        group = drawn[drawn["state"] == state]
        if len(group):
            size = 160 if state == "chosen" else 28
            style = styled(PathCollection, scatter_kws, marker=mark, color=colour, s=size, zorder=3)
            ax.scatter(group[cost], group[metric], label=f"{words} ({len(group)})", **style)
    front = solution.pareto
    ax.step(front[cost], front[metric], where="post", color="#0072B2", lw=1.2, label="none is better in both")
    _name_roles(ax, solution.choices, metric == solution.metrics[0])
    target = dict(zip(solution.metrics, (value for _, value in solution.slo.targets), strict=True))[metric]
    ax.axhline(target, color="#000000", ls="--", lw=1, label=f"target {target:g}")
    values = drawn[metric]
    if len(values) and values.min() > 0 and values.max() > 20 * values.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    unit = "USD a month" if cost == "usd_per_month" else cost
    finish(ax, title="Cost against the SLO's metric", xlabel=unit, ylabel=metric, empty=drawn.empty, legend=False)
    legend_beside(ax)
    return ax


def _name_roles(ax: Axes, choices: Any, by_first: bool) -> None:
    """Write at its point what each choice is called; points too near for two texts have their names in one."""
    known = choices[np.isfinite(choices["usd"]) & np.isfinite(choices["metric"])]
    if not by_first:
        return
    near = _NEAR * np.array([ax.dataLim.width, ax.dataLim.height])
    texts: list[tuple[Any, list[str]]] = []
    for role, *at in known[["role", "usd", "metric"]].itertuples(index=False):
        here = next((names for other, names in texts if (np.abs(np.subtract(at, other)) <= near).all()), None)
        if here is None:
            texts.append((at, [role]))
        else:
            here.append(role)
    for at, names in texts:
        ax.annotate(", ".join(names), at, xytext=(6, 6), textcoords="offset points", fontsize="small", zorder=4)
