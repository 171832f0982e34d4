"""What the table refuses is in every answer: summary, metrics, capacity, closed form."""

from dataclasses import replace

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.experiment.runs.measures import measure

UNIFORM = ds.UniformKeys(items=100_000)


def scenario(billing, *, rate_per_s=2_000, duration_s=40, item_bytes=500, keys=UNIFORM, **table):
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate_per_s, item_bytes=item_bytes, keys=keys),
        table=ds.Table(billing=billing, **table),
        duration_s=duration_s,
        warmup_s=5,
    )


SMALL_INDEX = ds.GlobalSecondaryIndex(name="by_day", billing=ds.Provisioned(write_capacity_units=100))
REFUSED = {
    "a new table on demand": (scenario(ds.OnDemand(), rate_per_s=10_000), "partition", "TableWriteKeyRange"),
    "too few units": (scenario(ds.Provisioned(write_capacity_units=500)), "table", "TableWriteProvisioned"),
    "a small index": (
        scenario(ds.Provisioned(write_capacity_units=4_000), global_secondary_indexes=SMALL_INDEX),
        "index by_day",
        "IndexWriteProvisioned",
    ),
    "a hot item": (
        scenario(ds.OnDemand(), keys=ds.HotSet(items=1_000, hot_items=1, hot_share=0.9)),
        "item",
        "TableWriteKeyRange",
    ),
    "a maximum on demand": (scenario(ds.OnDemand(max_write_request_units=200)), "table", "TableWriteMaxOnDemand"),
    "auto scaling that comes late": (
        scenario(ds.Provisioned(write_capacity_units=1, auto_scaling=ds.AutoScaling(max_capacity=25)), rate_per_s=100),
        "table",
        "TableWriteProvisioned",
    ),
}


@pytest.fixture(scope="module", params=REFUSED)
def refused(request):
    design, limit, reason = REFUSED[request.param]
    return ds.simulate(design, rng=7, progress=False), limit, reason


def test_the_summary_tells_what_was_asked_for_taken_delayed_and_given_up(refused):
    result, _, reason = refused
    numbers = result.table_numbers()
    assert numbers.asked == numbers.taken + numbers.delayed + numbers.lost + numbers.waiting
    writes = result.writes[result.writes["requested_s"] >= 5]
    assert numbers.lost == (writes["outcome"] == "lost").sum() > 0
    (note,) = [note for note in result.summary.warnings if note.startswith("the table: ")]
    assert f"({numbers.lost:,})" in note
    assert reason in note
    assert " writes taken" in result.summary.title


def test_an_slo_can_ask_for_lost_and_late_writes(refused):
    result, _, _ = refused
    metrics = measure(result).metrics
    numbers = result.table_numbers()
    assert metrics["lost_writes"] == numbers.lost
    assert metrics["write_delay_p99_s"] == (np.inf if numbers.lost > 0.01 * numbers.asked else numbers.delay_p99_s)
    seconds = result.table_load
    inside = seconds["at_s"] >= 6
    assert metrics["write_throttles"] == pytest.approx(seconds.loc[inside, "throttles"].sum(), rel=0.1)
    ds.SLO(lost_writes=0, write_throttles=0, write_delay_p99_s=1)


def test_the_limit_that_refuses_has_the_heaviest_load_in_the_run_and_in_the_closed_form(refused):
    result, limit, _ = refused
    for loads in (result.capacity(), ds.closed_form(result.scenario)):
        table = loads[loads["event_source_mapping"] == ""].set_index("limit")["load"]
        # the partition of a hot item has that item and its fair part of the others
        assert table[limit] >= table.max() * (0.9 if limit == "item" else 0.99)
        assert table[limit] > 1
        assert (loads.loc[loads["event_source_mapping"] != "", "load"] < 1).all()


def test_loads_of_the_table_agree_between_run_and_closed_form(refused):
    result, _, _ = refused
    form = ds.closed_form(result.scenario)
    form = form[form["event_source_mapping"] == ""].set_index("limit")
    run = result.capacity()
    run = run[run["event_source_mapping"] == ""].set_index("limit")
    assert set(form.index) == set(run.index)
    for limit in form.index.drop("item"):
        assert run.loc[limit, "load"] == pytest.approx(form.loc[limit, "load"], rel=0.1), limit


def test_solve_does_not_prefer_a_table_that_refuses_the_work():
    base = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=100, item_bytes=900),
        table=ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=200)),
        duration_s=200,
        warmup_s=20,
    )
    units = {"write_capacity_units": [10, 50, 150, 200]}
    answer = ds.solve(base, slo=ds.SLO(latency_p99_s=2), vary=units, rng=1, executor="serial", progress=False)
    assert answer.setting == {"write_capacity_units": 150}
    refused = answer.candidates[answer.candidates["write_capacity_units"] < 100]
    assert refused["why"].str.startswith("the table throttles").all()


def test_a_table_without_a_mode_says_where_the_service_would_refuse():
    hot = ds.HotSet(items=1_000, hot_items=1, hot_share=0.6)
    result = ds.simulate(scenario(None, rate_per_s=3_000, keys=hot), rng=7, progress=False)
    assert result.table_numbers().lost == 0
    notes = " ".join(result.summary.warnings)
    assert "no billing mode, so it never throttles: 1 of its partitions passed the 1,000 write units/s" in notes
    assert "the hottest item took 1,79" in notes
    quiet = ds.simulate(scenario(None, rate_per_s=3_000), rng=7, progress=False)
    assert not [note for note in quiet.summary.warnings if "billing" in note or "item" in note]


def test_a_table_with_room_has_no_note_and_no_loads_beyond_one():
    result = ds.simulate(scenario(ds.Provisioned(write_capacity_units=4_000)), rng=7, progress=False)
    assert not [note for note in result.summary.warnings if "table" in note]
    assert (result.capacity()["load"] < 1).all()
    numbers = result.table_numbers()
    assert (numbers.lost, numbers.delayed, numbers.throttles, numbers.delay_p99_s) == (0, 0, 0, 0.0)


def test_what_was_given_up_in_the_warm_up_is_in_the_title_and_not_in_the_numbers():
    burst = ds.PoissonWrites(rate_per_s=ds.Steps((0, 5), (2_000, 100)), item_bytes=500, keys=UNIFORM)
    design = replace(scenario(ds.Provisioned(write_capacity_units=500), duration_s=60), workload=burst, warmup_s=20)
    result = ds.simulate(design, rng=7, progress=False)
    assert result.table_numbers().lost == 0
    assert " writes taken" in result.summary.title


def test_writes_of_the_last_part_of_a_minute_alone_pass_no_cap():
    late = ds.ItemWrites([(125.0, "put", {"pk": "late"})])
    result = ds.simulate(ds.Scenario(workload=late, duration_s=131), rng=7, progress=False)
    assert not [note for note in result.summary.warnings if "write units/s" in note]
