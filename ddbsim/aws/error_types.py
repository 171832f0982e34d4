"""Lambda's names for what ended an invocation, as REPORT lines and error payloads have them in `errorType`.

An exception has its class's name. The others are the service's own, with their origins and dates:

- `Sandbox.Timedout`, with "Task timed out after 3.00 seconds": aws-lambda-runtime-interface-emulator's source and
  recorded payloads (2024-2026).
- `Runtime.ExitError`: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (2026-10).
- `Runtime.OutOfMemory`: public REPORT lines (2025-10, 2026).
- `Runtime.MarshalError`: the Python runtime interface client, `lambda_runtime_exception.py` (2026); also what an
  `async def` handler ends in, whose coroutine nobody awaits.
- `Function.ResponseSizeTooLarge`: recorded payloads (2021-2026).
- `RequestTooLargeException`, "The request payload exceeded the Invoke request body JSON input quota": an error of
  `Invoke`, as botocore's reference has it
  (https://docs.aws.amazon.com/botocore/latest/reference/services/lambda/client/exceptions/RequestTooLargeException.html,
  2026-11). That it is also the word for an event that a mapping could not send is assumed: no REPORT line is left of
  one.
"""

from typing import Final

__all__ = [
    "EXITED",
    "NOT_JSON",
    "OUT_OF_MEMORY",
    "REQUEST_TOO_LARGE",
    "RESPONSE_TOO_LARGE",
    "TIMED_OUT",
]

TIMED_OUT: Final = "Sandbox.Timedout"
EXITED: Final = "Runtime.ExitError"
OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"
NOT_JSON: Final = "Runtime.MarshalError"
RESPONSE_TOO_LARGE: Final = "Function.ResponseSizeTooLarge"
REQUEST_TOO_LARGE: Final = "RequestTooLargeException"
