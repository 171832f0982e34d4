"""Plots of experiments, by their artists."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from small_experiments import small

import ddbsim as ds
from ddbsim.plots.solutions import _name_roles as name_roles

QUIET = {"rng": 7, "executor": "serial", "progress": False}
SPACE = {"batch_size": [1, 100], "maximum_batching_window_in_seconds": [0, 2]}


@pytest.fixture(scope="module")
def swept():
    return ds.sweep(small(), SPACE, replications=2, **QUIET)


def test_a_heat_map_writes_each_mean_in_its_cell(swept):
    ax = ds.plots.heat_map(swept, "invocations", target=1e9)
    table = swept.table("invocations")
    assert [text.get_text() for text in ax.texts] == [f"{value:.3g}" for value in table.to_numpy().ravel()]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "100"]
    assert len(ax.patches) == 4
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("maximum_batching_window_in_seconds", "batch_size")
    assert "framed: at most" in ax.get_title()


def test_a_heat_map_shows_where_nothing_is_known():
    table = ds.sweep(small(), {"reserved_concurrency": [0, 5]}, replications=1, **QUIET).table("latency_p99_s")
    ax = ds.plots.heat_map(table)
    assert ax.texts[0].get_text() == "∞"


def test_an_interaction_has_a_line_per_value(swept):
    ax = ds.plots.interaction(swept, "utilization", target=2.0)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    for line, window in zip(lines, [0, 2], strict=True):
        assert line.get_ydata().tolist() == swept.table("utilization")[window].tolist()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "maximum_batching_window_in_seconds = 2" in labels
    assert "target 2" in labels


def test_a_tornado_draws_the_widest_swing_first():
    ends = {"batch_size": (50, 200), "maximum_batching_window_in_seconds": (0, 3)}
    moved = ds.tornado(small(), ends, replications=2, **QUIET)
    ax = ds.plots.tornado(moved)
    swings = moved.swings()
    widths = [patch.get_width() for patch in ax.patches]
    assert widths == pytest.approx(swings[["low", "high"]].to_numpy().ravel().tolist())
    assert ax.get_yticklabels()[0].get_text() == "maximum_batching_window_in_seconds (now 0)"


def test_differences_draw_each_pair_and_the_interval():
    compared = ds.compare(
        {"now": small(), "later": small(maximum_batching_window_in_seconds=1)}, replications=4, **QUIET
    )
    ax = ds.plots.differences(compared)
    dots = ax.collections[0].get_offsets()[:, 0]
    assert sorted(dots) == sorted(compared.differences()["later"])


def test_welchs_plot_marks_the_cut_and_the_warm_up():
    ax = ds.plots.welch(ds.replicate(small(), 2, **QUIET))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "warmup_s: 5 s" in labels
    assert any("MSER-5" in label for label in labels)


def test_a_front_is_drawn_with_every_state():
    space = {"maximum_batching_window_in_seconds": [0, 1, 5]}
    answer = ds.solve(small(), slo=ds.SLO(latency_p99_s=2.0), vary=space, **QUIET)
    ax = ds.plots.pareto(answer)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "chosen (1)" in labels
    assert "target 2" in labels
    assert ax.get_xlabel() == "USD a month"
    ax.figure.canvas.draw()
    # it hides neither a candidate nor the target
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_choices_that_lie_side_by_side_share_one_text():
    _, ax = plt.subplots()
    ax.scatter([100.0, 110.0, 110.1, 130.0], [2.0, 0.63, 0.629, 0.6])
    roles = ["cheapest", "balanced", "today", "fastest"]
    choices = pd.DataFrame({"role": roles, "usd": [100.0, 110.0, 110.1, 130.0], "metric": [2.0, 0.63, 0.629, 0.6]})
    name_roles(ax, choices, by_first=True)
    assert [text.get_text() for text in ax.texts] == ["cheapest", "balanced, today", "fastest"]


def test_a_drain_is_drawn_against_the_retention():
    told = ds.drain(small(), outage_s=30.0, vary={"batch_size": 200}, replications=2, **QUIET)
    ax = ds.plots.drain(told)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["as it is", "batch_size = 200"]
    assert "retention: 24 h" in labels
    first = told.curve[told.curve["lever"] == "as it is"]
    assert ax.lines[0].get_ydata() == pytest.approx(first["drain_s"].to_numpy() / 3_600.0)
    assert np.isclose(ax.get_xlim()[1], 24 * 1.04)
