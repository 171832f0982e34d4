"""Risky settings: each rule fires where a run shows the harm, and is silent next to it."""

from dataclasses import replace

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.experiment.lint.findings import mapping_settings, whole
from ddbsim.experiment.lint.proofs import Reproduction
from ddbsim.randomness import RandomStreams

SAFE = {"maximum_retry_attempts": 3, "bisect_batch_on_function_error": True, "on_failure": ds.Destination("sqs")}
WARM = ds.ColdStart(init=0, placement_s=0)


def scenario(*, function=None, table=None, stream=None, workload=None, readers=(), duration_s=60, **settings):
    """One mapping on one shard, 10 writes/s at even distances; nothing risky about it."""
    run = ds.Function(name="indexer", cold_start=WARM, **(function or {}))
    return ds.Scenario(
        workload=workload or ds.ConstantWrites(rate_per_s=10),
        table=table or ds.Table(partitions=1),
        stream=stream or ds.Stream(visibility_delay=0.05),
        event_source_mappings=ds.EventSourceMapping(function=run, **(SAFE | settings)),
        stream_readers=readers,
        duration_s=duration_s,
        name="orders",
    )


def found(design, rule, **options):
    """The one finding, which must be the rule's."""
    frame = ds.lint(design, rng=7, **options).frame
    assert frame["rule"].tolist() == [rule]
    assert frame["event_source_mapping"].tolist() == ["indexer"]
    return frame.iloc[0]


def clean(design, **options):
    return ds.lint(design, rng=7, **options).frame.empty


def test_a_clean_scenario_says_so():
    report = ds.lint(scenario(), rng=7)
    assert len(report) == 0
    assert report.frame.columns.tolist() == [
        "danger",
        "rule",
        "event_source_mapping",
        "happens",
        "how_long_s",
        "records",
        "change",
    ]
    assert repr(report).startswith("orders: nothing risky found by 18 rules")
    assert "nothing risky" in report._repr_html_()


def test_unlimited_retries_stop_all_that_comes_after_a_poison_record():
    row = found(scenario(maximum_retry_attempts=-1), "unlimited retries")
    # it is the record at a tenth: written at 6 s, and nine tenths of the minute's records come after it
    assert row["how_long_s"] == pytest.approx(54.0, abs=1.0)
    assert row["records"] == pytest.approx(540, abs=12)
    assert "The destination hears nothing" in row["happens"]
    assert clean(scenario(maximum_retry_attempts=3))
    assert clean(scenario(maximum_retry_attempts=-1, maximum_record_age_in_seconds=7_200))


def test_a_proof_that_leaves_out_what_was_typed_says_so():
    design = scenario(maximum_retry_attempts=-1, created_s=20, suspensions=ds.Suspension(start_s=1, end_s=2))
    row = found(design, "unlimited retries")
    assert row["how_long_s"] == pytest.approx(54.0, abs=1.0)
    assert "(shown without its creation and suspensions)" in row["happens"]


@pytest.mark.parametrize(
    "left_out",
    [
        {"created_s": 20},
        {"suspensions": ds.Suspension(start_s=1, end_s=2)},
        {"workload": ds.ItemWrites([(0.0, "put", {"pk": "a"})]), "function": {"handler": lambda event, context: None}},
    ],
)
def test_a_proof_has_its_mapping_always_on_and_calls_no_handler(left_out):
    (mapping,) = Reproduction(scenario(**left_out), RandomStreams(7), 60.0).scenario.mappings
    assert (mapping.created_s, mapping.suspensions, mapping.function.handler) == (None, (), None)


@pytest.mark.parametrize(
    "trouble",
    [
        {"failures": ds.Failures(error_probability=0.5)},
        {"duration": ds.Duration(base_s=2.0), "timeout_s": 3},
        {"reserved_concurrency": 1},
    ],
)
def test_a_mapping_made_sound_neither_fails_nor_is_throttled(trouble):
    design = scenario(function=trouble, table=ds.Table(partitions=2))
    bench = Reproduction(design, RandomStreams(7), 60.0)
    function = bench.sound(design.mappings[0]).function
    assert function.failures == ds.Failures()
    assert function.reserved_concurrency is None
    assert function.timeout_s == (900 if "timeout_s" in trouble else 3)
    (sound,) = scenario().mappings
    assert bench.sound(sound) is sound


def test_the_end_of_retention_ends_the_block():
    design = scenario(maximum_retry_attempts=-1, stream=ds.Stream(visibility_delay=0.05, retention_s=20))
    row = found(design, "unlimited retries", outage_s=10)
    assert 18 < row["how_long_s"] < 26


def test_a_window_beyond_the_slo_makes_the_share_late_that_waits_longer():
    slo = ds.SLO(latency_p99_s=2.0)
    design = scenario(maximum_batching_window_in_seconds=10, batch_size=1_000)
    row = found(design, "window beyond the SLO", slo=slo)
    sent = ds.simulate(design, rng=7).stream_log["completed_s"].notna().sum()
    # of ten seconds' records all but the last two seconds' wait longer
    assert row["records"] / sent == pytest.approx(0.8, abs=0.04)
    assert 9.0 < row["how_long_s"] <= 10.0
    assert clean(scenario(maximum_batching_window_in_seconds=10, batch_size=5), slo=slo)
    assert clean(scenario(maximum_batching_window_in_seconds=1), slo=slo)
    assert clean(scenario(maximum_batching_window_in_seconds=10), slo=ds.SLO(lost_records=0))


def test_a_third_reader_makes_records_late():
    two = (ds.StreamReader(name="audit"), ds.StreamReader(name="search"))
    row = found(scenario(readers=two, duration_s=300), "more than two readers")
    latency_s = [
        (log["completed_s"] - log["written_s"]).to_numpy()
        for log in (ds.simulate(scenario(readers=readers, duration_s=300), rng=7).stream_log for readers in (two, ()))
    ]
    later_s = latency_s[0] - latency_s[1]
    assert row["records"] == (later_s > 0.001).sum() > 50
    assert row["how_long_s"] == pytest.approx(np.nanmax(later_s))
    assert clean(scenario(readers=two[:1]))


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
def test_a_batch_cannot_be_fuller_than_6_mb():
    wide = ds.ConstantWrites(rate_per_s=10, item_bytes=60_000)
    duration = ds.Duration(base_s=0.1, per_record_s=0.001)
    design = {"workload": wide, "function": {"duration": duration}, "maximum_batching_window_in_seconds": 5}
    row = found(scenario(batch_size=500, duration_s=900, **design), "6 MB reachable")
    log = ds.simulate(scenario(duration_s=60, **design), rng=7).stream_log
    stream = ds.Stream()
    event = stream.event_record_overhead_bytes + stream.event_bytes_per_stored_byte * log["size_bytes"].max()
    most = int(6 * 2**20 / event)
    assert f"the fullest at {most} records" in row["happens"]
    assert row["how_long_s"] == pytest.approx(0.1 + 0.001 * most)
    assert row["records"] >= 3 * most
    assert row["records"] % most == 0
    # reads of 1 MB do not bring as much within a second
    assert clean(scenario(batch_size=500, duration_s=900, **design | {"maximum_batching_window_in_seconds": 1}))
    assert clean(scenario(batch_size=30, duration_s=900, **design))


def test_lanes_beyond_the_items_stay_empty():
    one = ds.ConstantWrites(rate_per_s=10, keys=ds.UniformKeys(items=1))
    row = found(scenario(workload=one, parallelization_factor=4), "few keys for the lanes")
    sent = ds.simulate(scenario(workload=one, parallelization_factor=4), rng=7).invocations["records"].sum()
    assert row["records"] == sent
    assert "1 of 4 lanes" in row["happens"]
    hot = ds.HotSet(items=1_000, hot_items=1, hot_share=0.8)
    row = found(
        scenario(workload=ds.ConstantWrites(rate_per_s=10, keys=hot), parallelization_factor=4),
        "few keys for the lanes",
    )
    assert row["records"] == pytest.approx(600 * (0.8 + 0.2 / 4), rel=0.1)
    assert clean(scenario(parallelization_factor=4))
    assert clean(scenario(workload=one))


def test_a_record_age_below_the_outage_loses_what_is_older():
    row = found(
        scenario(maximum_record_age_in_seconds=120, duration_s=3_600), "age or retention below the drain", outage_s=600
    )
    # all records written more than 120 s before the return, at 10 a second
    assert row["records"] == pytest.approx(4_800, rel=0.01)
    assert row["how_long_s"] == pytest.approx(480, rel=0.01)
    assert "shrunk" not in row["happens"]
    assert row["change"] == "raise maximum_record_age_in_seconds above the outage and its drain"
    assert clean(scenario(maximum_record_age_in_seconds=1_200, duration_s=3_600), outage_s=600)
    endless = scenario(maximum_record_age_in_seconds=120, maximum_retry_attempts=-1, duration_s=3_600)
    row = found(endless, "age or retention below the drain", outage_s=600)
    assert row["change"].endswith("its drain, and bound the retries (maximum_retry_attempts)")


def test_a_shrunk_proof_loses_the_same_share_and_says_so():
    row = found(
        scenario(maximum_record_age_in_seconds=120, duration_s=375), "age or retention below the drain", outage_s=600
    )
    assert "shrunk to 50.00%" in row["happens"]
    assert row["records"] == pytest.approx(2_400, rel=0.02)


def test_what_cannot_keep_up_loses_records_at_the_end_of_retention():
    def loaded(base_s, retention_s):
        return scenario(
            function={"duration": ds.Duration(base_s=base_s)},
            batch_size=1,
            stream=ds.Stream(visibility_delay=0.05, retention_s=retention_s),
            duration_s=600,
        )

    frame = ds.lint(loaded(0.2, 100), rng=7, outage_s=50).frame
    assert frame["rule"].tolist() == ["age or retention below the drain", "does not keep up"]
    assert "never drains" in frame["happens"][0]
    assert frame["records"][0] > 50
    assert "What binds: lanes: 5 records/s of the 10 offered" in frame["happens"][1]
    assert clean(loaded(0.04, 300), outage_s=50)


def test_a_view_type_without_the_old_image_leaves_the_handler_blind():
    design = scenario(function={"needs": "old"}, stream=ds.Stream(view_type="NEW_IMAGE", visibility_delay=0.05))
    row = found(design, "view type does not serve")
    log = ds.simulate(design, rng=7).stream_log
    assert row["records"] == (log["received_s"].notna() & (log["event_name"] != "INSERT")).sum() > 0
    assert row["change"] == "set the view type to OLD_IMAGE or NEW_AND_OLD_IMAGES"
    assert clean(scenario(function={"needs": "old"}))
    assert clean(scenario(function={"needs": "new"}, stream=ds.Stream(view_type="KEYS_ONLY")))


def test_lanes_beyond_the_concurrency_are_throttled():
    def reserved(concurrency, base_s=0.5):
        function = {"reserved_concurrency": concurrency, "duration": ds.Duration(base_s=base_s)}
        return scenario(function=function, table=ds.Table(partitions=4))

    row = row_of(reserved(1), "concurrency below the lanes")
    assert "4 lanes compete for 1" in row["happens"]
    # the last of four lanes waits for three invocations of half a second at least
    assert row["how_long_s"] > 1.5
    # 20 s away, and then nothing runs until the minute is over: each of four lanes holds what it has read
    row = row_of(reserved(0), "concurrency below the lanes")
    assert row["how_long_s"] == pytest.approx(40.0, abs=0.5)
    assert row["records"] == pytest.approx(200, abs=20)
    assert clean(reserved(4))


def test_a_report_shows_whole_sentences_and_runs_again():
    design = scenario(maximum_retry_attempts=-1)
    report = ds.lint(design, rng=7)
    happens = report.frame["happens"][0]
    assert happens in repr(report)
    assert happens in report._repr_html_()
    assert "seed 7" in repr(report)
    assert ds.lint(design, rng=7).frame.equals(report.frame)


def test_the_state_of_a_handler_is_as_it_was():
    def handler(event, context):
        context.state.append(event)

    state = []
    workload = ds.ItemWrites([(0.1 * n, "put", {"pk": f"order-{n}"}) for n in range(300)])
    report = ds.lint(scenario(workload=workload, function={"handler": handler, "state": state}), rng=7)
    assert state == []
    assert report.frame.empty


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slo": 2.0}, r"lint: slo must be SLO\(...\) or None, got 2.0"),
        ({"slo": ds.SLO(latency_p99_s=1, event_source_mapping="other")}, "other"),
        ({"outage_s": 0}, "outage_s must be a number of seconds > 0, got 0"),
        ({"outage_s": float("inf")}, "outage_s must be a number of seconds > 0, got inf"),
        ({"outage_s": "1h"}, "lint: outage_s must be a number, got '1h'"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        ds.lint(scenario(), **options)


def test_only_a_scenario_is_examined():
    with pytest.raises(ValueError, match=r"lint: scenario must be Scenario\(...\), got 7"):
        ds.lint(7)
    result = ds.simulate(scenario(duration_s=1), rng=7, progress=False)
    with pytest.raises(ValueError, match=r"got a Result: its scenario is .scenario$"):
        ds.lint(result)
    with pytest.raises(ValueError, match=r"got a DataFrame$"):
        ds.lint(result.stream_log)


def test_a_table_without_writes_has_nothing_to_show():
    assert clean(scenario(workload=ds.ConstantWrites(rate_per_s=0), maximum_retry_attempts=-1))


def rules_of(design, **options):
    return ds.lint(design, rng=7, **options).frame["rule"].tolist()


def row_of(design, rule):
    frame = ds.lint(design, rng=7).frame.set_index("rule")
    assert rule in frame.index, frame.index.tolist()
    return frame.loc[rule]


def test_bounded_retries_give_up_the_good_records_of_a_batch():
    crowd = {
        "workload": ds.ConstantWrites(rate_per_s=200, keys=ds.SequentialKeys(items=10_000)),
        "maximum_batching_window_in_seconds": 1,
        "duration_s": 10,
    }
    row = found(scenario(bisect_batch_on_function_error=False, **crowd), "good records given up with a bad one")
    assert row["records"] == 99
    assert "after 4 invocations" in row["happens"]
    assert row["danger"] == "loss"
    # of an example with a poison record of its own, and nobody told
    own = {"failures": ds.Failures(poison_items=(250,))}
    bare = scenario(bisect_batch_on_function_error=False, on_failure=None, function=own, **crowd)
    assert set(rules_of(bare)) == {"good records given up with a bad one", "discards without a destination"}
    assert clean(scenario(**crowd))
    reports = {"function_response_types": ("ReportBatchItemFailures",), "bisect_batch_on_function_error": False}
    assert clean(scenario(**reports, **crowd))
    assert clean(scenario(bisect_batch_on_function_error=False, batch_size=1, workload=ds.ConstantWrites(rate_per_s=9)))


def test_a_quiet_table_gives_up_good_records_after_an_interruption():
    quiet = ds.ConstantWrites(rate_per_s=1, keys=ds.SequentialKeys(items=10_000))
    row = found(
        scenario(bisect_batch_on_function_error=False, workload=quiet, duration_s=200),
        "good records given up with a bad one",
    )
    assert row["records"] > 10


def test_so_many_retries_that_the_retention_ends_first_are_unlimited():
    assert rules_of(scenario(maximum_retry_attempts=10_000)) == ["unlimited retries"]
    assert clean(scenario(maximum_retry_attempts=100))


def test_discards_without_a_destination_are_lost_in_silence():
    row = found(scenario(on_failure=None), "discards without a destination")
    assert row["records"] >= 1
    assert "its retries last, 1.4" in row["happens"]


@pytest.mark.parametrize("rate_per_s", [20, 3_000])
def test_latest_never_reads_what_comes_before_its_first_poll(rate_per_s):
    workload = ds.ConstantWrites(rate_per_s=rate_per_s, keys=ds.UniformKeys(items=100_000))
    table = ds.Table(partitions=8)
    row = found(
        scenario(starting_position="LATEST", workload=workload, table=table, created_s=100, duration_s=300),
        "starting at LATEST",
    )
    assert row["records"] == pytest.approx(rate_per_s * row["how_long_s"], rel=0.1)
    assert clean(scenario(created_s=100, workload=workload, table=table, duration_s=300))
    # nothing is missed by what polls at once
    assert clean(scenario(starting_position="LATEST", poller=ds.Poller(activation_delay=0.0, interval_s=0.001)))


def test_a_full_batch_beyond_the_timeout_is_told_before_a_backlog_makes_one():
    law = ds.Duration(base_s=0.01, per_record_s=0.05)
    slow = {"workload": ds.PoissonWrites(rate_per_s=5), "duration_s": 300}
    row = found(scenario(function={"timeout_s": 3, "duration": law}, **slow), "full batch fails")
    assert "A batch of more than 59 records takes longer than timeout_s (3 s)" in row["happens"]
    assert row["change"] == "set timeout_s to 8 or more, or batch_size to 59 or less"
    assert clean(scenario(function={"timeout_s": 6, "duration": law}, **slow))
    assert clean(scenario(function={"timeout_s": 3, "duration": law}, batch_size=59, **slow))


def test_what_runs_out_of_memory_is_told_of_full_batches_and_of_all():
    def memory(size):
        return scenario(
            workload=ds.PoissonWrites(rate_per_s=100, item_bytes=5_000),
            function={"failures": ds.Failures(out_of_memory_bytes=size)},
        )

    row = found(memory(900_000), "full batch fails")
    assert "runs out of memory" in row["happens"]
    row = found(memory(1_000), "failing function")
    assert row["happens"].startswith("Every invocation failed in its whole length: out of memory")
    assert clean(memory(6_000_000))
    # where only the fuller batches run out of it, full ones are what is wrong
    some = memory(30_000)
    ran = ds.simulate(some, rng=7, progress=False).invocations["outcome"]
    assert set(ran) == {"success", "out_of_memory"}
    assert "failing function" not in rules_of(some)


def test_lanes_share_the_concurrency_of_the_account():
    def sharing(account, mappings=2):
        functions = [
            ds.Function(name=f"f{n}", cold_start=WARM, duration=ds.Duration(base_s=0.2)) for n in range(mappings)
        ]
        return ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=20),
            table=ds.Table(partitions=4),
            account_concurrency=account,
            event_source_mappings=[ds.EventSourceMapping(function=one, **SAFE) for one in functions],
            duration_s=60,
        )

    frame = ds.lint(sharing(5), rng=7).frame
    assert set(frame["rule"]) == {"concurrency below the lanes"}
    assert frame["event_source_mapping"].tolist() != []
    assert "8 lanes of functions without reserved concurrency share the 5 invocations" in frame["happens"][0]
    assert clean(sharing(9))
    # all that the account has is nothing for its other functions
    assert set(rules_of(sharing(8))) == {"concurrency below the lanes"}
    # lanes that no item goes to take nothing of it
    one = ds.ConstantWrites(rate_per_s=10, keys=ds.UniformKeys(items=1))
    idle = replace(scenario(workload=one, parallelization_factor=4), account_concurrency=4)
    assert rules_of(idle) == ["few keys for the lanes"]


@pytest.mark.parametrize(
    ("table", "rate_per_s", "reason", "change"),
    [
        (ds.Table(billing=ds.Provisioned(write_capacity_units=10)), 100, "TableWriteProvisioned", "write capacity"),
        (ds.Table(billing=ds.OnDemand()), 9_000, "TableWriteKeyRange", "more partitions"),
        (
            ds.Table(
                billing=ds.Provisioned(write_capacity_units=500),
                global_secondary_indexes=ds.GlobalSecondaryIndex(
                    name="by_day", billing=ds.Provisioned(write_capacity_units=20)
                ),
            ),
            200,
            "IndexWriteProvisioned",
            "for the index",
        ),
    ],
    ids=["table", "partition", "index"],
)
def test_a_table_over_its_limits_loses_writes(table, rate_per_s, reason, change):
    keys = ds.UniformKeys(items=1_000_000)
    workload = ds.PoissonWrites(rate_per_s=rate_per_s, item_bytes=500, keys=keys)
    design = scenario(table=table, workload=workload, duration_s=20)
    report = ds.lint(design, rng=7)
    row = report.frame.iloc[0]
    assert (row["rule"], row["event_source_mapping"], row["danger"]) == ("table over its limits", "", "loss")
    assert reason in row["happens"]
    assert change in row["change"]
    assert row["records"] > 100
    assert "table over its limits" not in rules_of(report.followed(0))


def test_a_hot_item_is_over_its_limit_whatever_the_capacity():
    keys = ds.HotSet(items=1_000, hot_items=1, hot_share=0.9)
    workload = ds.PoissonWrites(rate_per_s=2_000, item_bytes=500, keys=keys)
    warm = ds.OnDemand(warm_write_units_per_s=8_000)
    report = ds.lint(scenario(table=ds.Table(billing=warm), workload=workload, duration_s=10), rng=7)
    place = report.frame["rule"].tolist().index("table over its limits")
    assert "spread the hot item's writes: no capacity splits one item" in report.frame["change"][place]
    assert report.settings[place] == {}
    free = row_of(scenario(table=ds.Table(), workload=workload, duration_s=10), "table beyond the service's caps")
    assert "the hottest item" in free["happens"]
    assert "no capacity splits one item" in free["change"]


def test_a_table_without_a_mode_tells_what_the_service_would_refuse():
    keys = ds.UniformKeys(items=100_000)
    design = scenario(
        workload=ds.PoissonWrites(rate_per_s=2_000, keys=keys), table=ds.Table(partitions=1), duration_s=10
    )
    row = row_of(design, "table beyond the service's caps")
    assert "1 partition of 1 passed the 1,000 write units/s" in row["happens"]
    assert row["records"] > 1_000
    assert clean(scenario(workload=ds.PoissonWrites(rate_per_s=100), table=ds.Table(partitions=1), duration_s=10))


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize(
    "pattern",
    [
        {"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 5]}]}}}},
        {"body": {"eventName": ["INSERT"]}},
        {"eventName": ["Insert"]},
        {"dynamodb": {"OldImage": {"n": {"N": ["1"]}}}},
        {"userIdentity": {"type": ["service"]}},
        {"dynamodb": {"NewImage": {"colour": {"S": ["red"]}}}},
    ],
)
def test_a_filter_that_lets_nothing_through_is_told(pattern):
    workload = ds.ItemWrites([(0.1 * n, "put", {"pk": "a", "n": n, "colour": "blue"}) for n in range(30)])
    stream = ds.Stream(view_type="NEW_IMAGE", visibility_delay=0.05)
    row = found(
        scenario(workload=workload, stream=stream, duration_s=5, filter_criteria=pattern), "filter matches nothing"
    )
    assert "lets nothing through: 30 of 30 records" in row["happens"]
    good = {"dynamodb": {"NewImage": {"colour": {"S": ["blue"]}}}}
    assert clean(scenario(workload=workload, stream=stream, duration_s=5, filter_criteria=good))
    row = found(
        scenario(workload=workload, stream=stream, duration_s=5, filter_criteria=(good, {"eventName": ["Insert"]})),
        "filter matches nothing",
    )
    assert "1 pattern of 2 can never match: pattern 2: eventName is" in row["happens"]
    assert (row["records"], row["how_long_s"]) == (0, 0.0)


def test_a_reader_that_reads_less_than_is_written_falls_behind():
    def read(every_s, share=1.0):
        return scenario(
            workload=ds.ConstantWrites(rate_per_s=2, item_bytes=400 * 1024 * share),
            stream=ds.Stream(view_type="NEW_IMAGE", visibility_delay=0.05),
            table=ds.Table(partitions=1),
            readers=ds.StreamReader(name="adapter", interval_s=every_s),
            duration_s=600,
        )

    report = ds.lint(read(2.0), rng=7)
    assert report.frame["rule"].tolist() == ["reader falls behind"]
    assert report.frame["event_source_mapping"].tolist() == ["adapter"]
    assert report.frame["how_long_s"][0] > 150
    assert ds.lint(report.followed(0), rng=7).frame.empty
    assert clean(read(0.5))
    assert clean(read(2.0, share=0.01))


ROWS = [
    (0.1 * n, "delete", {"pk": f"k{n // 5}"}) if n % 5 == 4 else (0.1 * n, "put", {"pk": f"k{n // 5}", "v": n})
    for n in range(200)
]


def test_a_handler_that_asks_for_an_image_which_the_event_has_not_is_run():
    def copies(event, context):
        return [record["dynamodb"]["NewImage"] for record in event["Records"]] and None

    def asks(event, context):
        return [record["dynamodb"].get("NewImage") for record in event["Records"]] and None

    def design(handler, view_type="NEW_AND_OLD_IMAGES"):
        stream = ds.Stream(view_type=view_type, visibility_delay=0.05)
        return scenario(workload=ds.ItemWrites(ROWS), function={"handler": handler}, stream=stream, duration_s=30)

    frame = ds.lint(design(copies), rng=7).frame.set_index("rule")
    assert set(frame.index) == {"failing function", "image that is not there"}
    row = frame.loc["image that is not there"]
    assert "for NewImage of a REMOVE, which has none" in row["happens"]
    assert row["change"] == "ask eventName first: REMOVE has no NewImage"
    assert "KeyError: 'NewImage'" in frame.loc["failing function", "happens"]
    assert clean(design(asks))
    row = found(design(asks, "OLD_IMAGE"), "image that is not there")
    assert "which OLD_IMAGE leaves out" in row["happens"]


def test_a_handler_that_never_succeeds_is_told_with_its_reason():
    def handler(event, context):
        return evnt["Records"]  # noqa: F821

    row = found(
        scenario(workload=ds.ItemWrites(ROWS), function={"handler": handler}, duration_s=30), "failing function"
    )
    assert "Every invocation failed in its whole length: NameError: name 'evnt' is not defined" in row["happens"]


def test_what_does_not_keep_up_is_told_with_what_binds():
    slow = {"duration": ds.Duration(base_s=0.2)}
    report = ds.lint(scenario(workload=ds.PoissonWrites(rate_per_s=100), batch_size=10, function=slow), rng=7)
    place = report.frame["rule"].tolist().index("does not keep up")
    assert "What binds: lanes: 47 records/s of the 100 offered" in report.frame["happens"][place]
    assert ds.lint(report.followed(place), rng=7).frame.empty


@pytest.mark.parametrize(("base_s", "factor"), [(0.1, 3), (0.25, 7), (0.5, None)])
def test_an_advice_brings_the_lanes_that_it_needs_or_is_not_given(base_s, factor):
    # one record at a time at 20 a second: a quarter more lanes than their load, and never more than ten a shard
    keys = ds.UniformKeys(items=10_000)
    design = scenario(
        workload=ds.ConstantWrites(rate_per_s=20, keys=keys),
        function={"duration": ds.Duration(base_s=base_s)},
        batch_size=100,
    )
    (mapping,) = design.mappings
    alone = mapping_settings(mapping, batch_size=1)
    load = ds.closed_form(ds.vary(design, alone)).set_index("limit").loc["lanes", "load"]
    given = whole(design, alone)
    if factor is None:
        assert given == {}
    else:
        assert given == alone | mapping_settings(mapping, parallelization_factor=factor)
        assert factor - 1 < 1.25 * load <= factor


def test_it_looks_at_creations_and_suspensions_as_typed():
    assert clean(scenario(created_s=60, duration_s=600))
    assert clean(scenario(suspensions=ds.Suspension(start_s=10, end_s=60), duration_s=600))
    row = found(scenario(suspensions=ds.Suspension(start_s=10), duration_s=600), "does not keep up")
    assert "disabled and never enabled again" in row["happens"]


def test_starved_lanes_do_not_keep_up_though_no_limit_is_passed():
    starved = {"reserved_concurrency": 1, "duration": ds.Duration(base_s=0.2)}
    frame = ds.lint(
        scenario(
            workload=ds.PoissonWrites(rate_per_s=40), table=ds.Table(), batch_size=10, function=starved, duration_s=600
        ),
        rng=7,
    ).frame
    assert frame["rule"].tolist() == ["does not keep up", "concurrency below the lanes"]
    assert "throttled" in frame["happens"][0]


def test_findings_are_sorted_by_their_danger():
    frame = ds.lint(
        ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=100),
            account_concurrency=1,
            duration_s=60,
            event_source_mappings=ds.EventSourceMapping(
                batch_size=10, maximum_retry_attempts=3, function=ds.Function(duration=ds.Duration(base_s=0.2))
            ),
        ),
        rng=7,
    ).frame
    dangers = ["loss", "standstill", "delay", "waste"]
    ranks = frame["danger"].map(dangers.index).tolist()
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1


def test_a_report_is_readable():
    report = ds.lint(scenario(maximum_retry_attempts=-1), rng=None)
    assert len(report.seed) > 20
    assert report.seed not in repr(report)
    assert f"seed {report.seed[:8]}..." in repr(report)
    page = report._repr_html_()
    assert page.count("text-align:left") == 8
    assert "<b>standstill</b>" in page
    assert report.frame["happens"][0] in page
    with pytest.raises(ValueError, match="finding must be a row of the frame, 0 <= finding < 1, got 1"):
        report.followed(1)


SICK = {
    "defaults": {"maximum_retry_attempts": -1, "on_failure": None, "bisect_batch_on_function_error": False},
    "half-followed": {"on_failure": None, "bisect_batch_on_function_error": False},
    "age alone": {"maximum_retry_attempts": -1, "maximum_record_age_in_seconds": 60, "on_failure": None},
    "LATEST": {"starting_position": "LATEST", "on_failure": None},
    "timeout": {"function": {"duration": ds.Duration(per_record_s=0.05)}, "bisect_batch_on_function_error": False},
    "always too slow": {"function": {"duration": ds.Duration(base_s=4.0)}, "on_failure": None},
    "slow lanes": {"function": {"duration": ds.Duration(base_s=0.5)}, "batch_size": 2, "on_failure": None},
    "slow and reserved": {
        "function": {"duration": ds.Duration(base_s=0.5), "reserved_concurrency": 1},
        "batch_size": 2,
    },
    "stopped": {"function": {"reserved_concurrency": 0}, "on_failure": None},
    "stopped, and no time": {"function": {"reserved_concurrency": 0, "duration": ds.Duration(per_record_s=0.05)}},
    "old images": {"function": {"needs": "old"}, "stream": ds.Stream(view_type="NEW_IMAGE")},
    "hot lanes": {
        "parallelization_factor": 8,
        "workload": ds.ConstantWrites(rate_per_s=10, keys=ds.UniformKeys(items=2)),
    },
    "memory": {
        "workload": ds.ConstantWrites(rate_per_s=10, item_bytes=60_000),
        "function": {"failures": ds.Failures(out_of_memory_bytes=1_500_000)},
        "maximum_batching_window_in_seconds": 5,
    },
    "too few units": {
        "workload": ds.PoissonWrites(rate_per_s=200, keys=ds.UniformKeys(items=100_000)),
        "table": ds.Table(billing=ds.Provisioned(write_capacity_units=10)),
        "function": {"duration": ds.Duration(base_s=0.2)},
        "batch_size": 10,
    },
}


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize("name", SICK)
def test_no_advice_makes_a_new_danger(name):
    report = ds.lint(scenario(duration_s=120, **SICK[name]), rng=7, slo=ds.SLO(latency_p99_s=30))
    rules = report.frame["rule"].tolist()
    assert rules
    for place, settings in enumerate(report.settings):
        if not settings:
            continue
        left = ds.lint(report.followed(place), rng=7, slo=ds.SLO(latency_p99_s=30)).frame["rule"].tolist()
        assert rules[place] not in left
        assert set(left) <= set(rules), (rules[place], settings)


def sound_design(number):
    """A random design with nothing wrong about it: every load below two thirds, every danger seen to."""
    rng = np.random.default_rng(number)
    on_demand = bool(rng.random() < 0.3)
    partitions, factor = 4 if on_demand else int(rng.integers(1, 5)), int(rng.integers(1, 4))
    rate_per_s = float(rng.uniform(2, 60))
    batch = int(rng.choice([1, 10, 50, 100, 500]))
    lanes = partitions * factor
    # a third of the lanes' time at the most, however small its batches are
    each_s = min(0.2 * lanes * min(batch, 10) / rate_per_s, 0.3) * rng.uniform(0.1, 1.0)
    law = ds.Duration(base_s=float(each_s), per_record_s=float(rng.uniform(0, 0.002)) if batch > 1 else 0.0)
    view_type = str(rng.choice(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]))
    settings = {
        "batch_size": batch,
        "parallelization_factor": factor,
        "maximum_batching_window_in_seconds": int(rng.choice([0, 1, 2])),
        "maximum_retry_attempts": int(rng.integers(0, 20)),
        "on_failure": ds.Destination(str(rng.choice(["sqs", "sns", "s3"]))),
    }
    spares = (
        {"bisect_batch_on_function_error": True},
        {"function_response_types": ("ReportBatchItemFailures",)},
        {"bisect_batch_on_function_error": True, "function_response_types": ("ReportBatchItemFailures",)},
    )
    settings |= spares[int(rng.integers(3))]
    provisioned = ds.Provisioned(write_capacity_units=int(rate_per_s * 2) + 20, initial_burst_s=60)
    billing = ds.OnDemand() if on_demand else (None, provisioned)[int(rng.integers(2))]
    workload = (ds.PoissonWrites, ds.ConstantWrites)[int(rng.integers(2))]
    function = ds.Function(
        name="indexer",
        duration=law,
        timeout_s=int(rng.integers(5, 60)),
        reserved_concurrency=None if rng.random() < 0.5 else lanes,
        failures=ds.Failures(error_probability=float(rng.choice([0.0, 0.0, 0.01]))),
    )
    return ds.Scenario(
        workload=workload(
            rate_per_s=rate_per_s,
            item_bytes=float(rng.uniform(100, 900)),
            keys=ds.UniformKeys(items=10_000),
            operations=ds.OperationMix(insert=0.2, modify=0.6, remove=0.2),
        ),
        table=ds.Table(partitions=partitions, billing=billing),
        stream=ds.Stream(view_type=view_type),
        event_source_mappings=ds.EventSourceMapping(function=function, **settings),
        duration_s=float(rng.uniform(20, 60)),
    )


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize("number", range(60))
def test_a_sound_design_has_no_finding(number):
    report = ds.lint(sound_design(number), rng=number)
    assert report.frame.empty, repr(report)
    # the scenario itself; it is seen again, longer, only where chance has let a backlog grow
    assert report.runs <= 2


def test_proofs_are_shared():
    assert ds.lint(scenario(), rng=7).runs == 1
    assert ds.lint(scenario(on_failure=None), rng=7).runs == 2
    assert ds.lint(scenario(on_failure=None, bisect_batch_on_function_error=False), rng=7).runs == 2
    assert ds.lint(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60), rng=7).runs == 2
