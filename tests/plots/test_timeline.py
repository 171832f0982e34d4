import dataclasses

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.plots.timeline import rows_of


@pytest.fixture(scope="module")
def result():
    function = ds.Function(
        name="indexer", duration=ds.Duration(base_s=0.1), failures=ds.Failures(poison_items=(3,)),
    )  # fmt: skip
    scenario = ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=5, keys=ds.SequentialKeys(items=100)),
        event_source_mappings=ds.EventSourceMapping(
            function=function, batch_size=4, maximum_retry_attempts=1, bisect_batch_on_function_error=True
        ),
        table=ds.Table(partitions=1),
        duration_s=5,
    )
    return ds.simulate(scenario, rng=7)


def marks(ax, what):
    """Return the times of a kind of mark."""
    lines = [line for line in ax.lines if line.get_label() == what]
    return np.concatenate([line.get_xdata() for line in lines]) if lines else np.empty(0)


def test_marks_stand_where_the_frames_say(result):
    ax = ds.plots.timeline(result)
    log = result.stream_log
    np.testing.assert_array_equal(marks(ax, "write"), log["written_s"])
    np.testing.assert_array_equal(marks(ax, "visible"), log["visible_s"][log["visible_s"] <= result.ended_s])
    np.testing.assert_array_equal(marks(ax, "discarded"), result.discards["discarded_s"])
    for what in ("poll", "retry", "bisected"):
        np.testing.assert_array_equal(marks(ax, what), result.events.query("what == @what")["time_s"])


def test_bars_are_the_attempts_and_the_cold_start_before_the_first(result):
    ax = ds.plots.timeline(result)
    ran = result.invocations
    cold, *attempts = sorted(ax.patches, key=lambda bar: (bar.get_x(), bar.get_width()))
    starts = ran["started_s"] + ran["init_s"]
    assert [bar.get_x() for bar in attempts] == pytest.approx(starts.tolist())
    assert [bar.get_width() for bar in attempts] == pytest.approx(ran["duration_s"].tolist())
    assert cold.get_x() + cold.get_width() == pytest.approx(starts.iloc[0])


def test_an_attempt_that_failed_differs_from_one_that_succeeded_without_colour_too(result):
    ax = ds.plots.timeline(result)
    bars = sorted(ax.patches, key=lambda bar: (bar.get_x(), bar.get_width()))[1:]
    hatched = [bool(bar.get_hatch()) for bar in bars]
    assert hatched == (result.invocations["outcome"] != "success").tolist()


def test_the_rows_are_the_table_the_shards_and_the_lanes_from_the_top(result):
    mapping = dataclasses.replace(result.scenario.mappings[0], parallelization_factor=10)
    several = dataclasses.replace(
        result.scenario,
        workload=ds.ConstantWrites(rate_per_s=30, keys=ds.SequentialKeys(items=100)),
        table=ds.Table(partitions=2),
        event_source_mappings=mapping,
    )
    rows = rows_of(ds.simulate(several, rng=7).events)
    assert rows[:3] == ["table", "shard 0", "indexer, shard 0"]
    lanes = [row for row in rows if row.startswith("indexer, shard 0, lane")]
    assert lanes == sorted(lanes, key=lambda row: int(row.split()[-1]))
    assert rows.index("shard 1") > rows.index(lanes[-1])


def test_a_part_of_the_story_keeps_the_axes_of_the_whole(result):
    whole, part = ds.plots.timeline(result), ds.plots.timeline(result, upto=9)
    assert part.get_xlim() == whole.get_xlim()
    assert part.get_ylim() == whole.get_ylim()
    told = result.events.iloc[:9]
    np.testing.assert_array_equal(marks(part, "write"), told.query("what == 'write'")["time_s"])
    assert [text.get_text() for text in part.get_legend().get_texts()] == [
        text.get_text() for text in whole.get_legend().get_texts()
    ]


def test_no_events_make_an_empty_labelled_figure(result):
    ax = ds.plots.timeline(result.events.iloc[:0])
    assert [text.get_text() for text in ax.texts] == ["nothing to show"]
    assert ax.get_xlabel() == "simulated time (s)"
