"""The same writes under each view type: what follows from the bytes differs, and nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.aws.prices import PriceList, shipped_price_list
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
    # counts are means over the replications
    pd.testing.assert_frame_equal(rows, alone.work.astype(rows.dtypes))


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


def needing(needs, **how):
    function = ds.Function(name="a", needs=needs, duration=ds.Duration(base_s=0.02, per_kb_s=0.002), **how)
    return replace(SCENARIO, event_source_mappings=ds.EventSourceMapping(function=function))


@pytest.fixture(scope="module")
def replicated():
    return ds.compare_view_types(needing("new"), rng=7, replications=4)


def test_replications_give_intervals_around_the_means(replicated):
    costs = replicated.costs
    assert list(costs.columns[-3:]) == ["usd_per_month", "usd_per_month_low", "usd_per_month_high"]
    assert (costs["usd_per_month_low"] <= costs["usd_per_month"]).all()
    assert (costs["usd_per_month"] <= costs["usd_per_month_high"]).all()
    writes = costs[costs["component"] == "write_request_units"]
    assert (writes["usd_per_month_high"] > writes["usd_per_month"]).all()


def test_each_replication_is_a_run_of_its_own_and_the_first_is_that_of_the_seed(replicated):
    first = ds.compare_view_types(needing("new"), rng=7)
    runs = [first.usd_per_month()]
    for number in (1, 2, 3):
        seed = np.random.SeedSequence(7, spawn_key=(number,))
        runs.append(ds.compare_view_types(needing("new"), rng=seed).usd_per_month())
    pd.testing.assert_frame_equal(replicated.usd_per_month(), sum(runs) / 4)
    totals = np.array([run["total"] for run in runs])
    width = 3.182446305284263 * totals.std(axis=0, ddof=1) / 2  # t of 3 degrees of freedom at 97.5 %, from a table
    assert (replicated.totals["usd_per_month_high"] - replicated.totals["usd_per_month"]).to_numpy() == pytest.approx(
        width
    )
    # paired: what all share, as the writes, has no part in the differences
    above = totals - totals[:, [1]]
    assert replicated.totals["above_cheapest"].to_numpy() == pytest.approx(above.mean(axis=0))
    width = 3.182446305284263 * above.std(axis=0, ddof=1) / 2
    assert (replicated.totals["above_cheapest_high"] - replicated.totals["above_cheapest"]).to_numpy() == pytest.approx(
        width
    )


def test_the_cheapest_is_the_cheapest_of_those_that_serve(replicated):
    assert replicated.cheapest == "NEW_IMAGE"
    assert replicated.totals["served"].tolist() == ["by a read-back", "directly", "by a read-back", "directly"]
    reverting = ds.compare_view_types(needing("old"), rng=7)
    assert reverting.cheapest == "OLD_IMAGE"
    assert reverting.totals["served"].tolist() == ["not at all", "not at all", "directly", "directly"]
    assert reverting.totals["above_cheapest"].isna().tolist() == [True, True, False, False]
    assert reverting.totals["usd_per_month"].idxmin() == 0


def test_a_view_type_serves_as_the_worst_served_mapping_is():
    two = (*needing("new").mappings, ds.EventSourceMapping(function=ds.Function(name="b", needs="old")))
    both = ds.compare_view_types(replace(SCENARIO, event_source_mappings=two), rng=7)
    assert both.totals["served"].tolist() == ["not at all", "not at all", "by a read-back", "directly"]
    rows = both.frame.set_index(["view_type", "event_source_mapping"])["served"]
    assert rows["OLD_IMAGE"].to_dict() == {"a": "by a read-back", "b": "directly"}
    two = (*needing("new").mappings, ds.EventSourceMapping(function=ds.Function(name="b", needs="both")))
    assert ds.compare_view_types(replace(SCENARIO, event_source_mappings=two), rng=7).cheapest == "NEW_AND_OLD_IMAGES"


def test_tables_show_intervals_needs_and_the_conclusion(replicated):
    for shown in (str(replicated), repr(replicated), replicated._repr_html_()):
        for words in (" ± ", "serves the need", "by a read-back", "The cheapest that serves is NEW_IMAGE."):
            assert words in shown
        assert "95% intervals over 4 replications" in shown
    once = ds.compare_view_types(needing("old"), rng=7)
    assert "±" not in str(once)
    assert "not at all" in str(once)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True])
def test_there_is_at_least_one_replication(wrong):
    with pytest.raises(ValueError, match=f"replications must be a whole number.*, got {wrong}"):
        ds.compare_view_types(SCENARIO, replications=wrong)


@pytest.mark.parametrize("wrong", [0, 1, 95])
def test_a_confidence_is_a_share(wrong):
    with pytest.raises(ValueError, match=f"confidence must be above 0 and below 1, got {wrong}"):
        ds.compare_view_types(SCENARIO, rng=7, confidence=wrong)


def test_the_plot_stacks_components_with_their_intervals(replicated):
    ax = ds.plots.view_types(replicated)
    shown = ["Reads, on demand", "Lambda requests", "Lambda duration, x86_64"]
    assert ax.get_legend_handles_labels()[1] == shown
    table = replicated.usd_per_month()
    bars = [bar for container in ax.containers for bar in container if hasattr(bar, "get_width")]
    assert [bar.get_width() for bar in bars] == pytest.approx(table[shown].to_numpy().T.ravel())
    whiskers = [segment for lines in ax.collections for segment in lines.get_segments()]
    # two view types read back; requests and duration have a whisker under each
    assert len(whiskers) == 2 + 4 + 4
    assert [text.get_text().strip() for text in ax.texts] == [f"{total:,.2f}" for total in table[shown].sum(axis=1)]
    assert ax.get_yticklabels()[0].get_text() == "KEYS_ONLY\n(serves by a read-back)"


def test_the_plot_of_one_replication_has_no_whiskers(comparison):
    assert not ds.plots.view_types(comparison).collections


def test_bills_are_made_as_asked_for(comparison):
    asked = ds.compare_view_types(SCENARIO, rng=7, region="eu-west-1", month_hours=720, free_tier=True)
    assert "eu-west-1, 25 s scaled to a month of 720 h, with the free tier" in asked.note
    alone = replace(SCENARIO, stream=ds.Stream(view_type="OLD_IMAGE"))
    bill = ds.simulate(alone, rng=7, progress=False).bill(region="eu-west-1", month_hours=720, free_tier=True)
    assert asked.totals.loc[2, "usd_per_month"] == pytest.approx(bill.usd_per_month)
    assert asked.totals.loc[2, "usd_per_month"] != comparison.totals.loc[2, "usd_per_month"]
    few = PriceList.of(price for price in shipped_price_list() if price.component != "lambda_requests")
    with pytest.raises(ds.MissingPriceError, match="no price of 'lambda_requests' in us-east-1 is held"):
        ds.compare_view_types(SCENARIO, rng=7, price_list=few)
