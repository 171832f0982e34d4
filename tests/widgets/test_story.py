import asyncio
import types

import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.plots.timeline import attempts_of
from ddbsim.widgets.story import Story

pytest.importorskip("ipywidgets", reason="ipywidgets is missing: pip install 'ddbsim[notebooks]'")

LANE = "indexer, shard 0"


def poison(**mapping):
    """Return a run of ten records, of which record 3 is poison."""
    function = ds.Function(
        name="indexer",
        duration=ds.Duration(base_s=0.1),
        failures=ds.Failures(poison_items=(3,)),
        cold_start=ds.ColdStart(init=0.2),
    )
    scenario = ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=5, keys=ds.SequentialKeys(items=100)),
        event_source_mappings=ds.EventSourceMapping(function=function, batch_size=4, **mapping),
        table=ds.Table(partitions=1),
        duration_s=5,
    )
    return ds.simulate(scenario, rng=7)


def told(*rows):
    return pd.DataFrame(
        [(time_s, where, what, ids, f"{sentence}.") for time_s, where, what, ids, sentence in rows],
        columns=["time_s", "where", "what", "record_ids", "sentence"],
    )


HAND_MADE = told(
    (0.0, "table", "write", (0,), "Record 0"),
    (0.1, "shard 0", "visible", (0, 1), "Records 0-1 can be read"),
    (0.2, LANE, "poll", (0, 1), "A poll"),
    (0.2, LANE, "batch closed", (0, 1), "Closed"),
    (0.2, LANE, "attempt started", (0, 1), "Attempt 1 started"),
    (0.3, LANE, "attempt ended", (0, 1), "Attempt 1 failed after 0.1 s"),
    (0.3, LANE, "retry", (0, 1), "To be sent again"),
    (0.5, LANE, "attempt started", (0, 1), "Attempt 2 started"),
    (0.6, LANE, "attempt ended", (0, 1), "Attempt 2 reported failed records after 0.1 s"),
    (0.6, LANE, "partial success", (0,), "Record 0 is done"),
    (0.7, LANE, "attempt started", (1,), "Attempt 1 started"),
    (0.8, LANE, "attempt ended", (1,), "Attempt 1 succeeded after 0.1 s"),
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1, ("at the beginning", "all done", "", "waiting for records", "", 0, 0, 0)),
        (2, ("at the beginning", "record 0", "", "waiting for records", "", 0, 0, 0)),
        (3, ("record 1", "record 0", "", "waiting for records", "", 0, 0, 0)),
        (4, ("record 1", "record 0", "records 0-1", "about to be sent", "", 0, 0, 0)),
        (5, ("record 1", "record 0", "records 0-1", "being processed", 1, 0, 0, 0)),
        (6, ("record 1", "record 0", "records 0-1", "failed", 1, 0, 0, 0)),
        (7, ("record 1", "record 0", "records 0-1", "waiting to be sent again", 1, 1, 0, 0)),
        (8, ("record 1", "record 0", "records 0-1", "being processed", 2, 1, 0, 0)),
        (10, ("record 1", "record 1", "records 0-1", "failed", 2, 1, 1, 0)),
        (11, ("record 1", "record 1", "record 1", "being processed", 1, 0, 1, 0)),
        (12, ("record 1", "all done", "", "done: record 1", "", 0, 2, 0)),
    ],
)
def test_the_positions_follow_the_events(step, expected):
    row = Story(HAND_MADE).positions(step).iloc[0]
    assert row["reader"] == LANE
    assert tuple(row.iloc[1:]) == expected


@pytest.mark.parametrize("step", [-1, 13])
def test_a_step_beyond_the_story_is_refused(step):
    with pytest.raises(ValueError, match=rf"step must be in 0\.\.12, got {step}"):
        Story(HAND_MADE).positions(step)


@pytest.mark.parametrize(
    "mapping",
    [
        {"maximum_retry_attempts": 1},
        {"maximum_retry_attempts": 1, "bisect_batch_on_function_error": True},
        {"maximum_retry_attempts": 1, "function_response_types": ["ReportBatchItemFailures"]},
        {"maximum_retry_attempts": 0, "parallelization_factor": 2},
    ],
)
def test_at_the_end_done_and_given_up_are_those_of_the_log(mapping):
    result = poison(**mapping)
    story = Story(result.events)
    last = story.positions(len(story))
    reader = last[last["reader"] == LANE].iloc[0]
    outcomes = result.stream_log["outcome"].value_counts()
    assert (reader["done"], reader["given_up"]) == (outcomes["processed"], outcomes["discarded"])
    open_ = result.stream_log.query("outcome == 'waiting'")["record_id"]
    visible = open_[result.stream_log.loc[open_.index, "visible_s"] < result.ended_s]
    assert reader["checkpoint"] == (f"record {visible.min()}" if len(visible) else "all done")


def test_attempts_read_from_the_story_are_those_of_the_invocations():
    result = poison(maximum_retry_attempts=1, function_response_types=["ReportBatchItemFailures"])
    attempts = list(attempts_of(result.events))
    ran = result.invocations
    assert [attempt.outcome for attempt in attempts] == ran["outcome"].tolist()
    assert [len(attempt.record_ids) for attempt in attempts] == ran["records"].tolist()
    starts = ran["started_s"] + ran["init_s"]
    assert [attempt.started_s for attempt in attempts] == pytest.approx(starts.tolist())


def test_the_sentences_are_those_of_the_last_events_the_newest_first():
    text = Story(HAND_MADE).sentences(7)
    assert text.index("To be sent again") < text.index("Attempt 1 failed") < text.index("A poll")
    assert "Record 0." not in text
    assert text.count("<b>") == 1


def test_forward_and_back_change_sentence_positions_and_picture():
    widget = ds.widgets.step(poison(maximum_retry_attempts=1))
    seen = [widget.sentences.value, widget.positions.value, bytes(widget.picture.value)]
    for _ in range(6):
        widget.forward()
    assert widget.at == 7
    now = [widget.sentences.value, widget.positions.value, bytes(widget.picture.value)]
    assert all(one != other for one, other in zip(seen, now, strict=True))
    for _ in range(9):
        widget.back()
    assert widget.at == 1
    assert [widget.sentences.value, widget.positions.value, bytes(widget.picture.value)] == seen


def test_play_goes_on_by_itself_until_it_is_paused_or_over():
    async def session():
        widget = ds.widgets.step(HAND_MADE)
        widget.pace.options = {"at once": 0.01}
        widget.play.value = True
        assert widget.play.description == "Pause"
        while widget.at < 3:
            await asyncio.sleep(0.01)
        widget.play.value = False
        paused = widget.at
        await asyncio.sleep(0.1)
        assert widget.at == paused
        widget.play.value = True
        while widget.play.value:
            await asyncio.sleep(0.01)
        assert widget.at == len(widget.story)
        assert widget.play.description == "Play"

    asyncio.run(session())


def test_a_lesson_is_run_and_shows_its_claim_and_the_prediction_to_make():
    lesson = types.SimpleNamespace(
        claim="One bad record stops its shard.",
        prediction="How many records wait <b>behind</b> it?",
        source="the developer guide",
        run=lambda: poison(),
    )
    introduction = ds.widgets.step(lesson).children[0].value
    assert "One bad record stops its shard." in introduction
    assert "&lt;b&gt;behind&lt;/b&gt;" in introduction
    assert "the developer guide" in introduction


def test_a_run_without_events_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="the run has no events"):
        ds.widgets.step(HAND_MADE.iloc[:0])


def test_every_control_has_words_and_no_icon():
    controls = ds.widgets.step(HAND_MADE).children[1].children
    assert [control.description for control in controls] == ["Back", "Forward", "Play", "pace", "event"]
    assert not any(getattr(control, "icon", "") for control in controls)


def test_the_table_shows_the_positions():
    story = Story(HAND_MADE)
    text = story.table(10)
    for value in story.positions(10).iloc[0]:
        assert f">{value}<" in text
    assert ">given up<" in text
