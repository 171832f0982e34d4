"""A sweep: a map of one metric over two fields, and how they act together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ddbsim.checks.arguments import checked

from .axes import COLOURS, axes, finish, known, made_by, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heat_map", "interaction"]

_MOST_NUMBERS = 100
_MOST_CELLS = 100_000


@checked
def heat_map(
    sweep_or_table: Any,
    metric: str = "latency_p99_s",
    *,
    rows: str | None = None,
    columns: str | None = None,
    target: float | None = None,
    ax: Axes | None = None,
    **mesh_kws: Any,
) -> Axes:
    """Plot a metric's means over two fields of a sweep as colours, with the numbers in the cells.

    Parameters
    ----------
    sweep_or_table
        What `sweep` returns, or what its `table` does: a row per value of one field, a column per value of another.
    metric
        Which, if a sweep is given.
    rows, columns
        Fields; the first two that were varied if None.
    target
        Draw a frame around the cells at or below it.
    ax
        Axes to draw on; new ones if None.
    **mesh_kws
        For `Axes.pcolormesh`.

    Returns
    -------
    Axes
    """
    given = isinstance(sweep_or_table, pd.DataFrame)
    if given:
        _check_numbers(sweep_or_table)
    else:
        made_by(sweep_or_table, "sweep", "Sweep")
        known("metric", metric, sweep_or_table.frame["metric"])
    table = sweep_or_table if given else sweep_or_table.table(metric, rows, columns)
    ax = axes(ax, size=(1.8 + 0.9 * max(table.shape[1], 3), 1.2 + 0.5 * max(table.shape[0], 3)))
    title = "Means over replications" if given else f"{metric}, mean over replications"
    if target is not None:
        # a legend would hide cells
        title += f"; framed: at most {target:g}"
    values = table.to_numpy(dtype=np.float64)
    if values.size:
        shown = np.ma.masked_invalid(values)
        style = {"cmap": "viridis_r", "edgecolors": "white", "linewidth": 1.0, **_scale(values)} | mesh_kws
        mesh = ax.pcolormesh(shown, **style)
        ax.figure.colorbar(mesh, ax=ax, label="" if given else metric)
        _write(ax, values, mesh, target)
        ax.set_xticks(np.arange(table.shape[1]) + 0.5, [plain(value) for value in table.columns])
        ax.set_yticks(np.arange(table.shape[0]) + 0.5, [plain(value) for value in table.index])
    across, down = str(table.columns.name or ""), str(table.index.name or "")
    finish(ax, title=title, xlabel=across, ylabel=down, empty=not values.size)
    ax.grid(visible=False)
    return ax


def _check_numbers(table: pd.DataFrame) -> None:
    wrong = [str(name) for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if wrong or len(table) * table.shape[1] > _MOST_CELLS:
        got = f"a column {wrong[0]!r} of others" if wrong else f"{len(table):,} rows of {table.shape[1]:,}"
        raise ValueError(f"a table of numbers must be given, of at most {_MOST_CELLS:,} cells, got {got}")


def _scale(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return a logarithmic scale where the values span decades: on a linear one all but the worst look alike."""
    from matplotlib.colors import LogNorm

    known = values[np.isfinite(values) & (values > 0)]
    wide = known.size and (values[np.isfinite(values)] > 0).all() and known.max() > 20 * known.min()
    return {"norm": LogNorm(known.min(), known.max())} if wide else {}


def _write(ax: Axes, values: np.ndarray[Any, Any], mesh: Any, target: float | None) -> None:
    from matplotlib.patches import Rectangle

    small = values.size > _MOST_NUMBERS
    for (row, column), value in np.ndenumerate(values):
        if not small:
            known = np.isfinite(value)
            red, green, blue, _ = mesh.cmap(mesh.norm(value)) if known else (1.0, 1.0, 1.0, 1.0)
            ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
            text = f"{value:.3g}" if known else ("∞" if np.isinf(value) else "–")
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=ink, fontsize="small")
        if target is not None and value <= target:
            ax.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, fill=False, color="#D55E00", lw=2))


@checked
def interaction(
    sweep: Any,
    metric: str = "latency_p99_s",
    *,
    x: str | None = None,
    hue: str | None = None,
    target: float | None = None,
    ax: Axes | None = None,
    **line_kws: Any,
) -> Axes:
    """Plot a metric over one field, a line per value of another: lines that are not parallel act together.

    Parameters
    ----------
    sweep
        What `sweep` returns.
    metric
        Which.
    x, hue
        Fields; the first two that were varied if None. Over all other fields the lines are means.
    target
        Mark a level.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.errorbar`. The bars are the intervals where no other field was varied.

    Returns
    -------
    Axes
    """
    from matplotlib.lines import Line2D

    made_by(sweep, "sweep", "Sweep")
    known("metric", metric, sweep.frame["metric"])
    fields = list(sweep.fields)
    for name in (x, hue):
        if name is not None:
            known("x and hue", name, fields)
    x = x or fields[0]
    hue = hue or next((name for name in fields if name != x), None)
    mine = sweep.frame[sweep.frame["metric"] == metric]
    ax = axes(ax)
    places = {value: place for place, value in enumerate(dict.fromkeys(mine[x]))}
    groups = [("", mine)] if hue is None else list(mine.groupby(hue, sort=False))
    alone = len(mine) == mine.groupby([x] if hue is None else [x, hue]).ngroups
    for number, (value, group) in enumerate(groups):
        means = group.groupby(x, sort=False)[["mean", "half_width"]].mean()
        means = means[np.isfinite(means["mean"])]
        label = "_nolegend_" if hue is None else f"{hue} = {value}"
        style = styled(Line2D, line_kws, color=COLOURS[number % len(COLOURS)], label=label, marker="o", markersize=4)
        bars = means["half_width"].where(np.isfinite(means["half_width"]), 0.0) if alone else None
        ax.errorbar([places[name] for name in means.index], means["mean"], yerr=bars, capsize=2, **style)
    if target is not None:
        ax.axhline(target, color="#000000", ls="--", lw=1, label=f"target {target:g}")
    ax.set_xticks(list(places.values()), [plain(value) for value in places])
    return finish(ax, title=f"{metric}, mean over replications", xlabel=x, ylabel=metric, empty=mine.empty)
