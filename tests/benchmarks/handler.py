"""A handler run beside a plain loop that calls the handler on the same events.

    python tests/benchmarks/handler.py

The loop gets the events ready made, parsed once more for each round from their text, as Lambda's runtime would: that
is all that a handler costs without a simulator. Each round runs both; the table shows the median ratio and its range.
"""

from __future__ import annotations

import json
import statistics
import time

from boto3.dynamodb.types import TypeDeserializer

import ddbsim as ds

ROUNDS = 5
RECORDS = 20_000


deserialize = TypeDeserializer().deserialize


def bare(event, context):
    """Sum an attribute per kind straight from the JSON: about the least that a handler can do."""
    totals = {}
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        kind = image["kind"]["S"]
        totals[kind] = totals.get(kind, 0) + int(image["amount"]["N"])
    return {"totals": totals}


def usual(event, context):
    """Make each image plain with boto3, as handlers do, and sum an attribute per kind."""
    totals = {}
    for record in event["Records"]:
        image = {name: deserialize(value) for name, value in record["dynamodb"]["NewImage"].items()}
        totals[image["kind"]] = totals.get(image["kind"], 0) + int(image["amount"])
    return {"totals": totals}


def scenario(function: ds.Function) -> ds.Scenario:
    """20,000 puts of items of some 200 bytes, 1,000 a second."""
    writes = [
        (n / 1_000, "put", {"pk": f"order-{n}", "kind": "abc"[n % 3], "amount": n % 97, "note": "x" * 150})
        for n in range(RECORDS)
    ]
    return ds.Scenario(
        workload=ds.ItemWrites(writes),
        table=ds.Table(partitions=2),
        stream=ds.Stream(view_type="NEW_IMAGE"),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=RECORDS / 1_000 + 10,
    )


def ratios(handler, texts: list[str]) -> list[float]:
    """Return, round by round, the time of a run over the time of the loop."""
    run = scenario(ds.Function(handler=handler))
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for text in texts:
            handler(json.loads(text), None)
        loop_s = time.process_time() - began
        began = time.process_time()
        ds.simulate(run, rng=7, progress=False)
        found.append((time.process_time() - began) / loop_s)
    return found


def main() -> None:
    """Print the ratios."""
    texts: list[str] = []
    kept = scenario(ds.Function(handler=lambda event, context: texts.append(json.dumps(event))))
    ds.simulate(kept, rng=7, progress=False)
    print(f"{RECORDS:,} records in {len(texts):,} invocations; time of a run / time of the loop")
    for handler in (usual, bare):
        found = ratios(handler, texts)
        print(f"{handler.__name__:>8}  {statistics.median(found):5.2f}  ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main()
