"""Bills: what a window costs, what a month does, and what the difference is."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.analysis.bill import make_bill
from ddbsim.analysis.request_units import read_units, write_units
from ddbsim.aws.prices import COMPONENTS, MissingPriceError, PriceList, UnknownRegionError, shipped_price_list

TODAY = date(2026, 6, 1)
DAYS_30 = {"month_hours": 720, "window_s": 30 * 86_400}


def usd_of(quantities, **how):
    how = {"region": "us-east-1", "today": TODAY, **DAYS_30, **how}
    return make_bill(quantities, **how).frame.set_index("component")["usd_per_month"].to_dict()


def test_5000_writes_a_second_for_30_days_cost_what_the_worked_example_says():
    writes = 5_000 * 30 * 86_400
    invocations = writes / 100
    quantities = {
        "write_request_units": writes * int(write_units(0, 1024)),
        "lambda_requests": invocations,
        "lambda_gb_seconds_x86_64": invocations * 0.050 * 512 / 1024,
    }
    usd = usd_of(quantities)
    assert usd["write_request_units"] == pytest.approx(8_100, rel=0.01)
    assert usd["lambda_requests"] == pytest.approx(26, rel=0.01)
    assert usd["lambda_gb_seconds_x86_64"] == pytest.approx(54, rel=0.01)


@pytest.mark.parametrize(("consistency", "usd"), [("eventual", 810), ("strong", 1_620), ("transactional", 3_240)])
def test_keys_only_adds_a_read_per_record(consistency, usd):
    writes = 5_000 * 30 * 86_400
    images = make_bill({"write_request_units": writes}, region="us-east-1", today=TODAY, **DAYS_30)
    reads = writes * float(read_units(1024, consistency))
    keys_only = make_bill(
        {"write_request_units": writes, "read_request_units": reads}, region="us-east-1", today=TODAY, **DAYS_30
    )
    diff = images.diff(keys_only)
    assert diff.loc[0, "component"] == "read_request_units"
    assert diff.loc[0, "change"] == pytest.approx(usd, rel=0.01)
    assert keys_only.usd_per_month - images.usd_per_month == pytest.approx(usd, rel=0.01)


# quantities of a window of 600 s, month of 730 h: 4,380 windows
WINDOWS = 4_380
IN_TEN_MINUTES = [
    ("write_request_units", 3_000_000, False, D(3) * WINDOWS * D("0.625")),
    ("read_request_units", 1_500_000, False, D("1.5") * WINDOWS * D("0.125")),
    ("lambda_requests", 30_000, False, D(30_000) * WINDOWS / 10**6 / 5),
    ("lambda_requests", 30_000, True, (D(30_000) * WINDOWS - 10**6) / 10**6 / 5),
    ("lambda_gb_seconds_x86_64", 750, True, (D(750) * WINDOWS - 400_000) * D("0.0000166667")),
    (
        "lambda_gb_seconds_x86_64",
        2_000_000,  # 8.76 G a month: into the second tier, though ten minutes alone would not be
        False,
        6_000 * D("16.6667") + (D(8_760) - 6_000) * 15,
    ),
    ("stream_read_request_units", 2_400, True, (D(2_400) * WINDOWS - 2_500_000) / 100_000 * D("0.02")),
    ("stream_read_request_units", 500, True, D(0)),
    ("storage_gb_months", 125, False, D("31.25")),
    ("storage_gb_months", 125, True, D(25)),
    ("write_capacity_unit_hours", 1_000 / 6, False, D(1_000) * 730 * D("0.00065")),
]


@pytest.mark.parametrize(("component", "quantity", "free_tier", "usd"), IN_TEN_MINUTES)
def test_a_window_is_priced_at_what_a_month_of_it_reaches(component, quantity, free_tier, usd):
    bill = make_bill({component: quantity}, window_s=600, region="us-east-1", free_tier=free_tier, today=TODAY)
    row = bill.frame.iloc[0]
    assert row["usd_per_month"] == pytest.approx(float(usd), abs=0.005)
    assert row["usd"] == pytest.approx(float(usd) / WINDOWS, abs=0.005 / WINDOWS)
    assert row["quantity"] == quantity
    is_stock = component == "storage_gb_months"
    assert row["quantity_per_month"] == pytest.approx(quantity * (1 if is_stock else WINDOWS))
    assert row["unit_price_usd"] * row["quantity_per_month"] == pytest.approx(row["usd_per_month"])


def test_both_architectures_of_lambda_use_up_one_free_amount():
    quantities = {"lambda_gb_seconds_x86_64": 300_000, "lambda_gb_seconds_arm64": 300_000}
    usd = usd_of(quantities, free_tier=True)
    assert usd["lambda_gb_seconds_x86_64"] == 0
    assert usd["lambda_gb_seconds_arm64"] == pytest.approx(float(D(200_000) * D("0.0000133334")))
    turned = usd_of(dict(reversed(quantities.items())), free_tier=True)
    assert turned["lambda_gb_seconds_arm64"] == 0
    assert turned["lambda_gb_seconds_x86_64"] == pytest.approx(float(D(200_000) * D("0.0000166667")))


def test_writes_and_reads_have_a_free_amount_each():
    usd = usd_of({"write_capacity_unit_hours": 18_600, "read_capacity_unit_hours": 18_600}, free_tier=True)
    assert usd == {"write_capacity_unit_hours": 0, "read_capacity_unit_hours": 0}


@given(
    quantities=st.dictionaries(st.sampled_from(sorted(COMPONENTS)), st.floats(0, 1e12), max_size=8),
    window_s=st.floats(1, 1e7),
    free_tier=st.booleans(),
)
def test_the_rows_add_up_to_the_totals(quantities, window_s, free_tier):
    bill = make_bill(quantities, window_s=window_s, region="eu-west-1", free_tier=free_tier, today=TODAY)
    assert bill.frame["component"].tolist() == list(quantities)
    assert bill.total_usd == math.fsum(bill.frame["usd"])
    assert bill.usd_per_month == math.fsum(bill.frame["usd_per_month"])
    assert bill.total_usd == pytest.approx(bill.usd_per_month * window_s / (730 * 3600), rel=1e-9, abs=1e-12)


@given(quantity=st.floats(0, 1e12), component=st.sampled_from(sorted(COMPONENTS)))
def test_each_row_is_the_tiered_price_of_its_months_quantity(quantity, component):
    row = make_bill({component: quantity}, window_s=600, region="us-east-1", today=TODAY).frame.iloc[0]
    price = shipped_price_list().price("us-east-1", component)
    assert row["usd_per_month"] == price.cost(row["quantity_per_month"])


def test_the_frame_says_of_each_price_what_it_is_and_where_from():
    bill = make_bill({"write_request_units": 10, "s3_put_requests": 0}, region="us-east-1", today=TODAY, **DAYS_30)
    assert list(bill.frame.columns) == [
        *("component", "label", "quantity", "unit", "unit_price_usd", "usd", "quantity_per_month", "usd_per_month"),
        *("price_date", "price_status", "source"),
    ]
    writes, puts = bill.frame.to_dict("records")
    assert writes["label"] == "Writes, on demand"
    assert writes["unit"] == "write request unit"
    assert writes["price_date"] == pd.Timestamp("2026-05-01")
    assert writes["price_status"] == "measured"
    assert "price list API" in writes["source"]
    assert (puts["quantity"], puts["usd"], puts["unit_price_usd"]) == (0, 0, 0.005 / 1000)


def test_parts_of_a_component_have_rows_of_their_own_at_its_price_and_one_free_amount():
    parts = {"write_capacity_unit_hours": 10_000, "write_capacity_unit_hours/by-date": 10_000}
    bill = make_bill(parts, region="us-east-1", free_tier=True, today=TODAY, **DAYS_30)
    assert bill.frame["component"].tolist() == list(parts)
    assert bill.frame["label"].tolist() == ["Writes, provisioned", "Writes, provisioned: by-date"]
    assert bill.frame["usd_per_month"].tolist() == pytest.approx([0.0, 1_400 * 0.00065])
    without = make_bill({"write_capacity_unit_hours": 10_000}, region="us-east-1", today=TODAY, **DAYS_30)
    assert "Writes, provisioned: by-date" in without.diff(bill)["label"].tolist()
    with pytest.raises(MissingPriceError, match="no price of 'writes' in us-east-1 is held"):
        make_bill({"writes/by-date": 8}, region="us-east-1", **DAYS_30)


def test_an_empty_bill_has_the_columns_and_dtypes_of_any_other():
    empty = make_bill({}, region="us-east-1", today=TODAY, **DAYS_30)
    full = make_bill({"sqs_requests": 5}, region="us-east-1", today=TODAY, **DAYS_30)
    assert empty.frame.dtypes.to_dict() == full.frame.dtypes.to_dict()
    assert (empty.total_usd, empty.usd_per_month, len(empty.frame)) == (0, 0, 0)


def test_the_difference_of_two_bills_is_sorted_by_its_size():
    before = make_bill({"write_request_units": 4_000_000, "sqs_requests": 10_000_000}, region="us-east-1", **DAYS_30)
    after = make_bill({"write_request_units": 2_000_000, "sns_publishes": 10_000_000}, region="us-east-1", **DAYS_30)
    diff = before.diff(after)
    assert list(diff.columns) == ["component", "label", "before", "after", "change"]
    assert diff.round(6).to_numpy().tolist() == [
        ["sns_publishes", "SNS publishes", 0.0, 5.0, 5.0],
        ["sqs_requests", "SQS standard requests", 4.0, 0.0, -4.0],
        ["write_request_units", "Writes, on demand", 2.5, 1.25, -1.25],
    ]
    assert diff["change"].sum() == pytest.approx(after.usd_per_month - before.usd_per_month)


def test_the_note_says_what_the_bill_was_made_for_and_when_prices_are_stale():
    quantities = {"write_request_units": 10, "lambda_requests": 1}
    fresh = make_bill(quantities, window_s=600, region="us-east-1", free_tier=True, today=TODAY)
    assert fresh.note == (
        "us-east-1, 600 s scaled to a month of 730 h, with the free tier; prices: 1 measured, 1 documented."
    )
    old = make_bill(quantities, window_s=600, region="us-east-1", today=date(2026, 10, 2))
    assert "without the free tier" in old.note
    assert "1 of 2 prices are known only from over a year ago" in old.note
    assert "2025-10-01" in old.note


def test_a_bill_shows_its_total_its_rows_and_its_note_as_text_and_as_html():
    bill = make_bill({"write_request_units": 3_000_000}, window_s=600, region="us-east-1", month_hours=720, today=TODAY)
    for shown in (str(bill), repr(bill), bill._repr_html_()):
        assert "8,100.00 USD a month; 1.875 USD for the 600 s simulated" in shown
        assert "Writes, on demand" in shown
        assert "2026-05-01" in shown
        assert bill.note in shown


def test_a_bill_takes_the_prices_that_it_is_given():
    dearer = replace(
        shipped_price_list().price("us-east-1", "sqs_requests"),
        tiers=shipped_price_list().price("us-east-1", "storage_gb_months").tiers,
        region="mars-1",
    )
    bill = make_bill({"sqs_requests": 8}, region="mars-1", price_list=PriceList.of([dearer]), today=TODAY, **DAYS_30)
    assert bill.usd_per_month == 2.0


def test_a_region_or_component_without_a_price_is_refused():
    with pytest.raises(UnknownRegionError, match="no prices of region 'mars-1' are held"):
        make_bill({"sqs_requests": 8}, region="mars-1", **DAYS_30)
    with pytest.raises(
        MissingPriceError, match="no price of 'writes' in us-east-1 is held, only of write_request_units"
    ):
        make_bill({"writes": 8}, region="us-east-1", **DAYS_30)


@pytest.mark.parametrize("quantity", [-1, math.nan, math.inf])
def test_a_quantity_below_zero_or_not_finite_is_refused_as_it_was_given(quantity):
    with pytest.raises(ValueError, match=f"the quantity of sqs_requests must be 0 or more and finite, got {quantity}"):
        make_bill({"sqs_requests": quantity}, window_s=600, region="us-east-1")


@pytest.mark.parametrize("name", ["window_s", "month_hours"])
@pytest.mark.parametrize("value", [0, -5, math.nan, math.inf])
def test_a_window_or_month_that_is_none_is_refused(name, value):
    how = {"window_s": 600, "month_hours": 730, name: value}
    with pytest.raises(ValueError, match=f"{name} must be above 0 and finite, got {value}"):
        make_bill({"sqs_requests": 1}, region="us-east-1", **how)
