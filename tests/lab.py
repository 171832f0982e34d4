"""A recorded case as a run: writes of numbered items, a mapping in the service's names, a handler that takes notes."""

import ddbsim as ds
from ddbsim.items import record_sequence_number

# the service's names of a mapping's settings
FIELDS = {
    "BatchSize": "batch_size",
    "BisectBatchOnFunctionError": "bisect_batch_on_function_error",
    "FunctionResponseTypes": "function_response_types",
    "MaximumBatchingWindowInSeconds": "maximum_batching_window_in_seconds",
    "MaximumRecordAgeInSeconds": "maximum_record_age_in_seconds",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "ParallelizationFactor": "parallelization_factor",
    "StartingPosition": "starting_position",
    "TumblingWindowInSeconds": "tumbling_window_in_seconds",
}
AT_S = 10.0


def ordinal(record):
    return int(record["dynamodb"]["NewImage"]["ordinal"]["N"])


def numbered(count, at_s=AT_S, apart_s=0.001, **attributes):
    """Writes of items 1..count, all with one partition key."""
    return [(at_s + n * apart_s, "put", {"pk": "key", "ordinal": n + 1, **attributes}) for n in range(count)]


def settings(esm):
    """The fields of a mapping that a recording names; a filter and a destination in their short forms."""
    fields = {FIELDS[name]: value for name, value in esm.items() if name in FIELDS}
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if "FilterCriteria" in esm:
        fields["filter_criteria"] = (esm["FilterCriteria"],)
    if esm.get("OnFailure", "sqs"):
        fields["on_failure"] = ds.Destination(esm.get("OnFailure", "sqs"))
    return fields


class Notes:
    """A handler that keeps what it is given, and then does as it is told.

    `conduct(event, context)` returns its answer or raises.
    """

    def __init__(self, conduct=lambda event, context: None):
        self.conduct = conduct
        self.events, self.contexts = [], []

    def __call__(self, event, context):
        self.events.append(event)
        self.contexts.append(context)
        return self.conduct(event, context)

    @property
    def batches(self):
        return [[ordinal(record) for record in event["Records"]] for event in self.events]

    @property
    def request_ids(self):
        return [context.aws_request_id for context in self.contexts]

    @property
    def offsets_s(self):
        return [context.now_s - self.contexts[0].now_s for context in self.contexts]


def raising(*bad):
    """Raise for a batch with one of these ordinals; for every batch without any given."""

    def conduct(event, context):
        if not bad or any(ordinal(record) in bad for record in event["Records"]):
            raise RuntimeError("a bad record")

    return conduct


def reporting(*bad):
    """Report these ordinals as failed, whatever is asked for."""

    def conduct(event, context):
        numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"] if ordinal(record) in bad]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}

    return conduct


def always(value):
    return lambda event, context: value


CONDUCTS = {"ok": always(None)}


def conduct_of(function):
    """The behaviour that a recording names."""
    kind = function["kind"]
    if kind == "const":
        return always(function["value"])
    if kind in ("raise", "partial"):
        return (raising if kind == "raise" else reporting)(*function.get("bad", ()))
    return CONDUCTS[kind]


def run(writes, conduct=CONDUCTS["ok"], *, duration_s=60.0, mapping=None, function=None, **scenario):
    """Return the notes of the handler, and the result; writes are rows, or a workload of items."""
    notes = Notes(conduct)
    handler = ds.Function(handler=notes, **(function or {}))
    laid_out = {"table": ds.Table(partitions=1), "stream": ds.Stream(view_type="NEW_AND_OLD_IMAGES"), **scenario}
    whole = ds.Scenario(
        workload=writes if isinstance(writes, ds.ItemWrites) else ds.ItemWrites(writes),
        event_source_mappings=ds.EventSourceMapping(**{"function": handler} | (mapping or {})),
        duration_s=duration_s,
        **laid_out,
    )
    return notes, ds.simulate(whole, rng=7, progress=False)


def counted(result):
    """The sums of the metrics over the run; one that the service gives no datapoint for is zero here."""
    return result.metrics.drop(columns="minute_s").sum(numeric_only=True)


def told(result):
    """What the destination got, in the words of the recordings; `batch` by the ordinals of one key's writes."""
    log = result.stream_log
    numbers = [record_sequence_number(*row) for row in zip(log["shard_id"], log["sequence_number"], strict=True)]
    return [_told(document, numbers) for document in result.discards["document"] if document is not None]


def _told(document, numbers):
    info = document["DDBStreamBatchInfo"]
    first, last = (numbers.index(info[f"{end}SequenceNumber"]) for end in ("start", "end"))
    assert info["batchSize"] == last - first + 1
    return {
        "condition": document["requestContext"]["condition"],
        "approximateInvokeCount": document["requestContext"]["approximateInvokeCount"],
        "functionError": document.get("responseContext", {"functionError": "absent"})["functionError"],
        "batch": list(range(first + 1, last + 2)),
    }
