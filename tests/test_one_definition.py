"""A number has one meaning: every telling of a mapping's numbers says the same, whatever happened in the run."""

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.experiment.alternatives.view_types import measure as measured
from ddbsim.experiment.runs.measures import measure
from ddbsim.widgets.explored import explored

STEPS = ds.PoissonWrites(rate_per_s=ds.Steps((0, 60), (5, 200)), item_bytes=900)
SLOW = ds.Duration(base_s=0.2)


def scenario(*, workload=STEPS, duration_s=120, warmup_s=60, function=None, **fields):
    function = ds.Function(**{"timeout_s": 60, "duration": SLOW} | (function or {}))
    mapping = ds.EventSourceMapping(
        **{"maximum_batching_window_in_seconds": 1, "maximum_retry_attempts": 1, "function": function} | fields
    )
    return ds.Scenario(workload=workload, event_source_mappings=mapping, duration_s=duration_s, warmup_s=warmup_s)


RUNS = {
    "warm-up": scenario(),
    "errors": scenario(function={"failures": ds.Failures(error_probability=0.3)}),
    "errors in the warm-up only": scenario(function={"failures": ds.Failures(outages=ds.Outage(start_s=0, end_s=50))}),
    "timeouts": scenario(function={"timeout_s": 1, "duration": ds.Duration(per_record_s=0.03)}),
    "out of memory": scenario(function={"failures": ds.Failures(out_of_memory_bytes=1)}),
    "throttles": scenario(function={"reserved_concurrency": 1}, batch_size=10),
    "stopped by its concurrency": scenario(function={"reserved_concurrency": 0}),
    "events over 6 MB": scenario(
        workload=ds.PoissonWrites(rate_per_s=20, item_bytes=390_000),
        batch_size=100,
        function={"duration": ds.Duration(base_s=2.0)},
    ),
    "partial answers": scenario(
        function={"failures": ds.Failures(poison_items=tuple(range(200)))},
        function_response_types=("ReportBatchItemFailures",),
    ),
    "too slow": scenario(batch_size=10),
    "nothing written": scenario(workload=ds.PoissonWrites(rate_per_s=0)),
}


@pytest.fixture(scope="module", params=RUNS, ids=lambda name: name.replace(" ", "-"))
def result(request):
    return ds.simulate(RUNS[request.param], rng=7, progress=False)


def number(text):
    return float(text.replace(",", "").rstrip("%"))


def test_every_telling_of_a_mapping_says_the_same(result):
    (mapping,) = result.scenario.mappings
    numbers, metrics = result.numbers(mapping), measure(result).metrics
    (summary,) = result.summary.frame.to_dict("records")
    (compared,) = measured(result).work.to_dict("records")
    shown = explored(result).numbers.set_index("number")["value"]
    assert metrics["invocations"] == compared["invocations"] == numbers.invocations == number(summary["invocations"])
    assert shown["invocations per second"] == pytest.approx(numbers.invocations / numbers.measured_s)
    assert metrics["failed_invocations"] == numbers.failed == number(summary["failed invocations"])
    assert metrics["throttles"] == numbers.throttles == number(summary["throttles"])
    assert metrics["too_large"] == numbers.too_large == number(summary.get("events over 6 MB", "0"))
    assert metrics["utilization"] == numbers.utilization == pytest.approx(shown["lanes busy (%)"] / 100)
    assert number(summary["utilization of lanes"]) == pytest.approx(100 * numbers.utilization, abs=0.06)
    assert metrics["processed_records"] == numbers.records["processed"] == number(summary["records processed"])
    assert metrics["lag_max_s"] == shown["largest lag (s)"]
    for told in (
        metrics["records_per_invocation"],
        compared["records_per_invocation"],
        shown["records per invocation"],
    ):
        assert np.nan_to_num(told) == np.nan_to_num(numbers.records_per_invocation)
    assert metrics["falls_behind"] == compared["falls_behind"]


def test_latencies_are_told_alike(result):
    told = result.latency([0.5, 0.99])["latency_s"].tolist() or [0.0, 0.0]
    metrics = measure(result).metrics
    assert [metrics["latency_p50_s"], metrics["latency_p99_s"]] == told
    text = result.summary.frame.iloc[0].get("latency p99 (s)", "0.000")
    assert text == "grows without limit" if np.isinf(told[1]) else float(text) == pytest.approx(told[1], abs=6e-4)


def test_the_attempts_add_up(result):
    (mapping,) = result.scenario.mappings
    numbers = result.numbers(mapping)
    assert numbers.attempts == numbers.invocations + numbers.throttles + numbers.too_large
    assert numbers.failed <= numbers.invocations
    log = result.stream_log
    assert numbers.written == (log["written_s"] >= 60).sum()


def test_cloudwatch_counts_what_ran_and_raised_over_the_whole_run(result):
    invocations = result.invocations
    sums = result.metrics[["Invocations", "Errors", "Throttles"]].sum()
    outcome = invocations["outcome"].astype(str)
    assert sums["Invocations"] == (~outcome.isin(["throttled", "too_large"])).sum()
    # a partial answer is a failed invocation here and no error there
    assert sums["Errors"] == outcome.isin(["error", "timeout", "out_of_memory"]).sum()
    assert sums["Throttles"] == (outcome == "throttled").sum()
    assert bool(result.check()["ok"].all())


def test_an_slo_on_failures_sees_functions_that_run_out_of_memory():
    base = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=50),
        duration_s=120,
        warmup_s=10,
        event_source_mappings=ds.EventSourceMapping(
            maximum_retry_attempts=0, function=ds.Function(failures=ds.Failures(out_of_memory_bytes=1))
        ),
    )
    slo = ds.SLO(failed_invocations=0)
    answer = ds.solve(
        base,
        slo=slo,
        vary={"maximum_batching_window_in_seconds": [0, 1]},
        rng=7,
        executor="serial",
        progress=False,
    )
    assert answer.setting is None
    assert (answer.candidates["state"] == "fails").all()
