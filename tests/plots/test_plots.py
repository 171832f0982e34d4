import dataclasses

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds


@pytest.fixture(scope="module")
def scenario():
    function = ds.Function(name="indexer", duration=ds.Duration(base_s=0.05, per_record_s=0.002))
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=60),
        table=ds.Table(partitions=2),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=60,
        warmup_s=5,
    )


@pytest.fixture(scope="module")
def results(scenario):
    return [ds.simulate(scenario, rng=seed) for seed in range(6)]


@pytest.fixture(scope="module")
def result(results):
    return results[0]


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_the_median_over_replications_is_that_of_the_shard_furthest_behind(results):
    ax = ds.plots.lag(results, every_s=5.0)
    worst = np.array([one.lag(5.0).groupby("at_s")["seconds_behind"].max() for one in results])
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), np.median(worst, axis=0))
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    low, high = np.quantile(worst, [0.05, 0.95], axis=0)
    assert heights.min() == pytest.approx(low.min())
    assert heights.max() == pytest.approx(high.max())
    assert "90% of 6 replications" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_long_frame_with_a_replication_column_draws_the_same_as_the_results(results):
    frame = pd.concat([one.lag(5.0).assign(replication=number) for number, one in enumerate(results)])
    ours, theirs = ds.plots.lag(frame), ds.plots.lag(results, every_s=5.0)
    np.testing.assert_array_equal(ours.lines[0].get_ydata(), theirs.lines[0].get_ydata())


def test_no_replications_are_refused(results):
    with pytest.raises(ValueError, match="lag needs at least one Result"):
        ds.plots.lag([])


def test_a_target_says_how_many_keep_it(result):
    slo_s = 0.4
    ax = ds.plots.latency(result, slo_s=slo_s)
    frame = result.ecdf()
    kept = frame.loc[frame["latency_s"] <= slo_s, "share"].max()
    assert f"indexer (≥ {kept:.2%} within 0.4 s)" in lines(ax)
    latency = result.latency_parts.query("written_s >= 5")["latency_s"]
    assert kept == pytest.approx((latency <= slo_s).mean(), abs=0.01)
    assert lines(ax)["target 0.4 s"].get_xdata()[0] == slo_s


def test_the_tail_is_one_minus_the_share(result):
    line = ds.plots.latency(result, complementary=True).lines[0]
    share = result.ecdf()["share"].to_numpy()
    np.testing.assert_array_equal(line.get_ydata(), (1 - share)[share < 1])


def test_two_cohorts_are_one_waterfall_under_the_other(result):
    ax = ds.plots.waits(result, cohort=(None, 0.99))
    for bars, cohort in zip(ax.containers, (None, 0.99), strict=True):
        mean = result.waits(cohort=cohort)["mean_s"]
        np.testing.assert_allclose([bar.get_width() for bar in bars], mean)
        last = bars.patches[-1]
        assert last.get_x() + last.get_width() == pytest.approx(mean.sum())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["all records", "the slowest 1 % of records"]


def test_cohorts_of_several_mappings_are_refused(scenario):
    other = ds.EventSourceMapping(name="audit", function=ds.Function(name="audit"))
    several = dataclasses.replace(scenario, event_source_mappings=(*scenario.mappings, other))
    with pytest.raises(ValueError, match="several cohorts can be shown of one mapping"):
        ds.plots.waits(ds.simulate(several, rng=7), cohort=(None, 0.99))


def test_concurrency_and_throughput_are_the_columns_of_the_frame(result):
    frame = result.throughput(2.0)
    np.testing.assert_array_equal(ds.plots.concurrency(result, every_s=2.0).lines[0].get_ydata(), frame["concurrency"])
    drawn = lines(ds.plots.throughput(result, every_s=2.0))
    np.testing.assert_array_equal(drawn["written"].get_ydata(), frame["written_per_s"])
    np.testing.assert_array_equal(drawn["completed by indexer"].get_ydata(), frame["completed_per_s"])


PLOTS = {
    "concurrency": "throughput",
    "lag": "lag",
    "latency": "ecdf",
    "throughput": "throughput",
    "timeline": None,
    "waits": "waits",
}


@pytest.mark.parametrize("plot", PLOTS)
def test_an_empty_frame_gives_an_empty_figure_with_labels_and_words_for_it(plot, result):
    frame = result.events if plot == "timeline" else getattr(result, PLOTS[plot])()
    ax = getattr(ds.plots, plot)(frame.iloc[:0])
    assert ax.get_xlabel()
    assert ax.get_title()
    assert ds.plots.describe(ax).endswith("There is nothing to show.")


@pytest.mark.parametrize("plot", PLOTS)
def test_a_plot_draws_on_the_axes_that_it_is_given(plot, result):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert getattr(ds.plots, plot)(result, ax=ax) is ax


def test_words_for_a_line_give_its_ends_and_its_extremes(result):
    text = ds.plots.describe(ds.plots.concurrency(result, every_s=2.0))
    values = result.throughput(2.0)["concurrency"]
    assert "Across: simulated time (s)" in text
    assert "Up: invocations at once" in text
    assert f"from {values.iloc[0]:.4g} at 2 to {values.iloc[-1]:.4g} at 60" in text
    assert f"least {values.min():.4g}, most {values.max():.4g}" in text


def test_words_for_bars_give_each_with_its_name(result):
    text = ds.plots.describe(ds.plots.waits(result, cohort=(None, 0.99)))
    for cohort, who in ((None, "all records"), (0.99, "the slowest 1 % of records")):
        parts = result.waits(cohort=cohort).set_index("part")["mean_s"]
        (line,) = [line for line in text.splitlines() if line.startswith(f'Bars "{who}"')]
        assert f"poll wait {parts['poll_wait']:.4g}" in line
        assert f"handler {parts['handler']:.4g}" in line


def test_words_for_a_band_give_its_range(results):
    text = ds.plots.describe(ds.plots.lag(results, every_s=5.0))
    assert 'Band "90% of 6 replications": between ' in text


def test_words_for_a_timeline_count_marks_and_attempts(result):
    small = dataclasses.replace(result.scenario, workload=ds.PoissonWrites(rate_per_s=2), duration_s=10)
    run = ds.simulate(small, rng=7)
    text = ds.plots.describe(ds.plots.timeline(run))
    assert f'Marks "write": {len(run.writes)}, from' in text
    succeeded = (run.invocations["outcome"] == "success").sum()
    assert f'Bars "attempt that succeeded": {succeeded}, between' in text


def drawn_by_hand():
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_words_for_marks_and_for_a_level_give_their_places():
    ax = drawn_by_hand()
    ax.scatter([3, 1, 2], [5.0, 4.0, 6.5], label="fails")
    ax.scatter([2], [1.5], label="chosen")
    ax.axhline(2.0, label="target")
    assert ds.plots.describe(ax).splitlines()[1:] == [
        'Line "target": at 2 up.',
        'Marks "fails": 3, at 1 to 3 across and 4 to 6.5 up.',
        'Marks "chosen": 1, at 2 across and 1.5 up.',
    ]


def test_words_for_a_map_give_each_cell_and_of_many_the_extremes():
    table = pd.DataFrame({"a": [1.5, 2.5], "b": [3.5, float("nan")]}, index=pd.Index([10, 100], name="batch_size"))
    assert ds.plots.describe(ds.plots.heat_map(table, ax=drawn_by_hand())).splitlines()[1:] == [
        "Row 10: 1.5 at a, 3.5 at b.",
        "Row 100: 2.5 at a.",
    ]
    ax = drawn_by_hand()
    ax.figure.colorbar(ax.pcolormesh([[(at - 7) ** 2 for at in range(20)]]), label="writes")
    assert ds.plots.describe(ax).endswith(
        "Colours: writes.\nRow 0.5: known from 0.5 to 19.5, least 0 at 7.5, most 144 at 19.5."
    )


def test_words_for_an_axis_beside_give_its_line_once():
    ax = drawn_by_hand()
    ax.plot([], [], label="burst (right)")
    ax.twinx().plot([0, 1], [30, 10], label="burst (right)")
    (line,) = ds.plots.describe(ax).splitlines()[1:]
    assert line == 'Line "burst (right)": from 30 at 0 to 10 at 1; least 10, most 30 at 0.'


@pytest.mark.parametrize("name", ["from $0.30_a_GB to $0.10", "$x$", r"a\$b$", "_private", "_$_", "a^b_c{d}"])
def test_a_name_is_shown_as_it_was_typed(name):
    mappings = [ds.EventSourceMapping(name=one, batch_size=5) for one in (name, "other")]
    result = ds.simulate(
        ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), event_source_mappings=mappings, duration_s=10),
        rng=7, progress=False,
    )  # fmt: skip
    for plot in (ds.plots.lag, ds.plots.latency, ds.plots.waits, ds.plots.throughput, ds.plots.timeline):
        ax = plot(result)
        ax.figure.draw_without_rendering()
        texts = [] if ax.get_legend() is None else ax.get_legend().get_texts()
        shown = [text.get_text() for text in (*texts, *ax.get_yticklabels())]
        # as matplotlib draws it: no formula, and the dollars without what keeps them from being one
        drawn = [text.replace(r"\$", "$") for text in shown if text.replace(r"\$", "").count("$") == 0]
        assert any(name in text.replace("\n", ", ") for text in drawn), (plot.__name__, shown)
        assert name in ds.plots.describe(ax)
