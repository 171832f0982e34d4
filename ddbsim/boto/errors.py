"""The service's errors as boto3 raises them: with botocore's own class where it is installed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

__all__ = ["EXCEPTIONS", "PlainClientError", "service_error"]

_MODELLED = (
    "ExpiredIteratorException",
    "InternalServerError",
    "LimitExceededException",
    "ResourceNotFoundException",
    "TrimmedDataAccessException",
)


class PlainClientError(Exception):
    """What stands in for `botocore.exceptions.ClientError` where botocore is not installed.

    Attributes
    ----------
    response
        As botocore has it: ``response["Error"]["Code"]`` and ``["Message"]``.
    operation_name
        The API's name of the operation.
    """

    def __init__(self, error_response: dict[str, Any], operation_name: str) -> None:
        self.response = error_response
        self.operation_name = operation_name
        error = error_response["Error"]
        super().__init__(f"{error['Code']} in {operation_name}: {error['Message']}")


def _base() -> type[Exception]:
    try:
        from botocore.exceptions import ClientError
    except ImportError:
        return PlainClientError
    return ClientError  # type: ignore[no-any-return]


def _exceptions(base: type[Exception]) -> SimpleNamespace:
    return SimpleNamespace(ClientError=base, **{name: type(name, (base,), {}) for name in _MODELLED})


#: What a boto3 client has as `client.exceptions`.
EXCEPTIONS = _exceptions(_base())


def service_error(code: str, message: str, operation: str) -> Exception:
    """Return the exception that a boto3 client raises for an error of the service.

    Parameters
    ----------
    code, message
        As the service gives them.
    operation
        The API's name of the operation.
    """
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RetryAttempts": 0},
    }
    # what the API's model does not name comes as the general class, as in boto3
    kind: type[Exception] = getattr(EXCEPTIONS, code, EXCEPTIONS.ClientError)
    return kind(response, operation)
