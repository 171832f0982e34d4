"""A user's own handler, called in virtual time: it gets the event and a context, and its answer decides what follows.

The handler runs for real, in an instant of the simulation; how long it takes there is told by the duration law, or
measured. What it reads of an event is watched for images that the view type does not carry.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import blake2b
from inspect import iscoroutine
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.items import ACCOUNT, lambda_event
from ddbsim.log.outcomes import Invoked
from ddbsim.scenario import EventSourceMapping, Function, Scenario

from .event_records import EventRecords
from .function import Call, Conduct
from .responses import StateError, done_records, names_failures, returned_state
from .stream import Shard

__all__ = [
    "Context",
    "HandlerConduct",
    "MissingImages",
    "Window",
    "call_again",
    "event_of",
    "function_arn",
    "instant",
    "request_id",
    "text_uuid",
]

MissingImages = Counter[str]


def request_id(mapping: str, batch: int) -> str:
    """Return the request id of a batch: retries of an unchanged batch have the same one."""
    return text_uuid(f"{mapping}/{batch}")


def text_uuid(text: str) -> str:
    """Return a UUID that a text always has."""
    return str(uuid.UUID(bytes=blake2b(text.encode(), digest_size=16).digest(), version=4))


class Window(NamedTuple):
    """A tumbling window as an invocation sees it.

    Attributes
    ----------
    start_epoch_s, end_epoch_s
        Its bounds, seconds since 1970.
    state
        What the invocation before handed on.
    is_final, is_early
        Whether this invocation ends it, and whether before its time because the state grew too large.
    """

    start_epoch_s: int
    end_epoch_s: int
    state: Any
    is_final: bool = False
    is_early: bool = False

    @property
    def bounds(self) -> dict[str, str]:
        """Its bounds as events and documents tell them."""
        return {"start": instant(self.start_epoch_s), "end": instant(self.end_epoch_s)}


class Context:
    """The context object of Lambda's Python runtime.

    Attributes
    ----------
    function_name, function_version, invoked_function_arn, memory_limit_in_mb, aws_request_id, log_group_name,
    log_stream_name, identity, client_context
        As in the service.
    state
        What was given as `Function(state=...)`.
    now_s
        Simulated time at which the handler starts, seconds.
    """

    identity = None
    client_context = None
    function_version = "$LATEST"

    def __init__(
        self,
        function: Function,
        region: str,
        request: str,
        now_s: float,
        left_ms: Callable[[], int],
        start_epoch_s: float = 0.0,
    ) -> None:
        self.function_name = function.name
        self.invoked_function_arn = function_arn(region, function.name)
        self.memory_limit_in_mb = str(function.memory_mb)
        self.aws_request_id = request
        self.log_group_name = f"/aws/lambda/{function.name}"
        date = time.strftime("%Y/%m/%d", time.gmtime(start_epoch_s + now_s))
        self.log_stream_name = f"{date}/[$LATEST]{request.replace('-', '')}"
        self.state = function.state
        self.now_s = now_s
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout, at the record that the handler has come to."""
        return self._left_ms()


class _Progress(list[dict[str, Any]]):
    """The records of an event; knows which of them the handler has come to."""

    __slots__ = ("reached",)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for place, record in enumerate(super().__iter__()):
            self.reached = place
            yield record
        self.reached = len(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied as the plain list that it stands for; a copy is no progress."""
        return list, (self.copy(),)

    def copy(self) -> list[dict[str, Any]]:
        """Return the records as a plain list."""
        return list.__getitem__(self, slice(None))


class _Watched(dict[str, Any]):
    """The `dynamodb` part of a record; takes note where an image is asked for that is not there."""

    __slots__ = ("_missing",)

    def watch(self, missing: Callable[[str], None]) -> _Watched:
        self._missing = missing
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied as the plain dict that it stands for."""
        return dict, (dict(self),)

    def __missing__(self, name: str) -> Any:
        self._missing(name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        if name in _IMAGES and not super().__contains__(name):
            self._missing(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        there = super().__contains__(name)
        if not there and name in _IMAGES:
            self._missing(str(name))
        return there


_IMAGES = ("NewImage", "OldImage")
_CARRIED = {
    "KEYS_ONLY": (),
    "NEW_IMAGE": ("NewImage",),
    "OLD_IMAGE": ("OldImage",),
    "NEW_AND_OLD_IMAGES": _IMAGES,
}


def call_again(mapping: EventSourceMapping, event: dict[str, Any]) -> None:
    """Call a mapping's handler with an event, outside the simulation, whatever comes of it."""
    function = mapping.function
    assert function.handler is not None
    context = Context(function, "", request_id(mapping.label, -1), 0.0, lambda: 1000 * function.timeout_s)
    try:
        function.handler(event, context)
    except KeyboardInterrupt:
        raise
    except BaseException:  # what a handler raises on a record is no error of the report's
        pass


class HandlerConduct:
    """How one lane's invocations of a user's handler go.

    Parameters
    ----------
    conduct
        The duration law and the failures of the lane; a failure strikes before the handler's first line, but for a
        duration beyond the timeout: then the handler has run, and its answer is lost.
    mapping
        Gives the function with its handler, and whether it may answer with a partial batch response.
    shard, positions
        The shard, and the shard position of each of the lane's records (None: all).
    events
        Makes the records.
    scenario
        Gives the region and the view type.
    missing
        Counts the images that were asked for and that the view type does not carry.
    """

    def __init__(
        self,
        conduct: Conduct,
        mapping: EventSourceMapping,
        shard: Shard,
        positions: npt.NDArray[np.int64] | None,
        events: EventRecords,
        scenario: Scenario,
        missing: MissingImages,
    ) -> None:
        function = mapping.function
        assert function.handler is not None
        self._conduct = conduct
        self._function = function
        self._handler: Callable[[Any, Any], Any] = function.handler
        self._measured = function.duration == "measured"
        self._reports = mapping.reports_item_failures
        self._mapping, self._shard, self._positions = mapping.label, shard, positions
        self._events = events
        self._region, self._start_epoch_s = scenario.region, scenario.start_epoch_s
        self._never = tuple(image for image in _IMAGES if image not in _CARRIED[scenario.stream.view_type])
        self._missing = missing

    def call(
        self,
        batch: int,
        first: int,
        last: int,
        cumulative_bytes: memoryview,
        started_s: float,
        window: Window | None = None,
    ) -> Call:
        """Return how the invocation with the lane's records [first, last) goes if its handler starts at `started_s`."""
        usual = self._conduct.call(batch, first, last, cumulative_bytes, started_s)
        slow = usual.outcome == Invoked.TIMEOUT and self._conduct.outage_kind(started_s) != "timeout"
        if usual.outcome != Invoked.SUCCESS and not slow:
            # a failure of the law's takes no part in the state: what it reports as done leaves the state as it was
            return usual if window is None else usual._replace(state=window.state)
        records = _Progress(self._records(first, last))
        records.reached = 0
        began = time.perf_counter()
        context = Context(
            self._function,
            self._region,
            request_id(self._mapping, batch),
            started_s,
            lambda: self._left_ms(records, usual.duration_s, began),
            self._start_epoch_s,
        )
        event = event_of(records, self._shard.name, self._events.arn, window)
        call = self._answered(event, context, records, window is not None)
        duration_s = time.perf_counter() - began if self._measured else usual.duration_s
        if slow or duration_s > self._function.timeout_s:
            # what the handler did is done, its answer is lost
            return Call(float(self._function.timeout_s), Invoked.TIMEOUT, 0)
        return call._replace(duration_s=duration_s)

    def _answered(self, event: dict[str, Any], context: Context, records: _Progress, windowed: bool) -> Call:
        # taken before the call: the handler may change the records
        count = len(records)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in list.__iter__(records)] if self._reports else []
        try:
            answer = _as_json(self._handler(event, context))
            state = returned_state(answer) if windowed else None
        except StateError:
            # the function itself has returned normally
            return Call(0.0, Invoked.PARTIAL, 0)
        except MemoryError:
            return Call(0.0, Invoked.OUT_OF_MEMORY, 0)
        except KeyboardInterrupt:
            raise
        except Exception:
            return Call(0.0, Invoked.ERROR, 0)
        except BaseException:  # sys.exit and a cancelled task end the process of the runtime, not the run
            return Call(0.0, Invoked.ERROR, 0, exits=True)
        if not self._reports or not names_failures(answer):
            return Call(0.0, Invoked.SUCCESS, count, state)
        return Call(0.0, Invoked.PARTIAL, done_records(answer, numbers), state)

    def _records(self, first: int, last: int) -> list[dict[str, Any]]:
        places = range(first, last) if self._positions is None else self._positions[first:last].tolist()
        records = [self._events.record(self._shard, place) for place in places]
        if self._never:
            for record in records:
                record["dynamodb"] = _Watched(record["dynamodb"]).watch(self._note_missing)
        return records

    def _note_missing(self, image: str) -> None:
        if image in self._never:
            self._missing[image] += 1

    def _left_ms(self, records: _Progress, duration_s: float, began: float) -> int:
        share = records.reached / max(len(records), 1)
        used_s = time.perf_counter() - began if self._measured else duration_s * share
        return max(0, int((self._function.timeout_s - used_s) * 1000))


def event_of(
    records: list[dict[str, Any]], shard: str, stream_arn: str, window: Window | None = None
) -> dict[str, Any]:
    """Return the event of an invocation; with a tumbling window it tells of the window, and holds a copy of its state.

    Parameters
    ----------
    records
        Of the batch.
    shard, stream_arn
        Where they come from.
    window
        The window, None where the mapping has none.
    """
    if window is None:
        return lambda_event(records)
    told = {
        "shardId": shard,
        "eventSourceARN": stream_arn,
        "window": window.bounds,
        "state": json.loads(json.dumps(window.state)),
        "isFinalInvokeForWindow": window.is_final,
        "isWindowTerminatedEarly": window.is_early,
    }
    return lambda_event(records, told)


def _as_json(answer: Any) -> Any:
    """Return an answer as it arrives at the poller; ValueError or TypeError for one that Lambda's runtime refuses."""
    text = json.dumps(answer, default=_unlike_json)
    size, most = len(text.encode()), limits.RESPONSE_PAYLOAD_BYTES.value
    if size > most:
        raise ValueError(f"an answer must have at most {most} bytes, got {size}")
    return json.loads(text)


def _unlike_json(value: Any) -> float:
    """Return a Decimal as a number: Lambda's Python runtime takes them in answers, and nothing else beyond JSON."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if iscoroutine(value):
        # what an `async def` returns: nobody will run it, in the service neither
        value.close()
    raise TypeError(f"{type(value).__name__} is no JSON")


def function_arn(region: str, name: str) -> str:
    """Return the ARN of a function, without a qualifier."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"


def instant(epoch_s: int) -> str:
    """Return a whole second since 1970 as the service writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_s))
