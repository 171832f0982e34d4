"""A user's own handler, called in virtual time: it gets the event and a context, and its answer decides what follows.

The handler runs for real, in an instant of the simulation; how long it takes there is told by the duration law, or
measured. What it reads of an event is watched for images that are not there.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from inspect import iscoroutine
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.aws import error_types, limits
from ddbsim.items import ACCOUNT, lambda_event
from ddbsim.log.outcomes import Invoked
from ddbsim.log.reasons import Reason, one_line
from ddbsim.record.stream import Shard
from ddbsim.scenario import EventSourceMapping, Function, Scenario
from ddbsim.system.interrupt import interruptible
from ddbsim.system.stream.event_records import EventRecords

from .environments import TIMED_OUT, Call, InvocationModel
from .errors import raised
from .responses import (
    NO_STATE,
    StateError,
    done_records,
    names_failures,
    reported_places,
    returned_state,
    what_is_wrong,
)

__all__ = [
    "IGNORED_FAILURES",
    "NO_FAILURES_KEY",
    "Context",
    "HandlerInvocation",
    "HandlerNotes",
    "Missing",
    "Window",
    "call_again",
    "event_of",
    "function_arn",
    "instant",
    "request_id",
    "text_uuid",
]

#: What answers can be that fail nothing, and that nobody means.
NO_FAILURES_KEY: Final = "had no key batchItemFailures, and count as the success of all records"
IGNORED_FAILURES: Final = "named failed records, which are ignored without function_response_types"


class Missing(NamedTuple):
    """An image that a handler asked for and that is not there.

    Attributes
    ----------
    image, event_name
        "NewImage" or "OldImage", and of what kind of change.
    cause
        "event" where such a change has none under any view type, else "view type".
    """

    image: str
    event_name: str
    cause: str

    @classmethod
    def of(cls, image: str, event_name: str) -> Missing:
        """Return the missing image of a change, with its cause."""
        never = _WITHOUT.get(event_name) == image
        return cls(image, event_name, "event" if never else "view type")


class HandlerNotes:
    """What the calls of one function's handler met, beside failures.

    Attributes
    ----------
    missing
        How often it asked for which image that was not there.
    answers
        How many answers were of a kind that nobody means.
    """

    def __init__(self) -> None:
        self.missing: Counter[Missing] = Counter()
        self.answers: Counter[str] = Counter()


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

    __slots__ = ("indexed", "reached")

    indexed: int
    reached: int

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for place, record in enumerate(super().__iter__()):
            self.reached = place
            yield record
        self.reached = len(self)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, int):
            self.indexed = max(self.indexed, place % max(len(self), 1))
        return super().__getitem__(place)

    @property
    def passed(self) -> int:
        """How many records the handler has left behind it, at least."""
        return max(self.reached, self.indexed)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied as the plain list that it stands for; a copy is no progress."""
        return list, (self.copy(),)

    def copy(self) -> list[dict[str, Any]]:
        """Return the records as a plain list."""
        return list.__getitem__(self, slice(None))


class _Watched(dict[str, Any]):
    """The `dynamodb` part of a record; takes note where an image is asked for that is not there."""

    __slots__ = ("_event_name", "_missing")

    def watch(self, missing: Callable[[str, str], None], event_name: str) -> _Watched:
        self._missing, self._event_name = missing, event_name
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied as the plain dict that it stands for."""
        return dict, (dict(self),)

    def __missing__(self, name: str) -> Any:
        self._ask(name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._ask(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self._ask(name)
        return super().pop(name, *default)

    def __contains__(self, name: object) -> bool:
        self._ask(name)
        return super().__contains__(name)

    def _ask(self, name: object) -> None:
        if name in _IMAGES and not super().__contains__(name):
            self._missing(str(name), self._event_name)


_IMAGES = ("NewImage", "OldImage")
# which image a change never has
_WITHOUT = {"INSERT": "OldImage", "REMOVE": "NewImage"}


def call_again(mapping: EventSourceMapping, event: dict[str, Any]) -> None:
    """Call a mapping's handler with an event, outside the simulation, whatever comes of it."""
    function = mapping.function
    assert function.handler is not None
    context = Context(function, "", request_id(mapping.label, -1), 0.0, lambda: 1000 * function.timeout_s)
    try:
        _as_json(function.handler(event, context))
    except KeyboardInterrupt:
        raise
    except BaseException:  # what a handler raises on a record is no error of the report's
        pass


class HandlerInvocation:
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
    notes
        Gets what the handler met beside failures.
    """

    def __init__(
        self,
        conduct: InvocationModel,
        mapping: EventSourceMapping,
        shard: Shard,
        positions: npt.NDArray[np.int64] | None,
        events: EventRecords,
        scenario: Scenario,
        notes: HandlerNotes,
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
        self._view_type = scenario.stream.view_type
        self._notes = notes
        self._asked: Missing | None = None

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
        records.reached = records.indexed = 0
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
            worked = range(min(records.passed, last - first))
            return Call(float(self._function.timeout_s), Invoked.TIMEOUT, 0, reason=TIMED_OUT, worked=worked)
        return call._replace(duration_s=duration_s)

    def _answered(self, event: dict[str, Any], context: Context, records: _Progress, windowed: bool) -> Call:
        # taken before the call: the handler may change the records
        count = len(records)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in list.__iter__(records)] if self._reports else []
        self._asked = None
        try:
            answer = interruptible(self._handler, event, context)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit and a cancelled task end the process of the runtime, not the run
            return self._raised(error, range(min(records.passed, count)))
        try:
            answer = _as_json(answer)
            state = returned_state(answer) if windowed else None
        except StateError:
            # the function itself has returned normally
            return Call(0.0, Invoked.PARTIAL, 0, reason=NO_STATE, worked=range(count))
        except _AnswerError as error:
            return Call(0.0, Invoked.ERROR, 0, reason=error.reason, worked=range(count))
        return self._judged(answer, numbers, count, min(records.passed, count), state)

    def _raised(self, error: BaseException, worked: Sequence[int]) -> Call:
        outcome = Invoked.OUT_OF_MEMORY if isinstance(error, MemoryError) else Invoked.ERROR
        exits = not isinstance(error, Exception)
        return Call(0.0, outcome, 0, exits=exits, reason=raised(error, self._hint(error)), worked=worked)

    def _hint(self, error: BaseException) -> str:
        """Return what is known of a KeyError: that it is an image which the event does not have, and why."""
        asked = self._asked
        if asked is None or not isinstance(error, KeyError) or error.args != (asked.image,):
            return ""
        if asked.cause == "view type":
            return f", which {self._view_type} leaves out"
        return f" of {'an' if asked.event_name == 'INSERT' else 'a'} {asked.event_name}, which has none"

    def _judged(self, answer: Any, numbers: list[str], count: int, passed: int, state: Any) -> Call:
        """Return what an answer means for its batch."""
        if self._reports and names_failures(answer):
            reported = reported_places(answer, numbers)
            worked = [place for place in range(passed) if place not in reported]
            reason = what_is_wrong(answer, numbers)
            return Call(0.0, Invoked.PARTIAL, done_records(answer, numbers), state, reason=reason, worked=worked)
        if names_failures(answer):
            self._notes.answers[IGNORED_FAILURES] += 1
        elif self._reports and isinstance(answer, dict) and answer.keys() - {"state", "batchItemFailures"}:
            self._notes.answers[NO_FAILURES_KEY] += "batchItemFailures" not in answer
        return Call(0.0, Invoked.SUCCESS, count, state)

    def _records(self, first: int, last: int) -> list[dict[str, Any]]:
        places = range(first, last) if self._positions is None else self._positions[first:last].tolist()
        records = [self._events.record(self._shard, place) for place in places]
        for record in records:
            dynamodb = record["dynamodb"]
            if "NewImage" not in dynamodb or "OldImage" not in dynamodb:
                record["dynamodb"] = _Watched(dynamodb).watch(self._note_missing, record["eventName"])
        return records

    def _note_missing(self, image: str, event_name: str) -> None:
        self._asked = Missing.of(image, event_name)
        self._notes.missing[self._asked] += 1

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


class _AnswerError(ValueError):
    """An answer that Lambda's runtime refuses."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(error_type, message)


def _as_json(answer: Any) -> Any:
    """Return an answer as it arrives at the poller.

    Raises
    ------
    _AnswerError
        For one that Lambda's runtime refuses.
    """
    wrong: list[str] = []

    def unlike_json(value: Any) -> Any:
        """Return a Decimal as a number: Lambda's Python runtime takes them in answers, and nothing else beyond JSON."""
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        wrong.append(f"Object of type {type(value).__name__} is not JSON serializable")
        if iscoroutine(value):
            # all of them are closed: nobody will run them, in the service neither
            value.close()
            wrong[-1] += f" ({value.__qualname__} is an async def, which the runtime does not await)"
        return None

    try:
        text = json.dumps(answer, default=unlike_json)
    except Exception as error:  # what a value of the user's own does when it is looked at
        wrong.append(str(error))
    if wrong:
        raise _AnswerError(error_types.NOT_JSON, one_line(f"Unable to marshal response: {wrong[0]}"))
    size, most = len(text.encode()), limits.RESPONSE_PAYLOAD_BYTES.value
    if size > most:
        raise _AnswerError(error_types.RESPONSE_TOO_LARGE, f"an answer must have at most {most} bytes, got {size}")
    return json.loads(text)


def function_arn(region: str, name: str) -> str:
    """Return the ARN of a function, without a qualifier."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"


def instant(epoch_s: int) -> str:
    """Return a whole second since 1970 as the service writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_s))
