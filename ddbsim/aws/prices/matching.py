"""Which product of a price file is which component.

A group alone does not say: DDB-WriteUnits is the group of provisioned and of on-demand writes, and a Standard-IA usage
type ends as the Standard one does. So a product matches by family, group (or volume type) and the whole usage type but
for the prefix of its region; a product that matches nothing is not priced here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .offers import Product

__all__ = ["component_of", "freed_components", "region_of"]

_ON_DEMAND = "Amazon DynamoDB PayPerRequest Throughput"
_PROVISIONED = "Provisioned IOPS"
_REPLICATED = "DDB-Operation-ReplicatedWrite"
_STORED = "Amazon DynamoDB - Indexed DataStore"

# "IA-" is a table class, not a region; us-east-1 mostly has no prefix at all
_REGION_PREFIX = re.compile(r"(?!IA-)([A-Z]{2,4}\d*)-")
_REGION_OF_PREFIX = {
    "": "us-east-1",
    "USE1": "us-east-1",
    "USE2": "us-east-2",
    "USW1": "us-west-1",
    "USW2": "us-west-2",
    "CAN1": "ca-central-1",
    "SAE1": "sa-east-1",
    "EU": "eu-west-1",
    "EUW1": "eu-west-1",
    "EUW2": "eu-west-2",
    "EUW3": "eu-west-3",
    "EUC1": "eu-central-1",
    "EUN1": "eu-north-1",
    "APN1": "ap-northeast-1",
    "APS1": "ap-southeast-1",
    "APS2": "ap-southeast-2",
    "APS3": "ap-south-1",
}


@dataclass(frozen=True, slots=True)
class _Rule:
    component: str
    family: str  # "" where files give none or any
    group: str  # attribute group, or volumeType of stored data
    usage_type: str  # without the region's prefix


_RULES = (
    _Rule("write_request_units", _ON_DEMAND, "DDB-WriteUnits", "WriteRequestUnits"),
    _Rule("read_request_units", _ON_DEMAND, "DDB-ReadUnits", "ReadRequestUnits"),
    _Rule("write_capacity_unit_hours", _PROVISIONED, "DDB-WriteUnits", "WriteCapacityUnit-Hrs"),
    _Rule("read_capacity_unit_hours", _PROVISIONED, "DDB-ReadUnits", "ReadCapacityUnit-Hrs"),
    _Rule("replicated_write_request_units", _ON_DEMAND, "DDB-ReplicatedWriteUnits", "ReplWriteRequestUnits"),
    _Rule("replicated_write_capacity_unit_hours", _REPLICATED, "DDB-ReplicatedWriteUnits", "ReplWriteCapacityUnit-Hrs"),
    _Rule("storage_gb_months", "Database Storage", _STORED, "TimedStorage-ByteHrs"),
    _Rule("standard_ia_write_request_units", _ON_DEMAND, "DDB-WriteUnitsIA", "IA-WriteRequestUnits"),
    _Rule("standard_ia_read_request_units", _ON_DEMAND, "DDB-ReadUnitsIA", "IA-ReadRequestUnits"),
    _Rule(
        "standard_ia_replicated_write_request_units",
        _ON_DEMAND,
        "DDB-ReplicatedWriteUnitsIA",
        "IA-ReplWriteRequestUnits",
    ),
    _Rule(
        "standard_ia_replicated_write_capacity_unit_hours",
        _REPLICATED,
        "DDB-ReplicatedWriteUnitsIA",
        "IA-ReplWriteCapacityUnit-Hrs",
    ),
    _Rule("standard_ia_write_capacity_unit_hours", _PROVISIONED, "DDB-WriteUnitsIA", "IA-WriteCapacityUnit-Hrs"),
    _Rule("standard_ia_read_capacity_unit_hours", _PROVISIONED, "DDB-ReadUnitsIA", "IA-ReadCapacityUnit-Hrs"),
    _Rule("standard_ia_storage_gb_months", "Database Storage", f"{_STORED} - IA", "IA-TimedStorage-ByteHrs"),
    _Rule("stream_read_request_units", "API Request", "DDB-StreamsReadRequests", "Streams-Requests"),
    _Rule("kinesis_change_data_capture_units", "", "DDB-Kinesis", "ChangeDataCaptureUnits-Kinesis"),
    _Rule("lambda_requests", "Serverless", "AWS-Lambda-Requests", "Request"),
    _Rule("lambda_gb_seconds_x86_64", "Serverless", "AWS-Lambda-Duration", "Lambda-GB-Second"),
    _Rule("lambda_gb_seconds_arm64", "Serverless", "AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM"),
    _Rule(
        "lambda_provisioned_concurrency_gb_seconds_x86_64",
        "Serverless",
        "AWS-Lambda-Provisioned-Concurrency",
        "Lambda-Provisioned-Concurrency",
    ),
    _Rule(
        "lambda_provisioned_concurrency_gb_seconds_arm64",
        "Serverless",
        "AWS-Lambda-Provisioned-Concurrency-ARM",
        "Lambda-Provisioned-Concurrency-ARM",
    ),
    _Rule(
        "lambda_provisioned_duration_gb_seconds_x86_64",
        "Serverless",
        "AWS-Lambda-Duration-Provisioned",
        "Lambda-Provisioned-GB-Second",
    ),
    _Rule(
        "lambda_provisioned_duration_gb_seconds_arm64",
        "Serverless",
        "AWS-Lambda-Duration-Provisioned-ARM",
        "Lambda-Provisioned-GB-Second-ARM",
    ),
    _Rule("lambda_ephemeral_gb_seconds", "Serverless", "AWS-Lambda-Storage-Duration", "Lambda-Storage-GB-Second"),
)
_BY_GROUP_AND_USAGE = {(rule.group, rule.usage_type): rule for rule in _RULES}

# Lambda's free amounts are products of their own, of no region
_FREED = {
    "Global-Request": ("lambda_requests",),
    "Global-Lambda-GB-Second": ("lambda_gb_seconds_x86_64", "lambda_gb_seconds_arm64"),
}


def component_of(product: Product) -> str | None:
    """Return the component that a product is the price of, or None."""
    group = product.attributes.get("group") or product.attributes.get("volumeType", "")
    rule = _BY_GROUP_AND_USAGE.get((group, _REGION_PREFIX.sub("", _usage_type(product), count=1)))
    if rule is None or (rule.family and rule.family != product.family):
        return None
    return rule.component


def freed_components(product: Product) -> tuple[str, ...]:
    """Return the components of which a product is the free amount, for most products none."""
    return _FREED.get(_usage_type(product), ())


def region_of(product: Product) -> str:
    """Return the region of a product, by its code or else by the prefix of its usage type; "" if neither tells."""
    prefix = _REGION_PREFIX.match(_usage_type(product))
    return product.attributes.get("regionCode") or _REGION_OF_PREFIX.get(prefix[1] if prefix else "", "")


def _usage_type(product: Product) -> str:
    return product.attributes.get("usagetype", "")
