"""CloudWatch's names of metrics, as far as a trace of writes can be confused with them.

Sources, 2026-11: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html,
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html. The answer of GetMetricData names a metric
by its label alone, which is the metric's name unless the query sets another, with what tells it from the others of the
answer beside it (a dimension, the statistic): https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
API_MetricDataResult.html.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["OTHER_METRICS", "OTHER_STATISTICS", "WRITE_UNITS", "metric_in", "statistic_in"]

WRITE_UNITS: Final = "ConsumedWriteCapacityUnits"

#: Metrics of tables, streams and functions that are no traffic of writes.
OTHER_METRICS: Final = frozenset(
    """
    AccountMaxReads AccountMaxTableLevelReads AccountMaxTableLevelWrites AccountMaxWrites
    AccountProvisionedReadCapacityUtilization AccountProvisionedWriteCapacityUtilization AgeOfOldestUnreplicatedRecord
    ConditionalCheckFailedRequests ConsumedChangeDataCaptureUnits ConsumedReadCapacityUnits
    FailedToReplicateRecordCount FaultInjectionServiceInducedErrors
    MaxProvisionedTableReadCapacityUtilization MaxProvisionedTableWriteCapacityUtilization OnDemandMaxReadRequestUnits
    OnDemandMaxWriteRequestUnits OnlineIndexConsumedWriteCapacity OnlineIndexPercentageProgress
    OnlineIndexThrottleEvents PendingReplicationCount ProvisionedReadCapacityUnits ProvisionedWriteCapacityUnits
    ReadAccountLimitThrottleEvents ReadKeyRangeThroughputThrottleEvents ReadMaxOnDemandThroughputThrottleEvents
    ReadProvisionedThroughputThrottleEvents ReadThrottleEvents ReplicationLatency ReturnedBytes ReturnedItemCount
    ReturnedRecordsCount SuccessfulRequestLatency SystemErrors TimeToLiveDeletedItemCount ThrottledPutRecordCount
    ThrottledRequests TransactionConflict UserErrors WriteAccountLimitThrottleEvents
    WriteKeyRangeThroughputThrottleEvents WriteMaxOnDemandThroughputThrottleEvents
    WriteProvisionedThroughputThrottleEvents WriteThrottleEvents
    AsyncEventAge AsyncEventsDropped AsyncEventsReceived ClaimedAccountConcurrency ConcurrentExecutions
    DeadLetterErrors DeletedEventCount DestinationDeliveryFailures DroppedEventCount Duration Errors
    FailedInvokeEventCount FilteredOutEventCount InvokedEventCount Invocations IteratorAge OffsetLag
    OnFailureDestinationDeliveredEventCount PolledEventCount PostRuntimeExtensionsDuration
    ProvisionedConcurrencyInvocations ProvisionedConcurrencySpilloverInvocations ProvisionedConcurrencyUtilization
    ProvisionedConcurrentExecutions RecursiveInvocationsDropped Throttles UnreservedConcurrentExecutions
    """.split()  # noqa: SIM905 - a list of words
)

#: Statistics that are no count of what happened in a period; a percentile is one too.
OTHER_STATISTICS: Final = ("Average", "Maximum", "Minimum", "SampleCount")

_WORD = re.compile(r"[A-Za-z0-9.]+")


def metric_in(label: str) -> str | None:
    """Return the metric that a label names, or None if it names none that is known.

    Examples
    --------
    >>> metric_in("bids ConsumedWriteCapacityUnits"), metric_in("orders per minute")
    ('ConsumedWriteCapacityUnits', None)
    """
    words = _WORD.findall(label)
    if WRITE_UNITS in words:
        return WRITE_UNITS
    return next((word for word in words if word in OTHER_METRICS), None)


def statistic_in(label: str) -> str | None:
    """Return the statistic that a label names where it is not the sum, or None.

    Examples
    --------
    >>> statistic_in("ConsumedWriteCapacityUnits Average"), statistic_in("bids ConsumedWriteCapacityUnits p99.9")
    ('Average', 'p99.9')
    """
    words = _WORD.findall(label)
    return next((word for word in words if word in OTHER_STATISTICS or re.fullmatch(r"p\d+(\.\d+)?", word)), None)
