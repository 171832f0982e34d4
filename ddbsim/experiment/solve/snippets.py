"""A change of settings as one types it elsewhere: AWS CLI, SAM, Terraform.

Only what the service lets one set is in it; what changes the traffic or the model's assumptions has no command.
Names come from whoever wrote the scenario: a shell gets them quoted, templates their ASCII letters and digits alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ddbsim.checks.arguments import checked
from ddbsim.scenario import EventSourceMapping, Function, Scenario

__all__ = ["Snippets", "snippets"]

# field -> (option of the CLI, property of SAM, argument of Terraform)
_OF_MAPPING = {
    "batch_size": ("--batch-size", "BatchSize", "batch_size"),
    "maximum_batching_window_in_seconds": (
        "--maximum-batching-window-in-seconds",
        "MaximumBatchingWindowInSeconds",
        "maximum_batching_window_in_seconds",
    ),
    "parallelization_factor": ("--parallelization-factor", "ParallelizationFactor", "parallelization_factor"),
    "maximum_retry_attempts": ("--maximum-retry-attempts", "MaximumRetryAttempts", "maximum_retry_attempts"),
    "maximum_record_age_in_seconds": (
        "--maximum-record-age-in-seconds",
        "MaximumRecordAgeInSeconds",
        "maximum_record_age_in_seconds",
    ),
    "bisect_batch_on_function_error": (
        "--bisect-batch-on-function-error",
        "BisectBatchOnFunctionError",
        "bisect_batch_on_function_error",
    ),
    "tumbling_window_in_seconds": (
        "--tumbling-window-in-seconds",
        "TumblingWindowInSeconds",
        "tumbling_window_in_seconds",
    ),
    "function_response_types": ("--function-response-types", "FunctionResponseTypes", "function_response_types"),
}
_OF_FUNCTION = {
    "memory_mb": ("--memory-size", "MemorySize", "memory_size"),
    "timeout_s": ("--timeout", "Timeout", "timeout"),
}


# what YAML reads as true, false or nothing
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


@dataclass(frozen=True, slots=True)
class Snippets:
    """The change, three times.

    Attributes
    ----------
    cli
        Commands of the AWS CLI. `UUID` stands for the mapping's, from ``aws lambda list-event-source-mappings``.
    sam
        The part of a SAM template that changes.
    terraform
        The arguments that change.
    """

    cli: str
    sam: str
    terraform: str

    def __str__(self) -> str:
        return f"{self.cli}\n\n{self.sam}\n\n{self.terraform}" if self.cli else "nothing that the service sets changes"


@checked
def snippets(before: Scenario, after: Scenario) -> Snippets:
    """Return what to type to turn one scenario's settings into another's.

    Parameters
    ----------
    before, after
        Scenarios with the same mappings.

    Raises
    ------
    ValueError
        If the mappings are not the same by name.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=1)
    >>> print(snippets(base, ds.vary(base, {"batch_size": 500})).cli)
    aws lambda update-event-source-mapping --uuid UUID --batch-size 500
    """
    labels = [[mapping.label for mapping in scenario.mappings] for scenario in (before, after)]
    if labels[0] != labels[1]:
        raise ValueError(f"snippets need the same mappings before and after, got {labels[0]} and {labels[1]}")
    mappings = [
        (new, change)
        for old, new in zip(before.mappings, after.mappings, strict=True)
        if (change := _changed(old, new, _OF_MAPPING))
    ]
    functions = {
        new.function.name: (new.function, change)
        for old, new in zip(before.mappings, after.mappings, strict=True)
        if (change := _of_function(old.function, new.function))
    }
    changed = list(functions.values())
    return Snippets("\n".join(_cli(mappings, changed)), _sam(mappings, changed), _terraform(mappings, changed))


def _changed(old: Any, new: Any, names: dict[str, tuple[str, str, str]]) -> dict[str, Any]:
    fields = [name for name in names if hasattr(new, name)]
    return {name: getattr(new, name) for name in fields if getattr(old, name) != getattr(new, name)}


def _of_function(old: Function, new: Function) -> dict[str, Any]:
    change = _changed(old, new, _OF_FUNCTION)
    if old.reserved_concurrency != new.reserved_concurrency:
        change["reserved_concurrency"] = new.reserved_concurrency
    return change


_Mappings = list[tuple[EventSourceMapping, dict[str, Any]]]
_Functions = list[tuple[Function, dict[str, Any]]]


def _cli(mappings: _Mappings, functions: _Functions) -> Iterator[str]:
    for number, (_, change) in enumerate(mappings, start=1):
        uuid = "UUID" if len(mappings) == 1 else f"UUID_{number}"
        options = " ".join(_option(name, value) for name, value in change.items())
        yield f"aws lambda update-event-source-mapping --uuid {uuid} {options}"
    for function, change in functions:
        options = " ".join(f"{_OF_FUNCTION[name][0]} {value}" for name, value in change.items() if name in _OF_FUNCTION)
        if options:
            yield f"aws lambda update-function-configuration {_of(function)} {options}"
        if "reserved_concurrency" in change:
            yield _concurrency(function)


def _of(function: Function) -> str:
    # what begins with a dash behind a blank would be the next option
    return f"--function-name{'=' if function.name.startswith('-') else ' '}{shlex.quote(function.name)}"


def _option(name: str, value: Any) -> str:
    option = _OF_MAPPING[name][0]
    if isinstance(value, bool):
        return option if value else option.replace("--", "--no-", 1)
    if isinstance(value, tuple):
        return f"{option} {' '.join(value)}".rstrip()
    return f"{option} {value}"


def _concurrency(function: Function) -> str:
    if function.reserved_concurrency is None:
        return f"aws lambda delete-function-concurrency {_of(function)}"
    return (
        f"aws lambda put-function-concurrency {_of(function)} "
        f"--reserved-concurrent-executions {function.reserved_concurrency}"
    )


def _sam(mappings: _Mappings, functions: _Functions) -> str:
    names = dict.fromkeys(
        [mapping.function.name for mapping, _ in mappings] + [function.name for function, _ in functions]
    )
    if not names:
        return ""
    of_function = {function.name: change for function, change in functions}
    resources = _named(names, _logical)
    streams = _named((mapping.label for mapping, _ in mappings), lambda label: f"{_logical(label)}Stream")
    lines = ["Resources:"]
    for name in names:
        lines += [f"  {_yaml_key(resources[name])}:", "    Type: AWS::Serverless::Function", "    Properties:"]
        for field, value in of_function.get(name, {}).items():
            key = "ReservedConcurrentExecutions" if field == "reserved_concurrency" else _OF_FUNCTION[field][1]
            lines.append(f"      {key}: {_value(value, _yaml)}")
        events = [(mapping, change) for mapping, change in mappings if mapping.function.name == name]
        if events:
            lines.append("      Events:")
        for mapping, change in events:
            lines += [
                f"        {_yaml_key(streams[mapping.label])}:",
                "          Type: DynamoDB",
                "          Properties:",
            ]
            lines += [f"            {_OF_MAPPING[field][1]}: {_value(value, _yaml)}" for field, value in change.items()]
    return "\n".join(lines)


def _terraform(mappings: _Mappings, functions: _Functions) -> str:
    blocks = []
    readers = _named((mapping.label for mapping, _ in mappings), _identifier)
    resources = _named((function.name for function, _ in functions), _identifier)
    for mapping, change in mappings:
        lines = [f"  {_OF_MAPPING[name][2]} = {_value(value, _hcl)}" for name, value in change.items()]
        blocks.append(_block("aws_lambda_event_source_mapping", readers[mapping.label], lines))
    for function, change in functions:
        names = {name: terms[2] for name, terms in _OF_FUNCTION.items()}
        names["reserved_concurrency"] = "reserved_concurrent_executions"
        # Terraform writes "none reserved" as -1
        values = {name: -1 if value is None else value for name, value in change.items()}
        lines = [f"  {names[name]} = {_value(value, _hcl)}" for name, value in values.items()]
        blocks.append(_block("aws_lambda_function", resources[function.name], lines))
    return "\n\n".join(blocks)


def _block(kind: str, label: str, lines: list[str]) -> str:
    return "\n".join([f'resource "{kind}" "{label}" {{', *lines, "}"])


def _named(names: Iterable[str], written: Callable[[str], str]) -> dict[str, str]:
    """Return names as they are written in a template; of those that would be written alike the later ones numbered."""
    made: dict[str, str] = {}
    for name in dict.fromkeys(names):
        own = written(name)
        number = 2
        while own in made.values():
            own, number = f"{written(name)}{number}", number + 1
        made[name] = own
    return made


def _identifier(name: str) -> str:
    """Return a name as Terraform takes it for a resource."""
    label = re.sub("[^A-Za-z0-9_]", "_", name)
    return f"_{label}" if label[0].isdigit() else label


def _logical(name: str) -> str:
    """Return a name as CloudFormation takes it for a resource: letters and digits alone."""
    parts = re.findall("[A-Za-z0-9]+", name)
    return "".join(part[0].upper() + part[1:] for part in parts) or "Function"


def _yaml_key(name: str) -> str:
    # YAML reads No as false, and 1E5 as a number
    return f'"{name}"' if name[0].isdigit() or name.lower() in _YAML_WORDS else name


def _value(value: Any, none: Callable[[], str]) -> str:
    if value is None:
        return none()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return str(value)


def _yaml() -> str:
    # removes the property from the template
    return "!Ref AWS::NoValue"


def _hcl() -> str:
    return "null"
