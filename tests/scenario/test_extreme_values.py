"""Extreme numbers in every numeric field: refused in a sentence, or taken, and then the run ends soon."""

import dataclasses
import math
import signal
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from configurations import FIELDS, kinds, required

import ddbsim as ds
from ddbsim.workload import Keys, RateProfile, Workload

EXTREMES = [
    0,
    -1,
    5e-324,
    1e-300,
    1e-9,
    1e-4,
    1e-3,
    1e9,
    1e12,
    1e15,
    1e300,
    math.inf,
    -math.inf,
    math.nan,
    2**31,
    2**63,
]
EXTREMES += [10**400, -(10**400), True, "5", None]
NUMBERS = (int, float)
NUMERIC = [(cls, field) for cls, field in FIELDS if any(kind in NUMBERS for kind in kinds(cls, field))]
MOST_EVENTS = 100_000
FAILING = ds.Function(failures=ds.Failures(error_probability=0.5))
DROPPING = ds.EventSourceMapping(on_failure=ds.Destination("sqs"), maximum_retry_attempts=1, function=FAILING)


def mapping(**settings):
    return {"event_source_mappings": ds.EventSourceMapping(**{"function": FAILING} | settings)}


def function(**settings):
    return mapping(function=ds.Function(**settings))


def table(**settings):
    return {"table": ds.Table(**settings)}


def writes(**settings):
    return {"workload": ds.PoissonWrites(**{"rate_per_s": 5.0} | settings)}


# where a configuration of each kind stands in a scenario
PLACES = {
    ds.AutoScaling: lambda one: table(billing=ds.Provisioned(write_capacity_units=one.min_capacity, auto_scaling=one)),
    ds.Backoff: lambda one: mapping(retry_backoff=one),
    ds.BillingSwitch: lambda one: table(billing=ds.OnDemand(), billing_switches=one),
    ds.ColdStart: lambda one: function(cold_start=one),
    ds.Destination: lambda one: mapping(on_failure=one, maximum_retry_attempts=1),
    ds.Duration: lambda one: function(duration=one),
    ds.EventSourceMapping: lambda one: {"event_source_mappings": one},
    ds.Failures: lambda one: function(failures=one),
    ds.Function: lambda one: mapping(function=one),
    ds.GlobalSecondaryIndex: lambda one: table(billing=ds.OnDemand(), global_secondary_indexes=one),
    ds.HeatSplits: lambda one: table(billing=ds.OnDemand(), heat_splits=one),
    ds.OnDemand: lambda one: table(billing=one, partitions=40),
    ds.OperationMix: lambda one: writes(operations=one),
    ds.Outage: lambda one: function(failures=ds.Failures(outages=one)),
    ds.Poller: lambda one: mapping(poller=one),
    ds.Provisioned: lambda one: table(billing=one, partitions=40),
    ds.ReadBack: lambda one: function(read_back=one, needs="new"),
    ds.Retries: lambda one: table(billing=ds.Provisioned(write_capacity_units=1)) | {"writer": ds.Writer(retries=one)},
    ds.Split: lambda one: table(splits=one),
    ds.Stream: lambda one: {"stream": one, "stream_readers": (ds.StreamReader(), ds.StreamReader(name="other"))},
    ds.StreamReader: lambda one: {"stream_readers": one},
    ds.Suspension: lambda one: mapping(suspensions=one),
    ds.Table: lambda one: {"table": one},
    ds.TimeToLive: lambda one: table(time_to_live=one),
    ds.Trace: lambda one: {"workload": ds.TraceWrites(trace=one)},
    ds.Writer: lambda one: table(billing=ds.Provisioned(write_capacity_units=1)) | {"writer": one},
    ds.Distribution: lambda one: (
        {"stream": ds.Stream(visibility_delay=one)} | function(cold_start=ds.ColdStart(idle=one))
    ),
    Keys: lambda one: writes(keys=one),
    RateProfile: lambda one: writes(rate_per_s=one),
    Workload: lambda one: {"workload": one},
}


@contextmanager
def seconds(most):
    """Raise TimeoutError in what takes longer."""

    def stop(*_):
        raise TimeoutError(f"more than {most} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(most)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def scenario_with(cls, config):
    if cls is ds.Scenario:
        return config
    (place,) = [PLACES[kind] for kind in cls.__mro__ if kind in PLACES][:1]
    return ds.Scenario(**{"workload": ds.PoissonWrites(rate_per_s=5.0), "duration_s": 20.0} | place(config))


def made(cls, field, value):
    """Return a scenario with the value, or the sentence that refuses it."""
    fields = required(cls) | {field: value}
    if cls is ds.Scenario and field != "duration_s":
        fields["duration_s"] = 20.0
    if cls is ds.Table:
        fields |= {"partitions": fields.get("partitions", 4)}
    try:
        return scenario_with(cls, cls(**fields)), ""
    except (ValueError, TypeError) as error:
        return None, str(error)


def ran(scenario):
    """Return the number of events of a run, or the sentence that refuses it: too many records, too short a trace."""
    try:
        return ds.simulate(scenario, rng=7, progress=False).simpy_events, ""
    except ValueError as error:
        return 0, str(error)


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize(("cls", "field"), NUMERIC, ids=lambda part: getattr(part, "__name__", part))
def test_an_extreme_number_is_refused_or_its_run_ends_soon(cls, field):
    for value in EXTREMES:
        with seconds(20):
            scenario, refused = made(cls, field, value)
            if scenario is None:
                assert refused.isprintable()
                assert len(refused) < 600, refused
                continue
            events, refused = ran(scenario)
        assert events < MOST_EVENTS, (value, events)
        assert len(refused) < 600, refused


@pytest.mark.parametrize(
    "make",
    [
        lambda: ds.PoissonWrites(rate_per_s=10**400),
        lambda: ds.UniformKeys(items=2**63),
        lambda: ds.UniformKeys(items=10**400),
        lambda: ds.LogNormal(median=1.0, sigma=50),
        lambda: ds.LogNormal(median=1e-12, p99=1e12),
        lambda: ds.Split(at_s=10**400),
        lambda: ds.Poller(read_ahead_batches=10**400),
        lambda: ds.Poller(interval_s=1e-300),
        lambda: ds.Backoff(initial_s=1e-6, cap_s=1e-6),
        lambda: ds.StreamReader(interval_s=1e-5),
        lambda: ds.Stream(throttled_read_stretch_s=1e-5),
        lambda: ds.Stream(visibility_hold_s=1e-9),
        lambda: ds.Stream(event_bytes_per_stored_byte=1e4),
        lambda: ds.Stream(event_record_overhead_bytes=2**31 - 1),
        lambda: ds.ClosedLoopWrites(clients=10**7, think_s=1e9),
        lambda: ds.Scenario(workload=ds.PoissonWrites(rate_per_s=0), duration_s=1e9),
        lambda: ds.Scenario(workload=ds.PoissonWrites(rate_per_s=0), duration_s=5e-324),
        lambda: ds.Table(partitions=10_000, splits=[ds.Split(at_s=1 + n, partition=n) for n in range(28_000)]),
        lambda: ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=5, start="9999-12-31T23:59:59-05:00"),
        lambda: ds.Trace(start="9999-12-31T23:59:59-05:00", period_s=60, counts=(1, 2)),
        lambda: ds.Trace(start="2026-01-01", period_s=1e9, counts=(1, 2)),
    ],
)
def test_what_hung_or_overflowed_is_refused_at_once(make):
    with seconds(10), pytest.raises(ValueError, match=r"must") as error:
        make()
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


PLANNED = {
    "an outage": ("Failures.outages", function(failures=ds.Failures(outages=ds.Outage(start_s=20, end_s=30)))),
    "a split": ("Table.splits", table(splits=ds.Split(at_s=99))),
    "a suspension": ("suspensions", mapping(suspensions=ds.Suspension(start_s=20.5))),
    "its creation": ("created_s", mapping(created_s=20)),
    "the end of the stream": ("Stream.disabled_s", {"stream": ds.Stream(disabled_s=20)}),
    "a switch": (
        "Table.billing_switches",
        table(
            billing=ds.OnDemand(),
            billing_switches=ds.BillingSwitch(at_s=20, billing=ds.Provisioned(write_capacity_units=10)),
        ),
    ),
}


@pytest.mark.parametrize("what", PLANNED)
def test_what_is_planned_for_after_the_end_is_refused_and_left_out_of_a_shorter_run(what):
    field, parts = PLANNED[what]
    fields = {"workload": ds.PoissonWrites(rate_per_s=5.0), **parts}
    with pytest.raises(ValueError, match=rf"{field} must be within the run.*: {what} at .* s would never happen"):
        ds.Scenario(duration_s=20, **fields)
    longer = ds.Scenario(duration_s=100, **fields)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shorter = longer.until(20)
    assert shorter.length_s == 20
    assert len(ds.simulate(shorter, rng=7, progress=False).writes)
    assert longer.until(100) == longer


@pytest.mark.parametrize(
    ("workload", "known", "unknown"),
    [
        (ds.PoissonWrites(rate_per_s=5, keys=ds.UniformKeys(items=10)), 9, 10),
        (ds.BatchedWrites(workload=ds.PoissonWrites(rate_per_s=5, keys=ds.UniformKeys(items=10))), 9, 10),
        (ds.ItemWrites([(0.5, "put", {"pk": "a"}), (1.0, "put", {"pk": "b"})]), 1, 2),
        (
            ds.ReplayWrites(
                columns={"at_s": [0.5], "item_id": [7], "operation": [0], "bytes_before": [0], "bytes_after": [99]}
            ),
            7,
            6,
        ),
    ],
)
def test_a_poison_item_that_no_write_has_is_refused(workload, known, unknown):
    for item in (known, unknown):
        parts = function(failures=ds.Failures(poison_items=(item,)))
        if item == known:
            assert ds.Scenario(workload=workload, duration_s=9, **parts).mappings
            continue
        with pytest.raises(ValueError, match=f"poison_items must be items that the workload writes, got {item}, which"):
            ds.Scenario(workload=workload, duration_s=9, **parts)


def test_brand_new_items_may_be_poison():
    growing = ds.PoissonWrites(rate_per_s=5, operations=ds.OperationMix(insert=1.0, modify=0.0))
    parts = function(failures=ds.Failures(poison_items=(10_003,)))
    assert ds.Scenario(workload=growing, duration_s=9, **parts).mappings


def test_a_duration_beyond_the_timeout_is_taken_with_a_warning():
    with pytest.warns(
        ds.IneffectiveSettingWarning, match="takes 300 s on average for a single record, and timeout_s ends it"
    ):
        ds.Function(duration=ds.Duration(base_s=300))
    ds.Function(duration=ds.Duration(base_s=3), timeout_s=3)


NAMES = {
    ds.Table: (["orders", "a.b-c_D9", "x" * 255], ["ab", "a\nb", "a b", "ü" * 3, "x" * 256, "<b>", "{0}", "a/b"]),
    ds.Function: (["f", "a-b_9", "x" * 64], ["a.b", "a b", "$x_a$", "x" * 65, "x; touch PWNED #", "{name}"]),
    ds.GlobalSecondaryIndex: (["by-date", "x" * 255], ["ab", "a b", "by/date"]),
    ds.EventSourceMapping: (["from $0.30 to {x}", "a"], ["a\nb", "\ud800", "\x00", "x" * 256]),
    ds.StreamReader: (["other 1"], ["a\tb", "x" * 256]),
}


@pytest.mark.parametrize("cls", NAMES, ids=lambda cls: cls.__name__)
def test_names_are_those_that_aws_takes_or_can_be_printed(cls):
    right, wrong = NAMES[cls]
    for name in right:
        assert cls(name=name).name == name
    for name in wrong:
        with pytest.raises(ValueError, match=rf"{cls.__name__}.name must be .*characters") as error:
            cls(name=name)
        assert len(str(error.value)) < 400
        assert str(error.value).isprintable()


@pytest.mark.parametrize(("kind", "wrong"), [("sqs", "a.b"), ("sns", "a.b"), ("s3", "UPPER"), ("s3", "ab")])
def test_names_of_destinations_are_those_that_aws_takes(kind, wrong):
    with pytest.raises(ValueError, match=r"Destination.name must be a name as AWS takes it"):
        ds.Destination(kind, name=wrong)


def test_a_backoff_grows_to_its_cap_by_any_factor_and_over_any_number_of_retries():
    slow = ds.Backoff(initial_s=0.2, factor=1.01, cap_s=60.0)
    # 0.2 x 1.01^573 is the last below 60
    assert [slow.longest_delay_s(retry) for retry in (1, 574, 575, 10_000)] == pytest.approx([0.2, 59.86, 60, 60], 1e-3)
    steep = ds.Backoff(initial_s=0.001, factor=1e12, cap_s=0.01)
    assert [steep.longest_delay_s(retry) for retry in (1, 2, 27, 10_000)] == [0.001, 0.01, 0.01, 0.01]
    level = ds.Backoff(initial_s=0.5, factor=1, cap_s=1e12)
    assert level.longest_delay_s(10_000) == 0.5


def test_many_retries_with_a_steep_backoff_are_run_judged_and_linted():
    steep = ds.Backoff(initial_s=0.001, factor=1e12, cap_s=0.01)
    failing = ds.Function(failures=ds.Failures(error_probability=0.99))
    mapping = ds.EventSourceMapping(function=failing, retry_backoff=steep, maximum_retry_attempts=200)
    scenario = ds.Scenario(workload=ds.ConstantWrites(rate_per_s=2), event_source_mappings=mapping, duration_s=20)
    result = ds.simulate(scenario, rng=7, progress=False)
    assert result.invocations["attempt"].max() > 27
    assert np.isfinite(result.capacity().set_index("limit").loc["lanes", "load"])
    assert result.check()["ok"].all()
    ds.lint(scenario)


def test_every_numeric_field_was_tried():
    assert len(NUMERIC) > 100
    assert {cls.__name__ for cls, _ in NUMERIC} >= {"Backoff", "Poller", "Stream", "Table", "TraceWrites", "LogNormal"}
    assert all(dataclasses.is_dataclass(cls) for cls, _ in NUMERIC)
