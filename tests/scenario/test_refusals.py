"""What a configuration refuses: one sentence that names the place, what is allowed, and the value."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

import ddbsim as ds

WRITES = ds.PoissonWrites(rate_per_s=5)


def scenario(**fields):
    return ds.Scenario(**({"workload": WRITES, "duration_s": 10} | fields))


RANGES = {
    (ds.EventSourceMapping, "batch_size"): ([1, 10_000], [0, 10_001, 1.5, -1], "1..10000"),
    (ds.EventSourceMapping, "maximum_batching_window_in_seconds"): ([0, 300], [-1, 301, 0.5], "0..300"),
    (ds.EventSourceMapping, "parallelization_factor"): ([1, 10], [0, 11], "1..10"),
    (ds.EventSourceMapping, "maximum_retry_attempts"): ([-1, 0, 10_000], [-2, 10_001], "0..10000 or -1"),
    (ds.EventSourceMapping, "maximum_record_age_in_seconds"): ([-1, 60, 86_400], [0, 59, 604_801], "60..604800 or -1"),
    (ds.Function, "memory_mb"): ([128, 10_240], [127, 10_241], "128..10240"),
    (ds.Function, "timeout_s"): ([1, 900], [0, 901, 2.5], "1..900"),
    (ds.Function, "ephemeral_storage_mb"): ([512, 10_240], [511, 10_241], "512..10240"),
    (ds.Function, "reserved_concurrency"): ([0, 7, None], [-1], ">= 0"),
    (ds.Table, "partitions"): ([1, 10_000], [0, 10_001, 2.0], "1..10000"),
    (ds.Stream, "retention_s"): ([1.0, 86_400], [0, -1, 86_401], "> 0 and <= 86400"),
    (ds.Stream, "visibility_hold_s"): ([0.001, 0.5], [0, 1e-9, -1], ">= 0.001"),
    (ds.Stream, "event_record_overhead_bytes"): ([0, 480], [-1], ">= 0"),
    (ds.Stream, "event_bytes_per_stored_byte"): ([1.0], [0.9], ">= 1"),
    (ds.Poller, "interval_s"): ([0.0001, 0.05], [0, 1e-9, -0.25], ">= 0.0001"),
    (ds.Poller, "records_per_read"): ([1, 1_000], [0, 1_001], ">= 1 and <= 1000"),
    (ds.Poller, "bytes_per_read"): ([1, 2**20], [0, 2**20 + 1], ">= 1 and <= 1.04858e+06"),
    (ds.Poller, "read_ahead_batches"): ([0, 3], [-1], ">= 0"),
    (ds.Poller, "backlog_interval_s"): ([0.0001, 0.1], [0, 1e-9], ">= 0.0001"),
    (ds.Poller, "turnaround_s"): ([0], [-0.1], ">= 0"),
    (ds.Backoff, "initial_s"): ([0.001, 0.1], [0, 1e-6], ">= 0.001"),
    (ds.Backoff, "factor"): ([1], [0.5], ">= 1"),
    (ds.Backoff, "cap_s"): ([0.001, 1], [0, 1e-6], ">= 0.001"),
    (ds.Backoff, "jitter"): ([0, 1], [-0.1, 1.1], ">= 0 and <= 1"),
    (ds.Duration, "base_s"): ([0], [-0.1], ">= 0"),
    (ds.Duration, "per_record_s"): ([0], [-0.1], ">= 0"),
    (ds.Duration, "per_kb_s"): ([0], [-0.1], ">= 0"),
    (ds.Duration, "cpu_share"): ([0, 1], [1.1], ">= 0 and <= 1"),
    (ds.Duration, "measured_at_mb"): ([None, 512], [64], "128..10240"),
    (ds.Failures, "error_probability"): ([0, 1], [-0.1, 1.1], ">= 0 and <= 1"),
    (ds.ColdStart, "placement_s"): ([0], [-1], ">= 0"),
    (ds.ColdStart, "lifetime_s"): ([1], [0], "> 0"),
    (scenario, "duration_s"): ([1], [0, -5], "> 0"),
    (scenario, "warmup_s"): ([0, 9.9], [-1], ">= 0"),
    (scenario, "account_concurrency"): ([0, 1_000_000], [-1, 1_000_001], "0..1000000"),
}
ALWAYS_WRONG = [math.nan, math.inf, -math.inf, "7", True, [1], (1,), {}, NotImplemented, 1j]
WRONG = [(make, field, value) for (make, field), (_, wrong, _) in RANGES.items() for value in [*wrong, *ALWAYS_WRONG]]


NEXT_TO_NOTHING = {
    (scenario, "duration_s"): "Scenario.duration_s",
    (ds.Stream, "retention_s"): "Stream.retention_s",
    (ds.HeatSplits, "threshold"): "HeatSplits.threshold",
    (ds.TimeToLive, "after_s"): "TimeToLive.after_s",
    (ds.ColdStart, "lifetime_s"): "ColdStart.lifetime_s",
    (ds.Split, "at_s"): "Split.at_s",
}


@pytest.mark.parametrize(("make", "field"), NEXT_TO_NOTHING)
@pytest.mark.parametrize("value", [1e-10, 5e-324])
def test_a_number_above_0_and_too_small_is_told_the_least(make, field, value):
    where = re.escape(NEXT_TO_NOTHING[make, field])
    with pytest.raises(ValueError, match=f"^{where} must be a number > 0 and >= 1e-09, got {value}$"):
        make(**{field: value})
    with pytest.raises(ValueError, match=f"^{where} must be a number > 0( and <= .*)?, got 0$"):
        make(**{field: 0})


def test_a_length_beyond_the_bound_is_told_the_bound():
    with pytest.raises(ValueError, match=r"^Scenario.duration_s must be a number > 0 and <= 3.15576e\+08, got 4"):
        scenario(duration_s=4e8)


@pytest.mark.parametrize(("make", "field", "value"), WRONG, ids=lambda part: getattr(part, "__name__", str(part))[:30])
def test_a_number_out_of_range_is_refused(make, field, value):
    with pytest.raises(ValueError, match=r"must be") as error:
        make(**{field: value})
    message = str(error.value)
    assert field in message
    assert repr(value) in message or f"{value:g}" in message
    assert "\n" not in message
    allowed = RANGES[make, field][2]
    assert allowed in message or "a whole number" in message


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize(("make", "field"), RANGES, ids=lambda part: getattr(part, "__name__", part))
def test_a_number_in_range_is_taken(make, field):
    for value in RANGES[make, field][0]:
        assert getattr(make(**{field: value}), field) == value


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize(("make", "field"), RANGES, ids=lambda part: getattr(part, "__name__", part))
def test_a_numpy_number_is_taken_as_pythons(make, field):
    value = RANGES[make, field][0][-1] or RANGES[make, field][0][0]
    given = np.float64(value) if isinstance(value, float) else np.int32(value)
    config = make(**{field: given})
    assert config == make(**{field: value})
    assert type(getattr(config, field)) is type(value)


def test_a_whole_number_with_a_point_is_taken_as_whole():
    mapping = ds.EventSourceMapping(batch_size=100.0, function=ds.Function(memory_mb=512.0))
    assert isinstance(mapping.batch_size, int)
    assert isinstance(mapping.function.memory_mb, int)


WRONG_PARTS = {
    "a number for a table": (lambda: scenario(table=4), "Scenario.table must be Table(...), got 4"),
    "a class for a table": (lambda: scenario(table=ds.Table), "Scenario.table must be Table(...), got <class"),
    "a text for a stream": (
        lambda: scenario(stream="KEYS_ONLY"),
        "Scenario.stream must be Stream(...), got 'KEYS_ONLY'",
    ),
    "None for mappings": (
        lambda: scenario(event_source_mappings=None),
        "Scenario.event_source_mappings must be EventSourceMapping(...), got None",
    ),
    "a nested list of mappings": (
        lambda: scenario(event_source_mappings=[[ds.EventSourceMapping()]]),
        "Scenario.event_source_mappings must be EventSourceMapping(...), got [",
    ),
    "a length of nothing": (
        lambda: scenario(duration_s=1e-10),
        "Scenario.duration_s must be a number > 0 and >= 1e-09, got 1e-10",
    ),
    "no mapping": (lambda: scenario(event_source_mappings=()), "Scenario must have an EventSourceMapping"),
    "a function for a mapping": (
        lambda: scenario(event_source_mappings=ds.Function()),
        "Scenario.event_source_mappings must be EventSourceMapping(...), got Function(",
    ),
    "a rate for a workload": (lambda: scenario(workload=500), "Scenario.workload must be a workload such as"),
    "a name for a function": (
        lambda: ds.EventSourceMapping(function="indexer"),
        "EventSourceMapping.function must be Function(...), got 'indexer'",
    ),
    "a number for a duration": (
        lambda: ds.Function(duration=0.1),
        "Function 'function': duration must be Duration(...), got 0.1",
    ),
    "a number for failures": (lambda: ds.Function(failures=0.1), "failures must be Failures(...), got 0.1"),
    "a number for a cold start": (lambda: ds.Function(cold_start=0.1), "cold_start must be ColdStart(...), got 0.1"),
    "a number for a poller": (lambda: ds.EventSourceMapping(poller=0.25), "poller must be Poller(...), got 0.25"),
    "a number for a back-off": (
        lambda: ds.EventSourceMapping(retry_backoff=2),
        "retry_backoff must be Backoff(...), got 2",
    ),
    "a number for outages": (lambda: ds.Failures(outages=5), "Failures.outages must be Outage(...), got 5"),
    "a pair for an outage": (lambda: ds.Failures(outages=[(1, 2)]), "Failures.outages must be Outage(...), got (1, 2)"),
    "texts for items": (lambda: ds.Failures(poison_items="ab"), "Failures.poison_items must be whole numbers >= 0"),
    "None for items": (lambda: ds.Failures(poison_items=None), "Failures.poison_items must be whole numbers >= 0"),
    "nested items": (lambda: ds.Failures(poison_items=[[1, 2]]), "Failures.poison_items must be whole numbers >= 0"),
    "a text for a noise": (lambda: ds.Duration(noise="much"), "Duration.noise: a distribution must be"),
    "a noise of nothing": (lambda: ds.Duration(noise=0), "Duration.noise must be a distribution with a mean > 0"),
    "a text for an init": (lambda: ds.ColdStart(init="slow"), "ColdStart.init: a distribution must be"),
    "a negative idle time": (lambda: ds.ColdStart(idle=-1), "Constant: value must be >= 0, got -1"),
    "NaN for a delay": (
        lambda: ds.Stream(visibility_delay=math.nan),
        "Stream.visibility_delay: a distribution must be",
    ),
    "an unknown view type": (
        lambda: ds.Stream(view_type="NEW_IMAGES"),
        "Stream.view_type must be one of 'KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES', got 'NEW_IMAGES'",
    ),
    "a list for a view type": (lambda: ds.Stream(view_type=["KEYS_ONLY"]), "Stream.view_type must be one of"),
    "an unknown position": (
        lambda: ds.EventSourceMapping(starting_position="AT_TIMESTAMP"),
        "starting_position must be one of 'TRIM_HORIZON', 'LATEST', got 'AT_TIMESTAMP'",
    ),
    "an unknown response type": (
        lambda: ds.EventSourceMapping(function_response_types=["ReportItemFailures"]),
        "function_response_types must be () or ('ReportBatchItemFailures',), got ('ReportItemFailures',)",
    ),
    "None for response types": (
        lambda: ds.EventSourceMapping(function_response_types=None),
        "function_response_types must be () or ('ReportBatchItemFailures',), got (None,)",
    ),
    "a text for a switch": (
        lambda: ds.EventSourceMapping(bisect_batch_on_function_error="no"),
        "bisect_batch_on_function_error must be True or False, got 'no'",
    ),
    "an unknown architecture": (
        lambda: ds.Function(architecture="arm"),
        "architecture must be one of 'x86_64', 'arm64'",
    ),
    "an unknown kind of outage": (
        lambda: ds.Outage(start_s=1, end_s=2, kind="crash"),
        "Outage.kind must be one of 'error', 'timeout', got 'crash'",
    ),
    "an outage that ends before it starts": (
        lambda: ds.Outage(start_s=5, end_s=5),
        "Outage.end_s must be a number > 5",
    ),
    "an empty function name": (lambda: ds.Function(name=""), "Function.name must be a non-empty text, got ''"),
    "a number for a name": (
        lambda: ds.EventSourceMapping(name=3),
        "EventSourceMapping.name must be a non-empty text, got 3",
    ),
    "a number for a table's name": (lambda: ds.Table(name=3), "Table.name must be a non-empty text, got 3"),
    "None for a region": (lambda: scenario(region=None), "Scenario.region must be a non-empty text, got None"),
    "a number for a title": (lambda: scenario(name=3), "Scenario.name must be a non-empty text, got 3"),
    "no date": (
        lambda: scenario(start="yesterday"),
        "Scenario.start must be a date and time as in ISO 8601, got 'yesterday'",
    ),
    "a number for a date": (
        lambda: scenario(start=2026),
        "Scenario.start must be a date and time as in ISO 8601, got 2026",
    ),
    "a warm-up as long as the run": (
        lambda: scenario(warmup_s=10),
        "Scenario.warmup_s must be < duration_s (10), got 10",
    ),
    "no length": (lambda: ds.Scenario(workload=WRITES), "Scenario.duration_s must be given (seconds > 0)"),
    "two mappings of one name": (
        lambda: scenario(event_source_mappings=(ds.EventSourceMapping(), ds.EventSourceMapping())),
        "event_source_mappings and stream_readers must have different names, "
        "got 'function' twice: give one of them a name=",
    ),
    "two functions of one name": (
        lambda: scenario(
            event_source_mappings=(
                ds.EventSourceMapping(name="a"),
                ds.EventSourceMapping(name="b", function=ds.Function(memory_mb=512)),
            )
        ),
        "functions of one name must be equal, but two different ones are called 'function'",
    ),
    "more reserved than there is": (
        lambda: scenario(
            event_source_mappings=ds.EventSourceMapping(function=ds.Function(reserved_concurrency=11)),
            account_concurrency=10,
        ),
        "provisioned_concurrency beside it, must add up to at most account_concurrency (10), got 11",
    ),
}


@pytest.mark.parametrize(("make", "words"), WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_a_wrong_part_is_refused_in_one_sentence(make, words):
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        make()
    assert "\n" not in str(error.value)


def test_one_may_be_given_for_several():
    outage = ds.Outage(start_s=1, end_s=2)
    assert ds.Failures(outages=outage, poison_items=3) == ds.Failures(outages=(outage,), poison_items=(3,))
    assert ds.Failures(poison_items=np.array([3, 4])) == ds.Failures(poison_items=[3, 4])
    reports = ds.EventSourceMapping(function_response_types="ReportBatchItemFailures")
    assert reports.reports_item_failures
    assert scenario(event_source_mappings=[ds.EventSourceMapping()]) == scenario()


def test_outages_stand_in_the_order_of_time():
    late, early = ds.Outage(start_s=5, end_s=6), ds.Outage(start_s=1, end_s=2)
    assert ds.Failures(outages=(late, early)).outages == (early, late)


def test_a_number_for_noise_multiplies_the_mean():
    law = ds.Duration(base_s=0.1, noise=2)
    assert law.mean_s(1, 0, 128) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"batch_size": 1_001}, "batch_size 1001 is beyond the 1,000 records of one read: without a batching window"),
        (
            {"batch_size": 500, "poller": ds.Poller(records_per_read=400)},
            "batch_size 500 is beyond the 400 records of one read",
        ),
        ({"maximum_record_age_in_seconds": 86_401}, "has no effect beyond"),
    ],
)
def test_a_setting_with_a_trap_is_taken_with_a_warning(setting, words):
    with pytest.warns(ds.IneffectiveSettingWarning, match=words):
        ds.EventSourceMapping(**setting)


@pytest.mark.parametrize(
    ("batch_size", "window"), [(10_000, 1), (10, 0), (11, 0), (50, 0), (100, 0), (101, 0), (1_000, 0)]
)
def test_a_batch_that_can_be_filled_has_no_trap(batch_size, window):
    mapping = ds.EventSourceMapping(batch_size=batch_size, maximum_batching_window_in_seconds=window)
    assert mapping.batch_size == batch_size


@pytest.mark.parametrize(
    "start", ["2026-03-01", "2026-03-01T00:00:00", "2026-03-01T00:00:00Z", "2026-03-01T01:00:00+01:00"]
)
def test_a_start_without_an_offset_is_utc(start):
    assert scenario(start=start).start_epoch_s == 1_772_323_200.0


def test_varying_a_scenario_checks_it_again():
    with pytest.raises(ValueError, match="warmup_s must be < duration_s"):
        replace(scenario(warmup_s=5), duration_s=4)


@pytest.mark.parametrize(("memory_mb", "factor"), [(256, 2.0), (512, 1.0), (1_769, 512 / 1_769), (10_240, 512 / 1_769)])
def test_cpu_grows_with_memory_up_to_one_core(memory_mb, factor):
    assert ds.Duration(measured_at_mb=512).memory_factor(memory_mb) == pytest.approx(factor)
    assert ds.Duration(measured_at_mb=512, cpu_share=0).memory_factor(memory_mb) == 1.0
    assert ds.Duration().memory_factor(memory_mb) == 1.0


def test_the_mean_duration_has_every_part():
    law = ds.Duration(base_s=0.1, per_record_s=0.01, per_kb_s=0.002, noise=2, measured_at_mb=512, cpu_share=0.5)
    # with twice the memory the computing half takes half as long
    assert law.mean_s(20, 50 * 1024, 1_024) == pytest.approx((0.1 + 0.2 + 0.1) * 2 * 0.75)
    assert law.mean_s(0, 0, 512) == pytest.approx(0.1 * 2)


def test_a_trap_is_told_at_the_line_that_typed_it():
    slow = ds.Duration(base_s=300)
    calls = (
        lambda: ds.Function(duration=slow),
        lambda: replace(ds.Function(), duration=slow),
        lambda: ds.vary(scenario(), {"duration.base_s": 300}),
    )
    for call in calls:
        with pytest.warns(ds.IneffectiveSettingWarning) as told:
            call()
        assert told[0].filename == __file__
