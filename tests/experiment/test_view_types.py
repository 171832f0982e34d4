"""The same writes under each view type: what follows from the bytes differs, and nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.aws.prices import PriceList, shipped_price_list
from ddbsim.experiment.alternatives import view_types
from ddbsim.experiment.alternatives.verdicts import percent, usd
from ddbsim.experiment.alternatives.view_types import measure
from ddbsim.scenario import served

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


def test_the_numbers_of_a_mapping_are_those_of_its_run(comparison):
    scenario = replace(SCENARIO, stream=replace(SCENARIO.stream, view_type="OLD_IMAGE"))
    result = ds.simulate(scenario, rng=7, progress=False)
    latency = result.latency((0.5, 0.99)).set_index(["event_source_mapping", "quantile"])["latency_s"]
    rows = comparison.frame.query("view_type == 'OLD_IMAGE'").itertuples()
    for mapping, row in zip(scenario.mappings, rows, strict=True):
        numbers = result.numbers(mapping)
        assert [row.latency_p50_s, row.latency_p99_s] == latency[mapping.label].tolist()
        assert row.iterator_age_max_s == numbers.iterator_age_max_s
        assert row.duration_ms == pytest.approx(numbers.duration_s * 1_000)
        assert row.invocations == numbers.invocations
        assert row.records_per_invocation == numbers.records_per_invocation


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
    rows = comparison.frame.query("view_type == 'OLD_IMAGE'").reset_index(drop=True)[list(alone.work)]
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
    assert empty.verdict == "No record was written: nothing differs between the view types."


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
    assert replicated.named == "NEW_IMAGE"
    assert replicated.totals["served"].tolist() == ["by a read-back", "directly", "by a read-back", "directly"]
    reverting = ds.compare_view_types(needing("old"), rng=7)
    assert reverting.named == "OLD_IMAGE"
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
    assert ds.compare_view_types(replace(SCENARIO, event_source_mappings=two), rng=7).named == "NEW_AND_OLD_IMAGES"


def test_tables_show_intervals_needs_and_the_conclusion(replicated):
    for shown in (str(replicated), repr(replicated), replicated._repr_html_()):
        for words in (" ± ", "serves the need", "by a read-back, of the item as it is then"):
            assert words in shown
        assert "95% intervals over 4 replications" in shown
        assert shown.removeprefix("<p><b>").startswith("NEW_IMAGE")
    once = ds.compare_view_types(needing("old"), rng=7)
    assert "±" not in str(once)
    assert "KEYS_ONLY does not serve (INSERT: " in once.verdict


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
    assert ax.get_yticklabels()[0].get_text() == "KEYS_ONLY\n(serves by a read-back,\nof the item as it is then)"


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


def planned(*, rate=300, duration_s=60, view=None, operations=None, mapping=None, **function):
    """Return a scenario that is long enough to tell what keeps up."""
    function = ds.Function(**{"name": "f", "duration": ds.Duration(base_s=0.02, per_kb_s=0.001)} | function)
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=rate, keys=ds.UniformKeys(items=10_000), operations=operations or ds.OperationMix(modify=1)
        ),
        table=ds.Table(partitions=2),
        event_source_mappings=ds.EventSourceMapping(**{"batch_size": 100, "function": function} | (mapping or {})),
        duration_s=duration_s,
        warmup_s=5,
    )


def state(comparison, view_type):
    return comparison.totals.set_index("view_type").loc[view_type]


@pytest.fixture(scope="module")
def overloaded():
    """Read-backs take a second and more a batch: no batch of them is done in time."""
    return ds.compare_view_types(planned(needs="new", timeout_s=60, read_back=ds.ReadBack(latency=0.03)), rng=7)


def test_what_does_not_keep_up_is_neither_recommended_nor_the_cheapest(overloaded):
    keys, new = state(overloaded, "KEYS_ONLY"), state(overloaded, "NEW_IMAGE")
    assert (keys["verdict"], keys["served"]) == ("does not keep up", "by a read-back")
    assert 0.1 < keys["processed_share"] < 0.5
    assert np.isnan(keys["above_cheapest"])
    assert not keys["tied"]
    assert new["verdict"] == "keeps up"
    assert overloaded.cheapest == overloaded.named == "NEW_IMAGE"
    processed = overloaded.frame.set_index("view_type")["processed_records"]
    window_usd = overloaded.costs.groupby("view_type")["usd"].sum()
    for view_type in ds.VIEW_TYPES:
        each = 1e6 * window_usd[view_type] / processed[view_type]
        assert state(overloaded, view_type)["usd_per_million_records"] == pytest.approx(each)
    assert keys["usd_per_million_records"] > 2 * new["usd_per_million_records"]


def test_a_bill_of_less_work_is_told_as_a_lower_bound_and_its_latency_as_without_limit(overloaded):
    keys = state(overloaded, "KEYS_ONLY")
    share = f"{keys['processed_share']:.0%}".replace("%", " %")
    money = keys["usd_per_month"]
    assert overloaded.verdict.startswith("NEW_IMAGE")
    assert f"KEYS_ONLY does not keep up (at least {money:,.0f} USD a month: it processed {share})" in overloaded.verdict
    for shown in (str(overloaded), overloaded._repr_html_()):
        assert f"at least {money:,.2f}: it processed {share}" in shown
        assert "grows without limit" in shown
        assert "inf" not in shown.replace("information", "")
        assert "per million processed records" in shown
        # nobody pays for what costs nothing
        assert "Stream reads" not in shown
    rows = overloaded.frame.set_index("view_type")
    assert np.isinf(rows.loc["KEYS_ONLY", "latency_p99_s"])


def test_the_plot_takes_colour_and_price_from_what_does_not_keep_up(overloaded):
    ax = ds.plots.view_types(overloaded)
    bars = [container.patches for container in ax.containers if hasattr(container, "patches")]
    hatched = [[bool(bar.get_hatch()) for bar in part] for part in bars]
    assert hatched == [[True, False, True, False]] * len(bars)
    greys = {bar.get_facecolor() for part in bars for bar in part if bar.get_hatch()}
    assert len(greys) == 1
    assert not greys & {part[1].get_facecolor() for part in bars}
    assert [text.get_text().startswith("at least ") for text in ax.texts] == [True, False, True, False]


@pytest.mark.parametrize("retries", [-1, 0])
def test_nothing_is_recommended_where_every_invocation_fails(retries):
    retried = {"maximum_retry_attempts": retries}
    with pytest.warns(ds.IneffectiveSettingWarning, match="most invocations fail"):
        scenario = planned(rate=20, duration_s=20, duration=ds.Duration(base_s=5), mapping=retried)
    failing = ds.compare_view_types(scenario, rng=7)
    assert failing.cheapest is failing.named is None
    assert failing.tied == ()
    assert set(failing.totals["verdict"]) == {"every invocation fails"}
    assert failing.verdict.startswith(
        "No view type can be recommended. KEYS_ONLY fails: every invocation does (at least "
    )
    assert "it processed 0 %" in str(failing)


def test_a_view_type_under_which_records_are_lost_is_not_recommended():
    # the bytes of both images take longer than the timeout
    slow = ds.Duration(base_s=0.01, per_kb_s=0.05)
    window = {"maximum_batching_window_in_seconds": 1}
    retries = {"maximum_retry_attempts": 0, "batch_size": 10}
    losing = planned(rate=6, duration_s=200, duration=slow, timeout_s=1, mapping=window | retries)
    compared = ds.compare_view_types(losing, rng=7)
    lost = compared.frame.set_index("view_type")["lost_records"]
    assert lost["KEYS_ONLY"] == 0 < lost["NEW_AND_OLD_IMAGES"]
    assert state(compared, "NEW_AND_OLD_IMAGES")["verdict"] in ("loses records", "does not keep up")
    assert compared.cheapest == "KEYS_ONLY"
    assert "NEW_AND_OLD_IMAGES loses records (at least " in compared.verdict


def test_a_run_too_short_to_tell_is_named_only_with_that_word():
    short = ds.compare_view_types(planned(rate=20, duration_s=10, needs="new"), rng=1)
    assert set(short.totals["verdict"]) == {"too short to tell"}
    assert short.cheapest is None
    assert short.named == "NEW_IMAGE"
    assert short.verdict.startswith(
        "NEW_IMAGE, but the run is too short to tell whether it keeps up: simulate longer (duration_s)"
    )


def test_records_without_an_image_are_counted_by_event_name_and_told_with_the_choice():
    mix = ds.OperationMix(insert=0.2, modify=0.6, remove=0.2)
    compared = ds.compare_view_types(planned(needs="new", operations=mix), rng=1)
    events = compared.events.set_index(["view_type", "event_name"])
    for view_type in ds.VIEW_TYPES:
        assert events.loc[(view_type, "REMOVE"), "served"] == "no such image"
        assert events.loc[(view_type, "REMOVE"), "share"] == pytest.approx(0.2, abs=0.01)
        assert events.loc[view_type]["share"].sum() == pytest.approx(1)
    assert compared.frame["without_image_share"].tolist() == pytest.approx([0.2] * 4, abs=0.01)
    assert compared.verdict.startswith(
        "NEW_IMAGE, but not for every record: REMOVE: 20 % come without an image that the function needs"
    )
    for shown in (str(compared), compared._repr_html_()):
        assert "REMOVE: 20 % come without an image" in shown
    old = ds.compare_view_types(planned(needs="old", operations=mix), rng=1)
    assert "INSERT: 20 % come without an image that the function needs (there is none)" in old.verdict
    assert "KEYS_ONLY does not serve (INSERT: 20 % come " in old.verdict


def test_needs_by_event_name_decide_what_serves_and_leave_no_record_without():
    mix = ds.OperationMix(insert=0.2, modify=0.6, remove=0.2)
    needs = {"INSERT": "new", "MODIFY": "new", "REMOVE": "old"}
    compared = ds.compare_view_types(planned(needs=needs, operations=mix), rng=1)
    assert compared.totals["served"].tolist() == ["not at all", "not at all", "by a read-back", "directly"]
    rows = compared.frame.set_index("view_type")["without_image_share"]
    assert rows["NEW_IMAGE"] == pytest.approx(0.2, abs=0.01)
    assert rows["NEW_AND_OLD_IMAGES"] == 0
    assert "NEW_IMAGE does not serve (REMOVE: 20 % come without an image that the function needs)." in compared.verdict
    assert "not for every record" not in compared.verdict


def test_equal_costs_are_called_equal_and_the_defaults_behind_them_are_named():
    alike = ds.compare_view_types(planned(duration=ds.Duration(base_s=0.02)), rng=7)
    assert alike.tied == ds.VIEW_TYPES
    assert alike.verdict.startswith("KEYS_ONLY, NEW_IMAGE, OLD_IMAGE and NEW_AND_OLD_IMAGES cost the same (")
    assert "With needs='keys' and per_kb_s=0 nothing that differs is billed." in alike.verdict
    two = ds.compare_view_types(planned(duration=ds.Duration(base_s=0.02), needs="new"), rng=7)
    assert two.tied == ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
    assert two.verdict.startswith("NEW_IMAGE and NEW_AND_OLD_IMAGES cost the same (")
    assert "This rests on per_kb_s=0: more bytes take no longer." in two.verdict
    assert two.decided_by == ("per_kb_s=0",)
    bytes_cost = ds.compare_view_types(planned(), rng=7)
    assert bytes_cost.tied == ("KEYS_ONLY",)
    assert bytes_cost.decided_by == ("needs='keys'",)
    assert "This rests on needs='keys'" in bytes_cost.verdict
    assert ds.compare_view_types(planned(needs="both", rate=20), rng=7).decided_by == ()


def test_the_verdict_says_what_the_choice_saves_against_each_other_way_and_what_it_risks():
    compared = ds.compare_view_types(planned(needs="new", read_back=ds.ReadBack(batched=True)), rng=7)
    keys, both = state(compared, "KEYS_ONLY"), state(compared, "NEW_AND_OLD_IMAGES")
    assert compared.cheapest == "NEW_IMAGE"
    more = keys["above_cheapest"]
    assert f"{usd(more)} a month less than KEYS_ONLY ({percent(more / keys['usd_per_month'])})" in compared.verdict
    more = both["above_cheapest"]
    share = percent(more / both["usd_per_month"])
    hint = ": take both images if anything may ever need the old one" if more < 0.01 * both["usd_per_month"] else ""
    assert f"{usd(more)} less than NEW_AND_OLD_IMAGES ({share}{hint})" in compared.verdict
    assert "Risk: a consumer that needs the old image later does not find it in the stream." in compared.verdict


def test_a_read_back_that_is_chosen_is_told_with_its_risk():
    # both images cost the handler more than reading the new one back
    duration = ds.Duration(base_s=0.02, per_kb_s=0.01)
    reading = ds.ReadBack(batched=True, latency=0.002)
    compared = ds.compare_view_types(planned(needs="new", duration=duration, read_back=reading), rng=7)
    assert compared.named == "KEYS_ONLY"
    assert "serving by a read-back, of the item as it is then." in compared.verdict
    assert "Risk: an item read back may be newer than its record" in compared.verdict


@pytest.mark.parametrize("seed", range(6))
def test_what_is_recommended_keeps_up_and_serves_in_another_and_longer_run(seed):
    rng = np.random.default_rng(seed)
    scenario = planned(
        rate=float(rng.choice([40, 150, 400])),
        duration_s=40,
        needs=str(rng.choice(["keys", "new", "old", "both"])),
        duration=ds.Duration(base_s=float(rng.choice([0.01, 0.2])), per_kb_s=float(rng.choice([0, 0.002, 0.01]))),
        read_back=ds.ReadBack(latency=float(rng.choice([0.002, 0.05]))),
        timeout_s=30,
        mapping={"batch_size": int(rng.choice([10, 100]))},
    )
    compared = ds.compare_view_types(scenario, rng=seed)
    chosen = compared.cheapest
    if chosen is None:
        assert compared.verdict.startswith("No view type") or "too short to tell" in compared.verdict
        return
    longer = replace(scenario, stream=ds.Stream(view_type=chosen), duration_s=160)
    result = ds.simulate(longer, rng=1_000 + seed, progress=False)
    assert set(result.keeping_up()["verdict"]) == {"keeps up"}
    assert served(scenario.mappings[0].function.needs, chosen) != "not at all"
