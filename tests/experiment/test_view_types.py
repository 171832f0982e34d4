"""The same writes under each view type: what follows from the bytes differs, and nothing else."""

from dataclasses import replace

import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.experiment import view_types
from ddbsim.experiment.view_types import measure

SCENARIO = ds.Scenario(
    workload=ds.PoissonWrites(
        rate_per_s=80,
        item_bytes=ds.LogNormal(median=900, p99=20_000),
        operations=ds.OperationMix(insert=0.3, modify=0.4, remove=0.3),
    ),
    event_source_mappings=(
        ds.EventSourceMapping(function=ds.Function(name="a", duration=ds.Duration(base_s=0.02, per_kb_s=0.002))),
        ds.EventSourceMapping(function=ds.Function(name="b"), batch_size=10),
    ),
    duration_s=30,
    warmup_s=5,
)


@pytest.fixture(scope="module")
def comparison():
    return ds.compare_view_types(SCENARIO, rng=7)


def test_there_is_a_row_per_view_type_and_mapping(comparison):
    assert list(zip(comparison.frame["view_type"], comparison.frame["event_source_mapping"], strict=True)) == [
        (view_type, name) for view_type in ds.VIEW_TYPES for name in ("a", "b")
    ]
    assert len(set(comparison.frame["records"])) == 1


@pytest.mark.parametrize("column", ["record_bytes", "payload_bytes"])
def test_more_images_are_more_bytes(comparison, column):
    of = comparison.frame.query("event_source_mapping == 'b'").set_index("view_type")[column]
    keys, new, old, both = (of[name] for name in ds.VIEW_TYPES)
    assert keys < min(new, old)
    assert max(new, old) < both


def test_both_images_are_the_sum_of_each(comparison):
    of = comparison.frame.query("event_source_mapping == 'a'").set_index("view_type")["record_bytes"]
    assert of["NEW_AND_OLD_IMAGES"] - of["KEYS_ONLY"] == pytest.approx(
        of["NEW_IMAGE"] + of["OLD_IMAGE"] - 2 * of["KEYS_ONLY"]
    )


def test_more_bytes_take_the_function_longer(comparison):
    of = comparison.frame.query("event_source_mapping == 'a'").set_index("view_type")["duration_ms"]
    assert of["KEYS_ONLY"] < of["NEW_IMAGE"] < of["NEW_AND_OLD_IMAGES"]


def test_writes_cost_the_same_and_lambda_reads_the_stream_for_nothing(comparison):
    by_component = comparison.costs.groupby("component")
    writes = by_component.get_group("write_request_units")
    assert len(set(writes["usd"])) == 1
    assert writes["usd"].iloc[0] > 0
    reads = by_component.get_group("stream_read_request_units")
    assert len(reads) == 4
    assert (reads[["quantity", "usd", "usd_per_month"]] == 0).all().all()


def test_costs_are_long_and_pivot(comparison):
    table = comparison.costs.pivot(index="view_type", columns="component", values="usd_per_month")
    assert table.notna().all().all()
    wide = comparison.usd_per_month()
    assert list(wide.index) == list(ds.VIEW_TYPES)
    assert wide["total"].to_dict() == pytest.approx(table.sum(axis=1).to_dict())


def test_each_row_is_that_of_a_run_of_its_own(comparison):
    scenario = replace(SCENARIO, stream=ds.Stream(view_type="OLD_IMAGE"))
    alone = measure(ds.simulate(scenario, rng=7, progress=False))
    rows = comparison.frame.query("view_type == 'OLD_IMAGE'").drop(columns="view_type").reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, alone.work)


def test_what_is_measured_already_is_not_run_again(comparison, monkeypatch):
    measured = {SCENARIO.stream.view_type: measure(ds.simulate(SCENARIO, rng=7, progress=False))}
    run, ran = view_types.run, []

    def counted(scenario, *arguments, **options):
        ran.append(scenario.stream.view_type)
        return run(scenario, *arguments, **options)

    monkeypatch.setattr(view_types, "run", counted)
    again = ds.compare_view_types(SCENARIO, rng=7, measured=measured)
    assert ran == ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE"]
    pd.testing.assert_frame_equal(again.frame, comparison.frame)


def test_a_run_cut_short_is_not_compared(monkeypatch):
    run = view_types.run

    def interrupted(scenario, *arguments, **options):
        result = run(scenario, *arguments, **options)
        result.ended_s = 3.0
        return result

    monkeypatch.setattr(view_types, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ds.compare_view_types(SCENARIO, rng=7)


def test_text_and_html_show_bytes_and_costs(comparison):
    for shown in (str(comparison), comparison._repr_html_()):
        for words in ("NEW_AND_OLD_IMAGES", "record_bytes", "USD per month", "total", "us-east-1"):
            assert words in shown
    assert comparison._repr_html_().count("<table") == 2


def test_a_scenario_without_writes_compares_too():
    silent = replace(SCENARIO, workload=ds.PoissonWrites(rate_per_s=0))
    empty = ds.compare_view_types(silent, rng=7)
    assert (empty.frame["records"] == 0).all()
    assert (empty.usd_per_month()["total"] == 0).all()
