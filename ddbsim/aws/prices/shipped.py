"""The prices that come with the package: each figure once, with who states it.

us-east-1 is the reference. Another region takes from it what nobody states for that region, unchanged or by the ratio
of the two regions' provisioned writes (which reproduces the on-demand and storage prices wherever both are known); the
price then says so and counts as assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from ddbsim.aws.facts import Status

from .components import COMPONENTS
from .price import Price, Tier, flat
from .price_list import PriceList

__all__ = ["shipped_price_list"]

MILLION = 1e6
GIGA = 1e9


@dataclass(frozen=True, slots=True)
class _Origin:
    """Who states prices, the date at which the statement is known to hold, and how good it is."""

    source: str
    effective_date: date
    status: Status

    def states(
        self, component: str, usd: float | tuple[Tier, ...], *, free: float = 0, region: str = "us-east-1"
    ) -> Price:
        return Price(
            component=component,
            region=region,
            unit=COMPONENTS[component].unit,
            tiers=usd if isinstance(usd, tuple) else flat(usd),
            free_per_month=float(free),
            source=self.source,
            effective_date=self.effective_date,
            status=self.status,
        )


def _falling(*steps: tuple[float, float]) -> tuple[Tier, ...]:
    """Return the tiers that begin at these quantities, as (from, USD per unit)."""
    ends = [*steps[1:], (math.inf, 0.0)]
    return tuple(
        Tier(lower=lower, upper=upper, usd_per_unit=usd) for (lower, usd), (upper, _) in zip(steps, ends, strict=True)
    )


_CALCULATOR = _Origin(
    "third-party calculator notes, verified against AWS's price list API, 2026-05", date(2026, 5, 1), "measured"
)
_LAMBDA_API = _Origin(
    "AWS pricing API, us-east-1 list effective 2025-10-01; https://aws.amazon.com/lambda/pricing/",
    date(2025, 10, 1),
    "documented",
)
_LAMBDA_TABLE = _Origin(
    "remotion-dev/remotion price-per-1-s.ts, from AWS's calculator feed (tier 1); upper tiers as in us-east-1",
    date(2025, 10, 1),
    "measured",
)
_PROVISIONED_TABLE = _Origin(
    "awslabs/amazon-dynamodb-tools archived/reco config.py 1.1.4 (has regions opened in 2023-08)",
    date(2023, 8, 1),
    "measured",
)
_FIXTURE = _Origin(
    "third-party test fixture of the us-east-1 price list; date not stated, the table class is of 2021-12",
    date(2021, 12, 1),
    "measured",
)
_INFRACOST_KINESIS = _Origin(
    "infracost kinesis_stream_test.golden; date not stated, on-demand mode is of 2021-12", date(2021, 12, 1), "measured"
)
_SQS = _Origin(
    "cloudburn.io/blog/amazon-sqs-pricing, 2026-03; the lower price beyond 100 G requests is not held",
    date(2026, 3, 1),
    "measured",
)
_PIPES = _Origin("cloudburn.io/blog/amazon-eventbridge-pricing, 2026-03", date(2026, 3, 1), "measured")
_SNS = _Origin("factualminds.com, SNS pricing, seen 2026; free publishes are not held", date(2026, 1, 1), "measured")
_S3 = _Origin("general knowledge: $0.005 per 1,000 PUTs, not looked up", date(2025, 1, 1), "assumed")
_IA_WRITES = _Origin(
    "taken equal to the Standard-IA price of replicated writes, as in the Standard class", date(2026, 5, 1), "assumed"
)
_IA_REPLICATED_HOURS = _Origin(
    "taken equal to the Standard-IA price of provisioned writes, as in the Standard class", date(2026, 5, 1), "assumed"
)
_HALVED = _Origin(
    "half of the public price before 2024-11, or us-east-1's by the ratio of provisioned writes",
    date(2024, 11, 1),
    "assumed",
)
_STORAGE_BEFORE_2024 = _Origin(
    "public figure from before 2024; storage was not cut since", date(2023, 12, 1), "measured"
)

_CAPACITY_FREE_HOURS = 18_600  # 25 units x 744 h
_DURATION_FREE = 400_000

_US_EAST_1 = (
    _CALCULATOR.states("write_request_units", 0.625 / MILLION),
    _CALCULATOR.states("read_request_units", 0.125 / MILLION),
    _CALCULATOR.states("write_capacity_unit_hours", 0.00065, free=_CAPACITY_FREE_HOURS),
    _CALCULATOR.states("read_capacity_unit_hours", 0.00013, free=_CAPACITY_FREE_HOURS),
    _CALCULATOR.states("replicated_write_request_units", 0.625 / MILLION),
    _CALCULATOR.states("replicated_write_capacity_unit_hours", 0.00065),
    _CALCULATOR.states("storage_gb_months", 0.25, free=25),
    _IA_WRITES.states("standard_ia_write_request_units", 0.78 / MILLION),
    _CALCULATOR.states("standard_ia_read_request_units", 0.155 / MILLION),
    _CALCULATOR.states("standard_ia_replicated_write_request_units", 0.78 / MILLION),
    _IA_REPLICATED_HOURS.states("standard_ia_replicated_write_capacity_unit_hours", 0.00081),
    _FIXTURE.states("standard_ia_write_capacity_unit_hours", 0.00081),
    _FIXTURE.states("standard_ia_read_capacity_unit_hours", 0.00016),
    _CALCULATOR.states("standard_ia_storage_gb_months", 0.10),
    _CALCULATOR.states("stream_read_request_units", 0.2 / MILLION, free=2_500_000),
    _CALCULATOR.states("kinesis_change_data_capture_units", 0.10 / MILLION),
    _LAMBDA_API.states("lambda_requests", 0.20 / MILLION, free=1_000_000),
    _LAMBDA_API.states(
        "lambda_gb_seconds_x86_64",
        _falling((0, 0.0000166667), (6 * GIGA, 0.0000150000), (15 * GIGA, 0.0000133334)),
        free=_DURATION_FREE,
    ),
    _LAMBDA_API.states(
        "lambda_gb_seconds_arm64",
        _falling((0, 0.0000133334), (7.5 * GIGA, 0.0000120001), (18.75 * GIGA, 0.0000106667)),
        free=_DURATION_FREE,
    ),
    _LAMBDA_API.states("lambda_provisioned_concurrency_gb_seconds_x86_64", 0.0000041667),
    _LAMBDA_API.states("lambda_provisioned_concurrency_gb_seconds_arm64", 0.0000033334),
    _LAMBDA_API.states("lambda_provisioned_duration_gb_seconds_x86_64", 0.0000097222),
    _LAMBDA_API.states("lambda_provisioned_duration_gb_seconds_arm64", 0.0000077778),
    _LAMBDA_API.states("lambda_ephemeral_gb_seconds", 0.0000000309),
    _SQS.states("sqs_requests", 0.40 / MILLION, free=1_000_000),
    _SNS.states("sns_publishes", 0.50 / MILLION),
    _S3.states("s3_put_requests", 0.005 / 1000),
    _PIPES.states("pipes_requests", 0.40 / MILLION),
    _INFRACOST_KINESIS.states("kinesis_shard_hours", 0.015),
    _INFRACOST_KINESIS.states("kinesis_put_payload_units", 0.014 / MILLION),
    _INFRACOST_KINESIS.states("kinesis_fan_out_consumer_shard_hours", 0.015),
    _INFRACOST_KINESIS.states("kinesis_fan_out_gb", 0.013),
    _INFRACOST_KINESIS.states("kinesis_on_demand_stream_hours", 0.04),
    _INFRACOST_KINESIS.states("kinesis_on_demand_gb_in", 0.08),
    _INFRACOST_KINESIS.states("kinesis_on_demand_gb_out", 0.04),
    _INFRACOST_KINESIS.states("kinesis_on_demand_fan_out_gb", 0.05),
)

# region: (WCU-hour and rWCU-hour, RCU-hour, Lambda /tmp per GB-second where a table of Lambda's prices has the region)
_REGIONS = {
    "us-east-2": (0.00065, 0.00013, 3.09e-8),
    "us-west-1": (0.000725, 0.000145, None),
    "us-west-2": (0.00065, 0.00013, None),
    "ca-central-1": (0.000715, 0.000143, 3.40e-8),
    "sa-east-1": (0.000975, 0.000195, 5.86e-8),
    "eu-west-1": (0.000735, 0.000147, 3.40e-8),
    "eu-west-2": (0.000772, 0.0001544, 3.58e-8),
    "eu-west-3": (0.000772, 0.0001544, 3.58e-8),
    "eu-central-1": (0.000793, 0.0001586, 3.67e-8),
    "ap-south-1": (0.00074, 0.000148, 3.52e-8),
    "ap-southeast-1": (0.00074, 0.000148, 3.70e-8),
    "ap-southeast-2": (0.00074, 0.000148, 3.70e-8),
    "ap-northeast-1": (0.000742, 0.0001484, 3.70e-8),
}
# region: (write, read) request units, USD per million
_ON_DEMAND = {
    "us-west-1": (0.697, 0.1394),
    "eu-west-1": (0.70675, 0.1415),
    "eu-central-1": (0.7625, 0.1525),
    "ap-southeast-2": (0.7115, 0.1423),
}
# what no one states for a region follows its provisioned writes; the rest is carried over as it is
_FOLLOWS_WRITES = frozenset(
    key for key in COMPONENTS if key.startswith("standard_ia_") or key.endswith(("_request_units", "storage_gb_months"))
) - {"stream_read_request_units"}
_STATED_FOR_OHIO = (_CALCULATOR.source, _INFRACOST_KINESIS.source)


def _carried(price: Price, region: str) -> Price:
    """Return a price of us-east-1 as the region's, saying on what ground."""
    if region == "us-east-2" and price.source in _STATED_FOR_OHIO:
        return replace(price, region=region)
    ratio = _REGIONS[region][0] / 0.00065 if price.component in _FOLLOWS_WRITES else 1.0
    ground = f"us-east-1's price x {ratio:.4f}, as provisioned writes" if ratio != 1 else "us-east-1's price"
    tiers = tuple(replace(tier, usd_per_unit=tier.usd_per_unit * ratio) for tier in price.tiers)
    source = f"{ground}, none stated for {region} ({price.source})"
    return replace(price, region=region, tiers=tiers, source=source, status="assumed")


def _stated(region: str, reference: dict[str, Price]) -> Iterator[Price]:
    """Return what somebody states for the region."""
    write_hour, read_hour, tmp_gb_second = _REGIONS[region]
    if region != "us-east-2":  # there the calculator's, which are newer
        for component, usd in (
            ("write_capacity_unit_hours", write_hour),
            ("read_capacity_unit_hours", read_hour),
            ("replicated_write_capacity_unit_hours", write_hour),
        ):
            free = reference[component].free_per_month
            yield _PROVISIONED_TABLE.states(component, usd, free=free, region=region)
    if region in _ON_DEMAND:
        writes, reads = _ON_DEMAND[region]
        yield _HALVED.states("write_request_units", writes / MILLION, region=region)
        yield _HALVED.states("replicated_write_request_units", writes / MILLION, region=region)
        yield _HALVED.states("read_request_units", reads / MILLION, region=region)
    if region == "eu-west-1":
        yield _STORAGE_BEFORE_2024.states("storage_gb_months", 0.283, free=25, region=region)
    if tmp_gb_second is not None:
        yield _LAMBDA_TABLE.states("lambda_ephemeral_gb_seconds", tmp_gb_second, region=region)
        for component in ("lambda_requests", "lambda_gb_seconds_x86_64", "lambda_gb_seconds_arm64"):
            price = reference[component]
            yield _LAMBDA_TABLE.states(component, price.tiers, free=price.free_per_month, region=region)


@cache
def shipped_price_list() -> PriceList:
    """Return the prices that come with the package; `load_price_list` reads newer ones."""
    reference = {price.component: price for price in _US_EAST_1}
    prices = list(_US_EAST_1)
    for region in _REGIONS:
        prices += [_carried(price, region) for price in _US_EAST_1]
        prices += _stated(region, reference)
    return PriceList.of(prices)
