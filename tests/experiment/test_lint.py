"""Risky settings: each rule fires where a run shows the harm, and is silent next to it."""

import numpy as np
import pytest

import ddbsim as ds

SAFE = {"maximum_retry_attempts": 3, "on_failure": ds.Destination("sqs")}
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
        "rule",
        "event_source_mapping",
        "happens",
        "how_long_s",
        "records",
        "change",
    ]
    assert repr(report).startswith("orders: nothing risky found by 7 rules")
    assert "nothing risky" in report._repr_html_()


def test_unlimited_retries_stop_all_that_comes_after_a_poison_record():
    row = found(scenario(maximum_retry_attempts=-1), "unlimited retries")
    # it is the record at a tenth: written at 6 s, and nine tenths of the minute's records come after it
    assert row["how_long_s"] == pytest.approx(54.0, abs=1.0)
    assert row["records"] == pytest.approx(540, abs=12)
    assert "The destination hears nothing" in row["happens"]
    assert clean(scenario(maximum_retry_attempts=3))
    assert clean(scenario(maximum_retry_attempts=-1, maximum_record_age_in_seconds=7_200))


def test_a_mapping_that_is_not_made_yet_is_examined_as_if_it_were():
    design = scenario(maximum_retry_attempts=-1, created_s=50, suspensions=ds.Suspension(start_s=0))
    row = found(design, "unlimited retries")
    assert row["how_long_s"] == pytest.approx(54.0, abs=1.0)


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


@pytest.mark.filterwarnings("ignore::ddbsim.AcceptedWithATrap")
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
    assert clean(scenario(maximum_record_age_in_seconds=1_200, duration_s=3_600), outage_s=600)


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

    row = found(loaded(0.2, 100), "age or retention below the drain", outage_s=50)
    assert "never drains" in row["happens"]
    assert row["records"] > 50
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

    row = found(reserved(1), "concurrency below the lanes")
    assert "4 lanes compete for 1" in row["happens"]
    # the last of four lanes waits for three invocations of half a second at least
    assert row["how_long_s"] > 1.5
    # 20 s away, and then nothing runs until the minute is over: each of four lanes holds what it has read
    row = found(reserved(0), "concurrency below the lanes")
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


def test_a_handler_is_not_called():
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


def test_a_table_without_writes_has_nothing_to_show():
    assert clean(scenario(workload=ds.ConstantWrites(rate_per_s=0), maximum_retry_attempts=-1))
