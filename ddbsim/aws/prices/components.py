"""What a bill can have lines for: the key, the name and the unit of each thing that AWS meters."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMPONENTS", "Component"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One metered thing.

    Attributes
    ----------
    key
        The name that quantities and prices are looked up by.
    label
        The name that a reader sees.
    unit
        What one is counted in.
    is_stock
        True for an amount that is held (average GB stored): it is not scaled with time, only its price is.
    free_pool
        Components with the same pool share one free amount a month; "" for one of its own.
    """

    key: str
    label: str
    unit: str
    is_stock: bool = False
    free_pool: str = ""


def _lambda_components() -> tuple[Component, ...]:
    kinds = (
        ("lambda_gb_seconds", "Lambda duration", "lambda_gb_seconds"),
        ("lambda_provisioned_concurrency_gb_seconds", "Lambda provisioned concurrency", ""),
        ("lambda_provisioned_duration_gb_seconds", "Lambda duration on provisioned concurrency", ""),
    )
    return tuple(
        Component(key=f"{key}_{machine}", label=f"{label}, {machine}", unit="GB-second", free_pool=pool)
        for key, label, pool in kinds
        for machine in ("x86_64", "arm64")
    )


_IN_ORDER = (
    Component(key="write_request_units", label="Writes, on demand", unit="write request unit"),
    Component(key="read_request_units", label="Reads, on demand", unit="read request unit"),
    Component(key="write_capacity_unit_hours", label="Writes, provisioned", unit="WCU-hour"),
    Component(key="read_capacity_unit_hours", label="Reads, provisioned", unit="RCU-hour"),
    Component(
        key="replicated_write_request_units", label="Replicated writes, on demand", unit="replicated write request unit"
    ),
    Component(key="replicated_write_capacity_unit_hours", label="Replicated writes, provisioned", unit="rWCU-hour"),
    Component(key="storage_gb_months", label="Table storage", unit="GB-month", is_stock=True),
    Component(key="standard_ia_write_request_units", label="Writes, on demand, Standard-IA", unit="write request unit"),
    Component(key="standard_ia_read_request_units", label="Reads, on demand, Standard-IA", unit="read request unit"),
    Component(
        key="standard_ia_replicated_write_request_units",
        label="Replicated writes, on demand, Standard-IA",
        unit="replicated write request unit",
    ),
    Component(
        key="standard_ia_replicated_write_capacity_unit_hours",
        label="Replicated writes, provisioned, Standard-IA",
        unit="rWCU-hour",
    ),
    Component(key="standard_ia_write_capacity_unit_hours", label="Writes, provisioned, Standard-IA", unit="WCU-hour"),
    Component(key="standard_ia_read_capacity_unit_hours", label="Reads, provisioned, Standard-IA", unit="RCU-hour"),
    Component(key="standard_ia_storage_gb_months", label="Table storage, Standard-IA", unit="GB-month", is_stock=True),
    Component(key="stream_read_request_units", label="Stream reads, not by Lambda", unit="GetRecords call"),
    Component(
        key="kinesis_change_data_capture_units", label="Change data capture to Kinesis", unit="change data capture unit"
    ),
    Component(key="lambda_requests", label="Lambda requests", unit="request"),
    *_lambda_components(),
    Component(key="lambda_ephemeral_gb_seconds", label="Lambda /tmp above 512 MB", unit="GB-second"),
    Component(key="sqs_requests", label="SQS standard requests", unit="request of 64 KB"),
    Component(key="sns_publishes", label="SNS publishes", unit="publish of 64 KB"),
    Component(key="s3_put_requests", label="S3 PUT requests", unit="request"),
    Component(key="pipes_requests", label="EventBridge Pipes requests", unit="request of 64 KB"),
    Component(key="kinesis_shard_hours", label="Kinesis shards, provisioned", unit="shard-hour"),
    Component(key="kinesis_put_payload_units", label="Kinesis PUT payload, provisioned", unit="payload unit of 25 KB"),
    Component(
        key="kinesis_fan_out_consumer_shard_hours",
        label="Kinesis fan-out consumers, provisioned",
        unit="consumer-shard-hour",
    ),
    Component(key="kinesis_fan_out_gb", label="Kinesis fan-out data, provisioned", unit="GB"),
    Component(key="kinesis_on_demand_stream_hours", label="Kinesis streams, on demand", unit="stream-hour"),
    Component(key="kinesis_on_demand_gb_in", label="Kinesis data in, on demand", unit="GB"),
    Component(key="kinesis_on_demand_gb_out", label="Kinesis data out, on demand", unit="GB"),
    Component(key="kinesis_on_demand_fan_out_gb", label="Kinesis fan-out data, on demand", unit="GB"),
)

COMPONENTS = {component.key: component for component in _IN_ORDER}
