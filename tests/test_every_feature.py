"""Scenarios of every feature at once: nothing raises, nothing is lost or counted twice, every way gives the same."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from every_feature import scenario_of

import ddbsim as ds
from ddbsim.experiment.runs.executors import Runner
from ddbsim.experiment.runs.job import Job
from ddbsim.log.outcomes import DISCARD_CONDITIONS, INVOCATION_OUTCOMES, READ_OUTCOMES, RECORD_OUTCOMES
from ddbsim.result.result import FRAMES

_BY_DEFAULT = 300
_GREAT_MANY = 10_000
_AT_A_TIME = 20


def assert_equal(one: ds.Result, other: ds.Result) -> None:
    for name in FRAMES:
        pd.testing.assert_frame_equal(one.frame(name), other.frame(name))


def assert_sound(scenario: ds.Scenario, seed: int) -> ds.Result:
    """Simulate, and hold what must hold of any run."""
    result = ds.simulate(scenario, rng=seed, progress=False)
    # a summary checks a small run
    assert not [note for note in result.summary.warnings if "contradict" in note], result.check().query("not ok")
    bill = result.bill()
    assert np.isfinite(bill.usd_per_month)
    assert bill.usd_per_month >= 0.0
    assert bill.frame["usd_per_month"].sum() == pytest.approx(bill.usd_per_month)
    assert_added_up(result)
    return result


def assert_added_up(result: ds.Result) -> None:
    table = result.table_numbers()
    assert table.taken + table.delayed + table.lost + table.waiting == table.asked
    records = int(result.shards["records"].sum())
    for mapping in result.scenario.mappings:
        log = result.stream_log[result.stream_log["event_source_mapping"] == mapping.label]
        ran = result.invocations[
            (result.invocations["event_source_mapping"] == mapping.label)
            & ~result.invocations["outcome"].isin(("throttled", "too_large"))
        ]
        assert len(log) == log["record_id"].nunique() == records
        assert log["deliveries"].sum() == ran["records"].sum()
        if not result.scenario.warmup_s:
            assert sum(result.numbers(mapping).records.values()) == records
    for frame in (result.stream_log, result.invocations, result.writes):
        for column in frame.columns[frame.columns.str.endswith("_s")]:
            assert not (frame[column] < 0).any(), column


def assert_kept(scenario: ds.Scenario, seed: int, result: ds.Result, folder) -> None:
    """Hold what comes back from a file equal."""
    assert_equal(pickle.loads(pickle.dumps(result)), result)
    result.to_parquet(folder)
    saved = ds.read_result(folder)
    assert_equal(saved, result)
    assert str(saved.summary) == str(result.summary)
    pd.testing.assert_frame_equal(saved.bill().frame, result.bill().frame)
    try:
        text = scenario.to_toml()
    except ValueError:  # writes and items as they are have no text, nor has a handler
        return
    again = ds.Scenario.from_toml(text)
    assert again.to_toml() == text
    assert_equal(ds.simulate(again, rng=seed, progress=False), result)


def assert_answers(result: ds.Result) -> None:
    """Ask a result all that it can be asked; what shares, sums and quantiles are must be so."""
    waits = result.waits()
    assert (waits["mean_s"].dropna() > -1e-9).all()
    assert ((waits.groupby("event_source_mapping", observed=True)["share"].sum() - 1).abs() < 1e-9).all()
    assert result.ecdf()["share"].between(0, 1).all()
    known = result.latency().dropna()
    assert known.groupby("event_source_mapping", observed=True)["latency_s"].is_monotonic_increasing.all()
    assert (result.largest_lag()[["largest_s", "at_the_end_s"]] >= 0).all(axis=None)
    assert (result.lag().select_dtypes("number").fillna(0.0) >= -1e-9).all(axis=None)
    assert (result.throughput().select_dtypes("number").fillna(0.0) >= -1e-9).all(axis=None)
    assert result.table_delay()["table_share"].dropna().between(0, 1).all()
    assert set(result.keeping_up()["verdict"]) <= {"keeps up", "does not keep up", "too short to tell"}
    assert (result.capacity()["load"].dropna() >= 0).all()
    assert len(result.reader_numbers()) == len(result.scenario.other_readers)
    assert set(result.stuck_shards()["shard_id"]) <= set(result.shards["shard_id"])
    assert len(result.assumptions())
    assert result.events["time_s"].is_monotonic_increasing
    assert "<table" in result._repr_html_()
    if any(mapping.function.handler for mapping in result.scenario.mappings):
        assert str(result.handler_report())


def hold(number: int, folder=None) -> int:
    """Hold one scenario sound, by every way if it has a folder; return how many drafts of it were refused."""
    scenario, refused = scenario_of(number)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ds.IneffectiveSettingWarning)
            result = assert_sound(scenario, number)
            if number % 5 == 0:
                assert_answers(result)
            if folder is not None:
                assert_equal(ds.simulate(scenario, rng=number, progress=False), result)
                assert_kept(scenario, number, result, folder)
    except BaseException as error:
        error.add_note(f"scenario {number}: {scenario!r}")
        raise
    return refused


@pytest.mark.parametrize("first", range(0, _BY_DEFAULT, _AT_A_TIME))
def test_scenarios_of_every_feature_are_sound(first, tmp_path):
    numbers = range(first, first + _AT_A_TIME)
    refused = sum(hold(number, None if number % 10 else tmp_path / str(number)) for number in numbers)
    # the drawing is mostly legal
    assert refused < _AT_A_TIME


def frames_of(result: ds.Result) -> dict[str, pd.DataFrame]:
    """Return what a worker sends back: everything."""
    return {name: result.frame(name) for name in FRAMES}


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
def test_processes_give_the_same():
    numbers = range(0, _BY_DEFAULT, 10)
    jobs = [Job(scenario_of(number)[0], np.random.SeedSequence(number), frames_of) for number in numbers]
    done = []
    for executor in ("serial", 2):
        with Runner(executor, progress=False) as runner:
            done.append(runner.run(jobs))
    for number, one, other in zip(numbers, *done, strict=True):
        for name in FRAMES:
            pd.testing.assert_frame_equal(one[name], other[name], obj=f"{name} of scenario {number}")


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(_BY_DEFAULT, _GREAT_MANY, 100))
def test_a_great_many_scenarios_of_every_feature_are_sound(first, tmp_path):
    for number in range(first, first + 100):
        hold(number, None if number % 50 else tmp_path / str(number))


REACHED = {
    "invocations": {"outcome": INVOCATION_OUTCOMES},
    "stream_log": {"outcome": RECORD_OUTCOMES},
    "read_log": {"outcome": READ_OUTCOMES},
    "discards": {"condition": DISCARD_CONDITIONS[1:], "destination": ("sqs", "sns", "s3"), "delivered": (True, False)},
    "writes": {
        "outcome": ("admitted", "lost", "waiting"),
        "operation": ("INSERT", "MODIFY", "REMOVE", "NO_OP"),
        "kind": ("single", "batch", "transaction", "condition failed", "ttl"),
    },
    "partitions": {},
    "scaling": {},
    "read_backs": {},
}


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
def test_what_is_drawn_reaches_every_outcome():
    seen = {(frame, column): set() for frame, columns in REACHED.items() for column in columns}
    rows = dict.fromkeys(REACHED, 0)
    for number in range(900):
        result = ds.simulate(scenario_of(number)[0], rng=number, progress=False)
        for frame in REACHED:
            rows[frame] += bool(len(result.frame(frame)))
        for (frame, column), values in seen.items():
            values |= set(result.frame(frame)[column].dropna().unique())
    assert min(rows.values()) > 20, rows
    for (frame, column), values in seen.items():
        assert set(REACHED[frame][column]) <= values, (frame, column)
