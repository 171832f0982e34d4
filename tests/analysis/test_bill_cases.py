"""Whole bills to the cent, against a tariff of their own, in decimals, that knows nothing of the package's prices."""

from datetime import date
from decimal import Decimal as D

import pytest

from ddbsim.analysis.bill import make_bill

# USD per unit from each quantity of a month on, and the free amount of a month; us-east-1
US_EAST_1 = {
    "write_request_units": ([(0, "0.000000625")], 0),
    "read_request_units": ([(0, "0.000000125")], 0),
    "write_capacity_unit_hours": ([(0, "0.00065")], 18_600),
    "read_capacity_unit_hours": ([(0, "0.00013")], 18_600),
    "replicated_write_request_units": ([(0, "0.000000625")], 0),
    "replicated_write_capacity_unit_hours": ([(0, "0.00065")], 0),
    "storage_gb_months": ([(0, "0.25")], 25),
    "standard_ia_write_request_units": ([(0, "0.00000078")], 0),
    "standard_ia_read_request_units": ([(0, "0.000000155")], 0),
    "standard_ia_storage_gb_months": ([(0, "0.10")], 0),
    "stream_read_request_units": ([(0, "0.0000002")], 2_500_000),
    "lambda_requests": ([(0, "0.0000002")], 1_000_000),
    "lambda_gb_seconds_x86_64": (
        [(0, "0.0000166667"), (6_000_000_000, "0.000015"), (15_000_000_000, "0.0000133334")],
        400_000,
    ),
    "lambda_gb_seconds_arm64": (
        [(0, "0.0000133334"), (7_500_000_000, "0.0000120001"), (18_750_000_000, "0.0000106667")],
        400_000,
    ),
    "lambda_provisioned_concurrency_gb_seconds_x86_64": ([(0, "0.0000041667")], 0),
    "lambda_provisioned_duration_gb_seconds_x86_64": ([(0, "0.0000097222")], 0),
    "lambda_ephemeral_gb_seconds": ([(0, "0.0000000309")], 0),
    "sqs_requests": ([(0, "0.0000004")], 1_000_000),
    "sns_publishes": ([(0, "0.0000005")], 0),
    "s3_put_requests": ([(0, "0.000005")], 0),
    "pipes_requests": ([(0, "0.0000004")], 0),
    "kinesis_change_data_capture_units": ([(0, "0.0000001")], 0),
    "kinesis_shard_hours": ([(0, "0.015")], 0),
    "kinesis_put_payload_units": ([(0, "0.000000014")], 0),
    "kinesis_on_demand_stream_hours": ([(0, "0.04")], 0),
    "kinesis_on_demand_gb_in": ([(0, "0.08")], 0),
    "kinesis_on_demand_gb_out": ([(0, "0.04")], 0),
}
ELSEWHERE = {
    "eu-west-1": {
        "write_request_units": "0.00000070675",
        "read_request_units": "0.0000001415",
        "write_capacity_unit_hours": "0.000735",
        "read_capacity_unit_hours": "0.000147",
        "storage_gb_months": "0.283",
        "lambda_ephemeral_gb_seconds": "0.000000034",
    },
    "ap-southeast-2": {
        "write_request_units": "0.0000007115",
        "read_request_units": "0.0000001423",
        "write_capacity_unit_hours": "0.00074",
        "lambda_ephemeral_gb_seconds": "0.000000037",
    },
    "us-east-2": {},
}
HELD = {"storage_gb_months", "standard_ia_storage_gb_months"}  # not scaled with time
ONE_POOL = {"lambda_gb_seconds_x86_64", "lambda_gb_seconds_arm64"}  # one free amount

# what an hour of a workload uses
PLANNER = {"write_request_units": 18_000_000, "stream_read_request_units": 0, "lambda_requests": 180_000}
WORKLOADS = {
    "planner": PLANNER | {"lambda_gb_seconds_x86_64": 4_500},
    "planner on arm": PLANNER | {"lambda_gb_seconds_arm64": 4_500},
    "keys only, read back": PLANNER | {"read_request_units": 9_000_000, "lambda_gb_seconds_x86_64": 9_000},
    "keys only, read back strongly": PLANNER | {"read_request_units": 18_000_000},
    "provisioned": {"write_capacity_unit_hours": 7_000, "read_capacity_unit_hours": 2_000, "storage_gb_months": 420.5},
    "provisioned, within the free tier": {"write_capacity_unit_hours": 25, "read_capacity_unit_hours": 25},
    "own pollers": {"write_request_units": 3_600_000, "stream_read_request_units": 115_200},
    "idle adapter": {"write_request_units": 1, "stream_read_request_units": 7_200},
    "large functions": {"lambda_requests": 90_000, "lambda_gb_seconds_x86_64": 12_000_000},
    "huge functions": {"lambda_requests": 900_000, "lambda_gb_seconds_x86_64": 30_000_000},
    "huge functions on arm": {"lambda_requests": 900_000, "lambda_gb_seconds_arm64": 30_000_000},
    "both machines": {"lambda_gb_seconds_arm64": 400, "lambda_gb_seconds_x86_64": 700, "lambda_requests": 1_000},
    "warm and with /tmp": {
        "lambda_requests": 3_600,
        "lambda_provisioned_concurrency_gb_seconds_x86_64": 36_000,
        "lambda_provisioned_duration_gb_seconds_x86_64": 1_800,
        "lambda_ephemeral_gb_seconds": 5_400_000,
    },
    "failing": PLANNER | {"sqs_requests": 2_000, "sns_publishes": 700, "s3_put_requests": 500},
    "global": {"replicated_write_request_units": 54_000_000, "replicated_write_capacity_unit_hours": 300},
    "infrequent": {
        "standard_ia_write_request_units": 360_000,
        "standard_ia_read_request_units": 720_000,
        "standard_ia_storage_gb_months": 5_000,
    },
    "pipes": {"pipes_requests": 180_000, "stream_read_request_units": 115_200, "lambda_requests": 180_000},
    "change data, on demand": {
        "kinesis_change_data_capture_units": 18_000_000,
        "kinesis_on_demand_stream_hours": 1,
        "kinesis_on_demand_gb_in": 51.5,
        "kinesis_on_demand_gb_out": 103,
    },
    "change data, provisioned": {
        "kinesis_change_data_capture_units": 18_000_000,
        "kinesis_shard_hours": 15,
        "kinesis_put_payload_units": 18_000_000,
    },
    "nothing": {"write_request_units": 0, "lambda_requests": 0, "storage_gb_months": 0},
}
CASES = [
    *((name, "us-east-1", 730, free) for name in WORKLOADS for free in (False, True)),
    ("planner", "us-east-2", 720, False),
    ("keys only, read back", "us-east-2", 744, True),
    ("planner", "eu-west-1", 730, False),
    ("keys only, read back", "eu-west-1", 720, True),
    ("provisioned", "eu-west-1", 744, True),
    ("keys only, read back strongly", "ap-southeast-2", 730, False),
    ("own pollers", "ap-southeast-2", 720, True),
]


def by_hand(component, monthly, region, free):
    """Add up a month's units tier by tier, the free ones left out at the bottom."""
    tiers, _ = US_EAST_1[component]
    if component in ELSEWHERE.get(region, {}):
        tiers = [(0, ELSEWHERE[region][component])]
    usd = D(0)
    for place, (lower, price) in enumerate(tiers):
        upper = D(tiers[place + 1][0]) if place + 1 < len(tiers) else D("Infinity")
        usd += max(min(monthly, upper) - max(D(lower), free), D(0)) * D(price)
    return usd


@pytest.mark.parametrize(("workload", "region", "month_hours", "free_tier"), CASES)
def test_a_bill_is_right_to_the_cent(workload, region, month_hours, free_tier):
    hour = WORKLOADS[workload]
    bill = make_bill(
        hour,
        window_s=3_600,
        region=region,
        month_hours=month_hours,
        free_tier=free_tier,
        today=date(2026, 6, 1),
    )
    cent = D("0.01")
    used: dict[str, D] = {}
    total = D(0)
    for row in bill.frame.to_dict("records"):
        component = row["component"]
        monthly = D(str(hour[component])) * (1 if component in HELD else month_hours)
        pool = "lambda" if component in ONE_POOL else component
        free = max(D(US_EAST_1[component][1]) - used.get(pool, D(0)), D(0)) if free_tier else D(0)
        used[pool] = used.get(pool, D(0)) + monthly
        expected = by_hand(component, monthly, region, free)
        total += expected
        assert abs(D(row["usd_per_month"]) - expected) < cent / 100
        assert abs(D(row["usd"]) - expected / month_hours) < cent / 100
        assert row["quantity"] == hour[component]
    assert abs(D(bill.usd_per_month) - total) < cent / 100


def test_there_are_enough_cases():
    assert len(CASES) >= 30
