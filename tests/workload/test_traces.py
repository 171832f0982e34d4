import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import ddbsim as ds
from ddbsim import LogNormal, OperationMix, Uniform, Zipfian
from ddbsim.randomness import RandomStreams
from ddbsim.workload import Trace, TraceError, TraceWrites, read_cloudwatch_trace, read_csv_trace, read_trace

SHARED = Path(__file__).resolve().parents[3] / "shared" / "traces" / "elb_request_count_8c0756.csv"
real_traffic = pytest.mark.skipif(
    not SHARED.exists(), reason=f"no {SHARED.parent.name}/{SHARED.name} beside the repository"
)


@pytest.fixture
def csv_file(tmp_path):
    def write(*rows, header="timestamp,value"):
        path = tmp_path / "trace.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


@pytest.fixture
def json_file(tmp_path):
    def write(*results):
        path = tmp_path / "metric.json"
        path.write_text(json.dumps({"MetricDataResults": list(results), "Messages": []}))
        return path

    return write


def metric(timestamps=("00:10", "00:05", "00:00"), values=(3.0, 2.0, 1.0), id="m1", status="Complete"):  # noqa: A002
    stamps = [f"2026-03-01T{clock}:00+00:00" for clock in timestamps]
    return {"Id": id, "Label": "writes", "Timestamps": stamps, "Values": list(values), "StatusCode": status}


GAPPED = ("2026-03-01 00:00:00,10", "2026-03-01 00:05:00,20", "2026-03-01 00:20:00,50", "2026-03-01 00:25:00,60")


@pytest.mark.parametrize(
    ("fill", "between"), [("linear", (30.0, 40.0)), ("previous", (20.0, 20.0)), ("zero", (0.0, 0.0))]
)
def test_gaps_are_found_and_filled_by_the_named_rule(csv_file, fill, between):
    trace = read_csv_trace(csv_file(*GAPPED), fill=fill)
    assert trace.period_s == 300
    assert trace.counts == (10.0, 20.0, *between, 50.0, 60.0)
    assert trace.gaps == (("2026-03-01T00:10:00+00:00", 2),)
    assert trace.filled_by == fill
    assert trace.start == "2026-03-01T00:00:00+00:00"
    assert f"1 gap(s) of 2 period(s) in all filled by the rule {fill!r}" in trace.describe()


def test_cloudwatch_data_comes_newest_first_and_leaves_out_empty_periods(json_file):
    path = json_file(metric(("00:20", "00:10", "00:05", "00:00"), (4.0, 3.0, 2.0, 1.0)))
    assert read_cloudwatch_trace(path).counts == (1.0, 2.0, 3.0, 0.0, 4.0)
    assert read_trace(path) == read_cloudwatch_trace(path, fill="zero")
    assert read_trace(path, fill="linear").counts[3] == 3.5


def test_pages_of_one_metric_are_put_together(json_file):
    pages = metric(("00:15", "00:10"), (4.0, 3.0), status="PartialData"), metric(("00:05", "00:00"), (2.0, 1.0))
    assert read_cloudwatch_trace(json_file(*pages)).counts == (1.0, 2.0, 3.0, 4.0)


def test_one_of_several_metrics_is_chosen_by_its_id(json_file):
    path = json_file(metric(), metric(values=(6.0, 5.0, 4.0), id="m2"))
    assert read_cloudwatch_trace(path, id="m2").counts == (4.0, 5.0, 6.0)
    with pytest.raises(TraceError, match=r"id must be one of the metrics in the file \('m1', 'm2'\), got None"):
        read_cloudwatch_trace(path)
    with pytest.raises(TraceError, match=r"\('m1', 'm2'\), got 'm3'"):
        read_cloudwatch_trace(path, id="m3")


@pytest.mark.parametrize("status", ["PartialData", "InternalError"])
def test_incomplete_data_is_refused(json_file, status):
    with pytest.raises(TraceError, match=f"metric.json, metric 'm1': StatusCode must be 'Complete', got '{status}'"):
        read_cloudwatch_trace(json_file(metric(status=status)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Values": [1.0]}, r"Values must be as many as Timestamps \(3\), got 1"),
        ({"Values": [1.0, None, 2.0]}, "metric 'm1' at 2026-03-01T00:05:00.*: a value must be .* >= 0, got None"),
        ({"Values": [1.0, -2.0, 2.0]}, "a value must be a finite number >= 0, got -2.0"),
        ({"Timestamps": ["x", "y", "z"]}, "a timestamp must be ISO 8601 such as .*, got 'x'"),
        ({"Timestamps": [], "Values": []}, "a trace must have two rows or more, to tell its period, got 0"),
        (
            {"Timestamps": ["2026-03-01T00:05:00Z"] * 2 + ["2026-03-01T00:10:00Z"]},
            "timestamps must differ, got .* twice",
        ),
    ],
)
def test_wrong_cloudwatch_data_is_told(json_file, change, message):
    with pytest.raises(TraceError, match=message):
        read_cloudwatch_trace(json_file(metric() | change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"MetricDataResults": [', r"metric.json, line 1: the file must be JSON, got: "),
        ("[1, 2]", "the JSON must be an object with a list MetricDataResults"),
        ('{"MetricDataResults": [{"Label": "x"}]}', "each with an Id"),
        ('{"MetricDataResults": []}', r"id must be one of the metrics in the file \(no metric\), got None"),
    ],
)
def test_other_json_is_refused(tmp_path, text, message):
    path = tmp_path / "metric.json"
    path.write_text(text)
    with pytest.raises(TraceError, match=message):
        read_trace(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "trace.csv: a trace must have two rows or more, to tell its period, got 0"),
        (["2026-03-01 00:00:00,1"], "a trace must have two rows or more, to tell its period, got 1"),
        (
            ["2026-03-01 00:05:00,1", "2026-03-01 00:00:00,2"],
            "line 3: timestamps must ascend, got 2026-03-01 00:00:00.* after",
        ),
        (
            ["2026-03-01 00:05:00,1", "2026-03-01 00:05:00,2"],
            "line 3: timestamps must differ, got 2026-03-01 00:05:00.* twice",
        ),
        (["2026-03-01 00:05:00,-1"], "line 2: a value must be a finite number >= 0, got '-1'"),
        (["2026-03-01 00:05:00,nan"], "line 2: a value must be a finite number >= 0, got 'nan'"),
        (["2026-03-01 00:05:00,inf"], "line 2: a value must be a finite number >= 0, got 'inf'"),
        (["2026-03-01 00:05:00,many"], "line 2: a value must be a finite number >= 0, got 'many'"),
        (["2026-03-01 00:05:00"], "line 2: a value must be a finite number >= 0, got None"),
        (["yesterday,1"], "line 2: a timestamp must be ISO 8601 such as 2026-01-31T09:05:00Z, got 'yesterday'"),
        (
            [f"2026-03-01 00:{minute:02}:00,1" for minute in (0, 5, 10, 12, 20)],
            "line 5: mixed periods: steps must be multiples of 300 s, the most common one, got 120 s",
        ),
    ],
)
def test_wrong_rows_are_told_with_their_place(csv_file, rows, message):
    with pytest.raises(TraceError, match=message):
        read_trace(csv_file(*rows))


def test_wrong_files_are_told(csv_file, tmp_path):
    with pytest.raises(TraceError, match="the columns must be timestamp, value, got time, count"):
        read_trace(csv_file("1,2", header="time,count"))
    with pytest.raises(
        TraceError, match=r"nowhere\.csv: a trace must be a readable UTF-8 text file, got: No such file"
    ):
        read_trace(tmp_path / "nowhere.csv")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(TraceError, match="a trace must be a readable UTF-8 text file, got: it is not UTF-8"):
        read_trace(tmp_path / "binary")
    with pytest.raises(ValueError, match="read_csv_trace: fill must be 'linear', 'previous' or 'zero', got 'mean'"):
        read_csv_trace(csv_file(*GAPPED), fill="mean")


MINUTES = Trace(
    start="2026-03-01T00:00:00+00:00",
    period_s=60,
    counts=(6, 0, 12, 60, 30, 6),
    gaps=(("2026-03-01T00:01:00+00:00", 1), ("2026-03-01T00:04:00+00:00", 2)),
)


def test_a_scaled_trace_has_the_mean_asked_for_and_the_same_shape():
    scaled = MINUTES.scaled(50)
    assert scaled.mean_per_s == pytest.approx(50)
    np.testing.assert_allclose(np.array(scaled.counts) * MINUTES.mean_per_s, np.array(MINUTES.counts) * 50)
    with pytest.raises(ValueError, match="a trace can be scaled if it has a count > 0, got only zeros"):
        Trace(start="2026-03-01", period_s=60, counts=(0, 0)).scaled(5)


def test_windows_are_whole_periods_with_their_gaps():
    assert MINUTES.busiest(100).counts == (60, 30)
    assert MINUTES.busiest(120).start == "2026-03-01T00:03:00+00:00"
    assert MINUTES.busiest(120).gaps == (("2026-03-01T00:04:00+00:00", 1),)
    assert MINUTES.window(50, 20).counts == (6, 0)
    assert MINUTES.window(120, 60).counts == (12,)
    assert MINUTES.window(120, 60).gaps == ()
    assert MINUTES.window(0, 360) == MINUTES
    with pytest.raises(ValueError, match=r"duration_s must be <= 360 \(the trace's length\), got 361"):
        MINUTES.busiest(361)
    with pytest.raises(ValueError, match=r"start_s \+ duration_s must be <= 360 .*, got 300 \+ 100"):
        MINUTES.window(300, 100)


def test_a_trace_as_a_rate():
    rate = MINUTES.as_rate()
    assert rate.rate_at(np.array([0.0, 60.0, 239.0])).tolist() == [0.1, 0.0, 1.0]
    assert rate.expected(360) == pytest.approx(114)


def test_a_trace_in_a_sentence():
    assert repr(MINUTES.window(120, 120)) == (
        "<Trace: 2 periods of 60 s from 2026-03-01T00:02:00+00:00, 0.6/s on average, without gaps>"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": ()}, "Trace: counts must be one or more numbers, got none"),
        ({"counts": (1, -1)}, "Trace: counts must be a finite number >= 0, got -1"),
        ({"period_s": 0}, "Trace: period_s must be a finite number > 0, got 0"),
        ({"start": "noon"}, "Trace: start must be an ISO 8601 instant, got 'noon'"),
    ],
)
def test_wrong_traces_are_told(change, message):
    with pytest.raises(ValueError, match=message):
        Trace(**({"start": "2026-03-01", "period_s": 60, "counts": (1,)} | change))


def test_writes_follow_the_trace_scaled_as_a_whole_then_cut_to_the_busiest_window():
    workload = TraceWrites(trace=MINUTES, mean_rate_per_s=190, busiest_s=120)
    assert workload.duration_s == 120
    assert workload.expected_writes(120) == pytest.approx(114 * (190 * 360 / 114) * 90 / 114)
    at_s = workload.draw(120, RandomStreams(1)).at_s
    counts = np.histogram(at_s, bins=[0, 60, 120])[0]
    expected = np.array([36_000, 18_000])
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected)).all()


def test_a_run_longer_than_the_trace_is_refused():
    with pytest.raises(ValueError, match=r"duration_s must be <= 360 \(the trace's length\), got 400"):
        TraceWrites(trace=MINUTES).draw(400, RandomStreams(1))


def test_the_path_is_kept_and_an_edited_file_is_read_again(csv_file):
    path = csv_file("2026-03-01 00:00:00,1", "2026-03-01 00:01:00,3")
    workload = TraceWrites(trace=path)
    assert workload.trace == str(path)
    assert workload.duration_s == 120
    assert workload == TraceWrites(trace=str(path))
    csv_file("2026-03-01 00:00:00,1", "2026-03-01 00:01:00,3", "2026-03-01 00:02:00,3")
    assert workload.duration_s == 180


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trace": 5}, "TraceWrites: trace must be a Trace or the path of a file, got 5"),
        ({"mean_rate_per_s": -1}, "TraceWrites: mean_rate_per_s must be a finite number >= 0, got -1"),
        ({"busiest_s": 0}, "TraceWrites: busiest_s must be a finite number > 0, got 0"),
        ({"fill": "zero"}, "TraceWrites: fill must be None for a Trace, which is filled already, got 'zero'"),
        ({"trace": "x.csv", "fill": "mean"}, "TraceWrites: fill must be None or one of linear, .*, got 'mean'"),
    ],
)
def test_wrong_trace_writes_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        TraceWrites(**({"trace": MINUTES} | arguments))


@real_traffic
def test_real_traffic_is_read_with_its_gaps():
    trace = read_trace(SHARED)
    assert trace.period_s == 300
    assert len(trace.gaps) == 8
    assert all(periods == 1 for _, periods in trace.gaps)
    assert len(trace) == 4032 + 8
    assert trace.filled_by == "linear"
    assert trace.counts[:3] == (94.0, 56.0, 187.0)


@real_traffic
def test_real_traffic_as_writes():
    workload = TraceWrites(trace=SHARED, mean_rate_per_s=10, busiest_s=3600)
    expected = workload.expected_writes(3600)
    assert expected > 10 * 3600
    assert abs(len(workload.draw(3600, RandomStreams(2))) - expected) <= 6 * math.sqrt(expected)


WRITE_UNITS = "ConsumedWriteCapacityUnits"
HOUR = [f"{minute:02}" for minute in range(60)]


def units_file(json_file, label=WRITE_UNITS, per_minute=6_000.0):
    stamps = [f"2026-03-01T00:{minute}:00+00:00" for minute in HOUR]
    values = [per_minute * (1 + minute % 3) for minute in range(60)]
    return json_file({"Id": "w", "Label": label, "Timestamps": stamps, "Values": values, "StatusCode": "Complete"})


MIXES = {
    "one size": {"item_bytes": 1_500},
    "small items": {"item_bytes": 300},
    "many sizes": {"item_bytes": LogNormal(median=900, p99=4_000)},
    "all operations": {
        "item_bytes": LogNormal(median=900, p99=4_000),
        "operations": OperationMix(insert=0.3, modify=0.4, remove=0.2, no_op=0.1),
        "keys": Zipfian(items=1_000),
    },
    "half of it missing": {
        "item_bytes": Uniform(100, 3_000),
        "operations": OperationMix(insert=0.25, modify=0.25, remove=0.25, no_op=0.25, existing=0.5),
    },
}


@pytest.mark.parametrize("mix", MIXES)
def test_write_units_become_writes_that_consume_as_many(json_file, mix):
    path = units_file(json_file)
    workload = TraceWrites(trace=path, **MIXES[mix])
    result = ds.simulate(ds.Scenario(workload=workload), rng=3, progress=False)
    trace = read_trace(path)
    consumed = result.metrics[WRITE_UNITS].to_numpy()
    assert trace.measures == "write units"
    assert consumed.sum() == pytest.approx(sum(trace.counts), rel=0.01)
    np.testing.assert_allclose(consumed, trace.counts, rtol=0.12)


REQUESTS = {
    "in batches": lambda writes: ds.BatchedWrites(workload=writes),
    "in transactions": lambda writes: ds.TransactedWrites(workload=writes, size=4),
    "in transactions of one": lambda writes: ds.TransactedWrites(workload=writes, size=1),
}


@pytest.mark.parametrize("mix", ["one size", "all operations"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_write_units_are_consumed_once_however_writes_are_sent(json_file, mix, request_):
    path = units_file(json_file)
    workload = REQUESTS[request_](TraceWrites(trace=path, **MIXES[mix]))
    result = ds.simulate(ds.Scenario(workload=workload), rng=3, progress=False)
    assert result.metrics[WRITE_UNITS].sum() == pytest.approx(sum(read_trace(path).counts), rel=0.01)
    assert workload.expected_writes(3_600) == pytest.approx(len(result.writes), rel=0.02)
    assert result.ended_s == 3_600


def test_a_trace_of_writes_has_as_many_in_transactions(json_file):
    for label, rate in (("orders written", None), (WRITE_UNITS, 7)):
        workload = TraceWrites(trace=units_file(json_file, label=label), item_bytes=1_500, mean_rate_per_s=rate)
        sent = ds.TransactedWrites(workload=workload)
        assert sent.expected_writes(3_600) == pytest.approx(workload.expected_writes(3_600))


def test_a_trace_of_writes_is_taken_as_it_is(json_file):
    path = units_file(json_file, label="orders written")
    assert read_trace(path).measures == "writes"
    assert TraceWrites(trace=path, item_bytes=1_500).expected_writes(3_600) == sum(read_trace(path).counts)
    assert TraceWrites(trace=path, item_bytes=1_500, measures="write units").expected_writes(3_600) == pytest.approx(
        sum(read_trace(path).counts) / 2
    )


def test_units_are_scaled_to_a_mean_of_writes(json_file):
    workload = TraceWrites(trace=units_file(json_file), item_bytes=1_500, mean_rate_per_s=7)
    assert workload.expected_writes(3_600) == pytest.approx(7 * 3_600)


def test_a_trace_of_units_is_no_rate_of_writes(json_file):
    trace = read_trace(units_file(json_file))
    assert "200 write units/s on average" in trace.describe()
    assert trace.as_writes(2).as_rate().expected(3_600) == sum(trace.counts) / 2
    assert trace.as_writes(2).as_writes(2) == trace.as_writes(2)
    with pytest.raises(ValueError, match="as_rate needs a trace of writes, got one of write units"):
        trace.as_rate()


@pytest.mark.parametrize(
    "name",
    [
        "IteratorAge",
        "ConsumedReadCapacityUnits",
        "ProvisionedWriteCapacityUnits",
        "Duration",
        "Invocations",
        "SuccessfulRequestLatency",
        "WriteThrottleEvents",
        "bids IteratorAge",
        "bid-ranker Duration Average",
    ],
)
def test_a_file_of_another_metric_is_refused_by_its_name(json_file, name):
    path = units_file(json_file, label=name)
    metric_name = next(word for word in name.split() if word != "bids" and "-" not in word)
    words = f"a trace must be of writes, or of {WRITE_UNITS}, got {metric_name} "
    for read in (read_trace, read_cloudwatch_trace, lambda file: TraceWrites(trace=file).duration_s):
        with pytest.raises(TraceError, match=words):
            read(path)
    assert read_trace(path, measures="writes").measures == "writes"


@pytest.mark.parametrize("statistic", ["Average", "Maximum", "p99", "SampleCount"])
def test_another_statistic_than_the_sum_is_refused(json_file, statistic):
    with pytest.raises(TraceError, match=f"{WRITE_UNITS} must be the Sum of each period, got its {statistic}"):
        read_trace(units_file(json_file, label=f"{WRITE_UNITS} {statistic}"))


def test_of_several_metrics_the_one_of_writes_is_taken(json_file):
    other = metric(values=(6.0, 5.0, 4.0), id="age") | {"Label": "IteratorAge"}
    path = json_file(other, metric(id="wcu") | {"Label": WRITE_UNITS})
    assert read_trace(path).counts == (1.0, 2.0, 3.0)
    assert TraceWrites(trace=path, item_bytes=100).expected_writes(900) == 6.0
    with pytest.raises(TraceError, match=r"\('age' for 'IteratorAge', 'wcu' for .*\), got 'wcus', did you mean 'wcu'"):
        read_trace(path, id="wcus")
    with pytest.raises(TraceError, match="got IteratorAge"):
        read_trace(path, id="age")
    assert TraceWrites(trace=path, id="age", measures="writes").expected_writes(900) == 15.0
    with pytest.raises(TraceError, match=r"id must be one of .*, got None: give the one of writes as id="):
        read_trace(json_file(other, other | {"Id": "b", "Label": "Duration"}))


def statistics(**points):
    rows = [{"Timestamp": f"2026-03-01T00:0{n}:00Z", "Unit": "Count"} | points for n in (2, 0, 1)]
    return json.dumps({"Label": WRITE_UNITS, "Datapoints": rows})


def test_the_answer_of_get_metric_statistics_is_read(tmp_path):
    path = tmp_path / "statistics.json"
    path.write_text(statistics(Sum=120.0, Average=1.5))
    trace = read_trace(path)
    assert (trace.counts, trace.period_s, trace.measures) == ((120.0,) * 3, 60.0, "write units")
    for points, words in (
        ({"Average": 1.5}, "must have the statistic Sum, which alone is a count, got Average"),
        ({"Sum": 1.5, "Unit": "Milliseconds"}, "must have the unit Count, got 'Milliseconds'"),
    ):
        path.write_text(statistics(**points))
        with pytest.raises(TraceError, match=words):
            read_trace(path)


HOSTILE = {
    "a field of 200,000 characters": "timestamp,value\n2026-03-01," + "9" * 200_000,
    "300 years of seconds": "timestamp,value\n1970-01-01 00:00:00,1\n1970-01-01 00:00:01,1\n2199-01-01 00:00:00,1\n",
    "the year 9999 with a zone": "timestamp,value\n9999-12-31T23:59:59-05:00,1\n9999-12-31T23:59:59.5-05:00,1\n",
    "the year 1 with a zone": "timestamp,value\n0001-01-01T00:00:00+05:00,1\n0001-01-01T00:00:01+05:00,1\n",
    "nested lists": "[" * 100_000,
    "nested objects": '{"MetricDataResults":' * 100_000,
    "a number of 5,000 digits": '{"MetricDataResults": [' + "9" * 5_000 + "]}",
    "a number of 400 digits": json.dumps(
        {"MetricDataResults": [{"Id": "m", "Timestamps": ["2026-03-01", "2026-03-02"], "Values": [10**400, 1]}]}
    ),
    "a long number in a CSV": "timestamp,value\n2026-03-01," + "9" * 5_000 + "\n2026-03-02,1",
    "one row": "timestamp,value\n" + "x" * 50_000 + ",1",
    "no table": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/false\n",
    "many columns": ",".join(f"secret_{n}" for n in range(9_999)) + "\n",
    "a lone quote": 'timestamp,value\n"2026-03-01,1\n',
    "no objects": '{"MetricDataResults": [1, "a"]}',
    "an id of lists": '{"MetricDataResults": [{"Id": [[1]], "Timestamps": 5, "Values": null}]}',
    "datapoints of numbers": '{"Datapoints": [1, 2]}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_a_short_sentence(tmp_path, text):
    path = tmp_path / "trace"
    path.write_text(text)
    with pytest.raises(TraceError) as error:
        read_trace(path)
    message = str(error.value)
    assert len(message) < 500
    assert message.isprintable()
    for secret in ("root:x", "secret_7", "x" * 100, "9" * 100):
        assert secret not in message


def test_no_address_is_opened_and_no_device_is_read(tmp_path):
    for address in ("http://127.0.0.1:9/x.csv", "https://a.b/c", "s3://bucket/key", "ftp://a/b", "file:///etc/passwd"):
        with pytest.raises(TraceError, match="must be the path of a file here, and is not fetched from elsewhere"):
            read_trace(address)
        with pytest.raises(ValueError, match=r"TraceWrites: trace must be the path of a file here"):
            TraceWrites(trace=address)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(TraceError, match="must be a readable UTF-8 text file, got: not a file"):
            read_trace(path)
    with pytest.raises(TraceError, match="must be the path of a file"):
        read_trace("a\0b")


@pytest.mark.parametrize("size", [1, 2, 10])
def test_units_sent_as_transactions_are_those_of_the_trace(size):
    trace = ds.Trace(start="2026-01-01T00:00:00", period_s=60, counts=(2_400,) * 5, measures="write units")
    plain = ds.TraceWrites(
        trace=trace, item_bytes=ds.LogNormal(median=900, p99=4_000), keys=ds.UniformKeys(items=10**6)
    )
    sent = ds.TransactedWrites(workload=plain, size=size)
    result = ds.simulate(ds.Scenario(workload=sent), rng=7, progress=False)
    assert result.writes["write_units"].sum() == pytest.approx(12_000, rel=0.05)
    assert len(result.writes) == pytest.approx(sent.expected_writes(300), rel=0.05)
    assert sent.means.write_units * sent.expected_writes(300) == pytest.approx(12_000, rel=0.02)
    assert ds.Scenario.from_toml(ds.Scenario(workload=sent).to_toml()).workload == sent
