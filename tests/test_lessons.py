"""Each lesson's claim is what its run shows, and what many believe instead is not."""

from dataclasses import replace

import numpy as np
import pytest

import ddbsim as ds

NAMES = ds.lessons.names()


@pytest.fixture(scope="module")
def runs():
    return {name: ds.lessons.get(name).run() for name in NAMES}


def with_mapping(lesson, **settings):
    """Return the run of a lesson whose mapping has other settings."""
    (mapping, *_) = lesson.scenario.mappings
    scenario = replace(lesson.scenario, event_source_mappings=replace(mapping, **settings))
    return ds.simulate(scenario, rng=lesson.seed, progress=False)


def test_there_is_a_lesson_for_each_misunderstanding():
    assert len(NAMES) == len(set(NAMES)) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_holds_in_its_run(name, runs):
    verdict = ds.lessons.get(name).verdict(runs[name])
    assert list(verdict.columns) == ["statement", "seen", "holds"]
    assert len(verdict) >= 2
    assert verdict["holds"].dtype == bool
    assert verdict["holds"].all(), verdict.to_string()


@pytest.mark.parametrize("name", NAMES)
def test_what_many_believe_is_wrong_and_the_run_s_answer_is_right(name, runs):
    lesson = ds.lessons.get(name)
    answer = lesson.answer(runs[name])
    assert type(answer) in (bool, int, float)
    believed, seen = ds.lessons.check(name, lesson.belief), ds.lessons.check(name, answer)
    assert not believed
    assert lesson.hint in believed.sentence
    assert str(answer) not in believed.sentence.replace(str(lesson.belief), "").split()
    assert seen
    assert lesson.claim in seen.sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_small_sound_repeatable_and_has_a_story(name, runs):
    result = runs[name]
    assert 0 < result.stream_log["record_id"].nunique() <= len(result.writes) <= 50
    assert result.check()["ok"].all()
    assert len(result.events) > 0
    again = ds.lessons.get(name).run()
    np.testing.assert_array_equal(again.stream_log["completed_s"], result.stream_log["completed_s"])


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_shows_what_it_is_about(name):
    lesson = ds.lessons.get(name)
    html = lesson._repr_html_()
    assert lesson.source.startswith("https://")
    assert lesson.prediction.rstrip(".").endswith(("?", ")"))
    for words in ("Claim", "Predict", "Source", "scenario"):
        assert words in html
    assert lesson.claim in str(lesson) == repr(lesson)


@pytest.mark.parametrize(
    ("name", "settings", "otherwise"),
    [
        ("runs_twice", {"function": ds.Function(name="indexer")}, 1),
        ("poison_pill", {"function": ds.Function(name="indexer")}, 24),
        ("poison_pill_bisected", {"maximum_retry_attempts": 2}, 23),
        # the good records behind it in the batch go with it, unless that is split
        ("poison_pill_reported", {"maximum_retry_attempts": 2}, 19),
        ("poison_pill_reported", {"maximum_retry_attempts": 2, "bisect_batch_on_function_error": True}, 23),
        ("poison_pill_retry_limit", {"batch_size": 1}, 1),
        ("poison_pill_record_age", {"maximum_retry_attempts": 0}, 8),
        ("latest_gap", {"starting_position": "TRIM_HORIZON"}, 0),
        ("three_readers", {}, True),
        ("age_without_fault", {"poller": ds.Poller(shard_discovery_delay=0.0)}, pytest.approx(1.2, abs=1.2)),
        ("retention_cliff", {"function": ds.Function(name="indexer")}, 0),
    ],
)
def test_with_another_setting_the_answer_is_another(name, settings, otherwise):
    lesson = ds.lessons.get(name)
    assert lesson.answer(with_mapping(lesson, **settings)) == otherwise


def test_a_verdict_can_be_against_the_claim():
    lesson = ds.lessons.get("latest_gap")
    assert not lesson.verdict(with_mapping(lesson, starting_position="TRIM_HORIZON"))["holds"].any()


def test_two_readers_of_a_shard_do_not_throttle():
    lesson = ds.lessons.get("three_readers")
    scenario = replace(lesson.scenario, event_source_mappings=lesson.scenario.mappings[:2])
    assert lesson.answer(ds.simulate(scenario, rng=lesson.seed, progress=False)) is True


def test_a_number_may_be_off_by_the_lesson_s_tolerance(runs):
    lesson = ds.lessons.get("latest_gap")
    answer = lesson.answer(runs["latest_gap"])
    assert ds.lessons.check("latest_gap", answer + 1)
    assert ds.lessons.check("latest_gap", np.float64(answer - 1))
    assert not ds.lessons.check("latest_gap", answer + 2)


def test_a_check_reads_as_a_sentence():
    wrong = ds.lessons.check("order_per_item", True)
    assert repr(wrong) == str(wrong) == wrong.sentence
    assert "True is not what the run shows" in wrong._repr_html_()
    assert "the run shows False" in ds.lessons.check("order_per_item", np.False_).sentence


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("no_such_lesson", 1, "lesson must be one of order_per_item, .* got 'no_such_lesson'"),
        ("order_per_item", 0, "the answer to 'order_per_item' must be True or False, got 0"),
        ("no_op_writes", True, "the answer to 'no_op_writes' must be a number, got True"),
        ("no_op_writes", "two", "check: answer must be True or False or a number, got 'two'"),
        ("no_op_writes", float("nan"), "check: answer must be True or False or a number, got nan"),
    ],
)
def test_what_is_no_answer_is_refused(name, answer, message):
    with pytest.raises(ValueError, match=message):
        ds.lessons.check(name, answer)


def test_the_stepper_takes_a_lesson():
    pytest.importorskip("ipywidgets", reason="ipywidgets is missing: pip install 'ddbsim[notebooks]'")
    lesson = ds.lessons.get("poison_pill_reported")
    stepper = ds.widgets.step(lesson)
    introduction = stepper.children[0].value
    assert lesson.claim in introduction
    assert lesson.source in introduction
    assert len(stepper.story) == len(lesson.run().events)


def test_who_stops_at_an_empty_read_has_what_was_there_before_the_pause(runs):
    result = runs["empty_read"]
    lesson = ds.lessons.get("empty_read")
    assert lesson.answer(result) == int((result.stream_log["written_s"] < 3).sum()) == 12
    # without the pause the same reader would have all
    steady = replace(lesson.scenario, workload=ds.ConstantWrites(rate_per_s=ds.Steps((0.0, 6.0), (4.0, 0.0))))
    assert lesson.answer(ds.simulate(steady, rng=lesson.seed, progress=False)) == 24


def test_times_of_creation_are_those_of_the_writes_cut_to_the_second(runs):
    result = runs["creation_time"]
    written_s = result.stream_log["written_s"]
    assert ds.lessons.get("creation_time").answer(result) == len(set(np.floor(written_s)))
    assert written_s.is_unique
