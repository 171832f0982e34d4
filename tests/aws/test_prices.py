"""What the package's prices make of quantities, against sums done by hand in decimals."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.aws.prices import (
    COMPONENTS,
    MissingPriceError,
    Price,
    PriceList,
    Tier,
    UnknownRegionError,
    prices,
    shipped_price_list,
)

M = 10**6
G = 10**9

# region, component, quantity of a month, with the free tier?, the same by hand
BY_HAND = [
    ("us-east-1", "write_request_units", 12_960 * M, False, D(12_960) * D("0.625")),
    ("us-east-1", "write_request_units", 1, False, D("0.000000625")),
    ("us-east-1", "read_request_units", 6_480 * M, False, D(6_480) * D("0.125")),
    ("us-east-1", "write_capacity_unit_hours", 100 * 730, False, D(73_000) * D("0.00065")),
    ("us-east-1", "write_capacity_unit_hours", 100 * 730, True, D(73_000 - 18_600) * D("0.00065")),
    ("us-east-1", "write_capacity_unit_hours", 18_600, True, D(0)),
    ("us-east-1", "read_capacity_unit_hours", 400 * 744, True, D(400 * 744 - 18_600) * D("0.00013")),
    ("us-east-1", "replicated_write_request_units", 300 * M, True, D(300) * D("0.625")),
    ("us-east-1", "replicated_write_capacity_unit_hours", 73_000, True, D(73_000) * D("0.00065")),
    ("us-east-1", "storage_gb_months", 500, False, D(125)),
    ("us-east-1", "storage_gb_months", 500, True, D(475) / 4),
    ("us-east-1", "storage_gb_months", 24.5, True, D(0)),
    ("us-east-1", "standard_ia_storage_gb_months", 500, True, D(50)),
    ("us-east-1", "standard_ia_read_request_units", 200 * M, False, D(31)),
    ("us-east-1", "standard_ia_write_request_units", 200 * M, False, D(156)),
    ("us-east-1", "standard_ia_write_capacity_unit_hours", 73_000, False, D("59.13")),
    ("us-east-1", "standard_ia_read_capacity_unit_hours", 73_000, False, D("11.68")),
    ("us-east-1", "stream_read_request_units", 10_512_000, False, D("105.12") * D("0.02")),
    ("us-east-1", "stream_read_request_units", 10_512_000, True, D("80.12") * D("0.02")),
    ("us-east-1", "stream_read_request_units", 2_500_001, True, D("0.0000002")),
    ("us-east-1", "kinesis_change_data_capture_units", 12_960 * M, False, D(1_296)),
    ("us-east-1", "lambda_requests", 129_600_000, False, D("129.6") / 5),
    ("us-east-1", "lambda_requests", 129_600_000, True, D("128.6") / 5),
    ("us-east-1", "lambda_gb_seconds_x86_64", 3_240_000, False, D("3.24") * D("16.6667")),
    ("us-east-1", "lambda_gb_seconds_x86_64", 3_240_000, True, D("2.84") * D("16.6667")),
    ("us-east-1", "lambda_gb_seconds_x86_64", 6 * G, False, D("100000.20")),
    ("us-east-1", "lambda_gb_seconds_x86_64", 7 * G, False, D("100000.20") + 15_000),
    ("us-east-1", "lambda_gb_seconds_x86_64", 7 * G, True, D("99993.53332") + 15_000),
    (
        "us-east-1",
        "lambda_gb_seconds_x86_64",
        20 * G,
        False,
        6_000 * D("16.6667") + 9_000 * D(15) + 5_000 * D("13.3334"),
    ),
    (
        "us-east-1",
        "lambda_gb_seconds_arm64",
        20 * G,
        False,
        7_500 * D("13.3334") + 11_250 * D("12.0001") + 1_250 * D("10.6667"),
    ),
    ("us-east-1", "lambda_ephemeral_gb_seconds", 10 * G, False, D(309)),
    ("us-east-1", "lambda_provisioned_concurrency_gb_seconds_x86_64", 2_628_000, True, D("2.628") * D("4.1667")),
    ("us-east-1", "lambda_provisioned_concurrency_gb_seconds_arm64", 2_628_000, True, D("2.628") * D("3.3334")),
    ("us-east-1", "lambda_provisioned_duration_gb_seconds_x86_64", 10 * M, True, D("97.222")),
    ("us-east-1", "lambda_provisioned_duration_gb_seconds_arm64", 10 * M, True, D("77.778")),
    ("us-east-1", "sqs_requests", 50 * M, True, D(49) * D("0.4")),
    ("us-east-1", "sns_publishes", 50 * M, False, D(25)),
    ("us-east-1", "s3_put_requests", 1_000_000, False, D(5)),
    ("us-east-1", "pipes_requests", 50 * M, False, D(20)),
    ("us-east-1", "kinesis_shard_hours", 4 * 730, False, D("43.80")),
    ("us-east-1", "kinesis_put_payload_units", 6_500 * M, False, D(91)),
    ("us-east-1", "kinesis_fan_out_consumer_shard_hours", 100, False, D("1.50")),
    ("us-east-1", "kinesis_fan_out_gb", 100, False, D("1.30")),
    ("us-east-1", "kinesis_on_demand_stream_hours", 730, False, D("29.20")),
    ("us-east-1", "kinesis_on_demand_gb_in", 1_000, False, D(80)),
    ("us-east-1", "kinesis_on_demand_gb_out", 1_000, False, D(40)),
    ("us-east-1", "kinesis_on_demand_fan_out_gb", 1_000, False, D(50)),
    ("us-east-2", "write_request_units", 100 * M, False, D("62.50")),
    ("us-west-2", "write_request_units", 100 * M, False, D("62.50")),
    ("us-west-1", "write_request_units", 1_000 * M, False, D(697)),
    ("eu-west-1", "write_request_units", 1_000 * M, False, D("706.75")),
    ("eu-west-1", "read_request_units", 1_000 * M, False, D("141.50")),
    ("eu-west-1", "storage_gb_months", 1_025, True, D(283)),
    ("eu-west-1", "write_capacity_unit_hours", 73_000, False, D("53.655")),
    ("eu-west-1", "lambda_ephemeral_gb_seconds", 10 * G, False, D(340)),
    ("eu-central-1", "replicated_write_request_units", 1_000 * M, False, D("762.50")),
    ("eu-central-1", "storage_gb_months", 1_000, False, D(250) * D("0.000793") / D("0.00065")),
    ("ap-southeast-2", "read_request_units", 1_000 * M, False, D("142.30")),
    ("ap-southeast-2", "read_capacity_unit_hours", 1_000_000, False, D(148)),
    ("sa-east-1", "write_request_units", 1_000 * M, False, D("937.50")),
]


@pytest.mark.parametrize(("region", "component", "quantity", "free_tier", "usd"), BY_HAND)
def test_a_months_quantity_costs_what_it_does_by_hand(region, component, quantity, free_tier, usd):
    cost = shipped_price_list().price(region, component).cost(quantity, free_tier=free_tier)
    assert cost == pytest.approx(float(usd), rel=1e-9)


def test_every_component_has_a_price_in_every_shipped_region():
    held = shipped_price_list()
    wanted = {"us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2"}
    assert wanted <= held.by_region.keys()
    assert {region: prices.keys() ^ COMPONENTS.keys() for region, prices in held.by_region.items()} == {
        region: set() for region in held.by_region
    }


def test_what_nobody_states_for_a_region_is_assumed_and_says_from_what():
    stream_reads = shipped_price_list().price("eu-west-1", "stream_read_request_units")
    storage = shipped_price_list().price("eu-central-1", "storage_gb_months")
    assert (stream_reads.status, storage.status) == ("assumed", "assumed")
    assert stream_reads.source.startswith("us-east-1's price, none stated for eu-west-1 (")
    assert storage.source.startswith(
        "us-east-1's price x 1.2200, as provisioned writes, none stated for eu-central-1 ("
    )


def test_lambda_in_us_east_1_is_documented_and_dynamodb_stated_by_third_parties():
    held = shipped_price_list()
    assert held.price("us-east-1", "lambda_gb_seconds_arm64").status == "documented"
    assert held.price("us-east-1", "write_request_units").status == "measured"
    assert held.price("us-east-1", "s3_put_requests").status == "assumed"


def lambda_duration() -> Price:
    return shipped_price_list().price("us-east-1", "lambda_gb_seconds_x86_64")


@pytest.mark.parametrize(
    ("quantity", "micro_usd"),
    [(0, 16.6667), (6 * G - 1, 16.6667), (6 * G, 15.0), (15 * G - 1, 15.0), (15 * G, 13.3334)],
)
def test_the_marginal_price_steps_down_at_the_edge_of_a_tier(quantity, micro_usd):
    assert lambda_duration().marginal(quantity) * M == pytest.approx(micro_usd)


def test_the_marginal_price_is_zero_until_the_free_amount_is_used_up():
    assert lambda_duration().marginal(399_999, free_tier=True) == 0
    assert lambda_duration().marginal(400_000, free_tier=True) * M == pytest.approx(16.6667)


quantities = st.floats(min_value=0, max_value=1e12)
shipped = st.sampled_from(list(shipped_price_list()))


@given(price=shipped, one=quantities, other=quantities, free_tier=st.booleans())
def test_more_never_costs_less(price, one, other, free_tier):
    less, more = sorted((one, other))
    assert price.cost(less, free_tier=free_tier) <= price.cost(more, free_tier=free_tier) * (1 + 1e-12)


@given(price=shipped, one=quantities, other=quantities)
def test_two_stretches_cost_what_the_whole_does(price, one, other):
    middle, end = sorted((one, other))
    assert price.cost(middle) + price.cost_between(middle, end) == pytest.approx(price.cost(end), rel=1e-9, abs=1e-9)


@given(price=shipped, quantity=quantities)
def test_the_free_tier_takes_off_the_price_of_the_free_amount_and_no_more(price, quantity):
    saved = price.cost(quantity) - price.cost(quantity, free_tier=True)
    assert saved == pytest.approx(price.cost(min(quantity, price.free_per_month)), rel=1e-6, abs=1e-4)


@given(price=shipped, free_tier=st.booleans())
def test_nothing_costs_nothing(price, free_tier):
    assert price.cost(0, free_tier=free_tier) == 0
    assert price.cost(1) > 0


@pytest.mark.parametrize("quantity", [-1, -1e-9, math.nan, math.inf])
def test_a_quantity_below_zero_or_not_finite_is_refused_by_name(quantity):
    with pytest.raises(ValueError, match="the quantity of lambda_gb_seconds_x86_64 must be 0 or more and finite, got"):
        lambda_duration().cost(quantity)
    with pytest.raises(ValueError, match="the quantity of lambda_gb_seconds_x86_64"):
        lambda_duration().marginal(quantity)


@pytest.mark.parametrize(
    "bounds",
    [[], [(0, 5)], [(1, math.inf)], [(0, 5), (6, math.inf)], [(0, 5), (5, 5), (5, math.inf)], [(0, 9), (5, 9)]],
)
def test_tiers_with_a_gap_are_refused(bounds):
    tiers = tuple(Tier(lower=low, upper=high, usd_per_unit=1.0) for low, high in bounds)
    with pytest.raises(ValueError, match="the tiers of lambda_gb_seconds_x86_64 must run from 0 to infinity"):
        replace(lambda_duration(), tiers=tiers)


@pytest.mark.parametrize(
    "wrong", [{"tiers": (Tier(lower=0, upper=math.inf, usd_per_unit=-1.0),)}, {"free_per_month": -1}]
)
def test_a_negative_price_or_free_amount_is_refused(wrong):
    with pytest.raises(ValueError, match="the price and free amount of lambda_gb_seconds_x86_64 must be 0 or more"):
        replace(lambda_duration(), **wrong)


def test_a_price_of_an_unknown_component_is_refused():
    with pytest.raises(ValueError, match=r"component must be one of write_request_units, .*, got 'writes'"):
        replace(lambda_duration(), component="writes")


@pytest.mark.parametrize("kind", [ValueError, KeyError, UnknownRegionError])
def test_an_unknown_region_is_missed_with_the_known_ones(kind):
    with pytest.raises(
        kind, match=r"^no prices of region 'mars-1' are held, only of us-east-1, .*; ds.load_price_list"
    ):
        shipped_price_list().price("mars-1", "write_request_units")
    with pytest.raises(kind, match="mars-1"):
        prices("mars-1")


@pytest.mark.parametrize("kind", [ValueError, KeyError, MissingPriceError])
def test_a_missing_price_is_missed_with_the_held_ones(kind):
    held = shipped_price_list().select("us-east-1", ["sqs_requests"])
    with pytest.raises(kind, match=r"^no price of 'sns_publishes' in us-east-1 is held, only of sqs_requests; ds.load"):
        held.price("us-east-1", "sns_publishes")


def test_a_merged_list_takes_the_newer_price_and_keeps_the_others():
    held = shipped_price_list()
    newer = replace(held.price("us-east-1", "sqs_requests"), status="documented")
    merged = held.merged(PriceList.of([newer]))
    assert merged.price("us-east-1", "sqs_requests") == newer
    assert len(merged) == len(held)
    assert merged.price("us-east-2", "sqs_requests") == held.price("us-east-2", "sqs_requests")


def test_prices_older_than_a_year_are_said_to_be_so():
    writes = shipped_price_list().price("us-east-1", "write_request_units")  # 2026-05-01
    requests = shipped_price_list().price("us-east-1", "lambda_requests")  # 2025-10-01
    both = PriceList.of([writes, requests])
    assert both.age_days(date(2026, 5, 2)) == 213
    assert both.stale_sentence(date(2026, 10, 1)) is None
    assert both.stale_sentence(date(2026, 10, 2)) == (
        "1 of 2 prices are known only from over a year ago, the oldest (Lambda requests, us-east-1) from 2025-10-01: "
        "ds.load_price_list reads today's from AWS's files."
    )
    assert PriceList.of([]).age_days(date(2026, 5, 2)) == 0


def test_the_frame_has_a_row_per_tier():
    frame = prices("us-east-1")
    assert list(frame.columns) == [
        *("component", "region", "unit", "from_quantity", "to_quantity", "usd_per_unit"),
        *("free_per_month", "status", "source", "effective_date"),
    ]
    duration = frame[frame["component"] == "lambda_gb_seconds_x86_64"]
    assert duration["from_quantity"].tolist() == [0, 6 * G, 15 * G]
    assert duration["to_quantity"].tolist() == [6 * G, 15 * G, math.inf]
    assert duration["usd_per_unit"].tolist() == [0.0000166667, 0.0000150000, 0.0000133334]
    assert frame["effective_date"].dtype == "datetime64[s]"
    assert set(frame["status"]) == {"documented", "measured", "assumed"}
    assert (frame["source"].str.len() > 0).all()


def test_the_frame_of_all_regions_holds_each_of_them():
    counts = prices().groupby("region").size()
    assert set(counts.index) == set(shipped_price_list().by_region)
    assert counts.nunique() == 1


def test_a_price_list_shows_itself_in_a_notebook():
    held = shipped_price_list().select("us-east-1", ["sqs_requests"])
    assert repr(held) == "PriceList(1 prices, regions: us-east-1)"
    assert "sqs_requests" in held._repr_html_()
