"""Fields of a scenario by name: which one is meant, and the scenario with other values there.

A scenario is a tree of frozen dataclasses. A field's path is what one would type to read it
("event_source_mappings[indexer].function.memory_mb"); any end of a path that only one field has names it too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.scenario import Duration, EventSourceMapping, Function, Scenario, without_setting_warnings

__all__ = ["Setting", "Variant", "field_value", "grid", "paths_of", "variants", "vary"]

Setting: TypeAlias = Mapping[str, Any]

_PART = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class _Step:
    """One step down the tree: a field, and which of its items if it holds several."""

    field: str
    index: int | None = None
    label: str = ""

    def __str__(self) -> str:
        return self.field if self.index is None else f"{self.field}[{self.label or self.index}]"


_Path: TypeAlias = tuple[_Step, ...]


def _walk(config: Any, above: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, tuple) and value and all(is_dataclass(item) for item in value):
            yield (*above, _Step(field.name)), value
            steps = [_Step(field.name, index, getattr(item, "label", "")) for index, item in enumerate(value)]
        else:
            steps, value = [_Step(field.name)], (value,)
        for step, item in zip(steps, value, strict=True):
            yield (*above, step), item
            if is_dataclass(item) and not isinstance(item, type):
                yield from _walk(item, (*above, step))


def paths_of(scenario: Scenario) -> list[str]:
    """Return the path of every field of a scenario.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=1)
    >>> [path for path in paths_of(scenario) if "rate" in path]
    ['workload.rate_per_s']
    """
    return [_text(path) for path, _ in _walk(scenario)]


def _text(path: _Path) -> str:
    return ".".join(map(str, path))


def _find(scenario: Scenario, name: str) -> list[tuple[_Path, Any]]:
    """Return the one field that a name means; several only where they are one and the same function's."""
    everywhere = list(_walk(scenario))
    if not isinstance(name, str) or not name:
        raise ValueError(f"a field must be named by a text such as 'batch_size', got {shown(name)}")
    # a whole path is clear, though the end of another may be the same
    whole = [(path, value) for path, value in everywhere if name == _text(path)]
    found = whole or [(path, value) for path, value in everywhere if _means(name, path)]
    if not found:
        raise ValueError(f"the scenario has no field {shown(name)}{_closest(name, everywhere)}")
    if len(found) > 1 and not _same_function(scenario, found):
        paths = ", ".join(_text(path) for path, _ in found)
        raise ValueError(f"{name!r} names several fields: {paths}; give more of the path of the one that is meant")
    return found


def _means(name: str, path: _Path) -> bool:
    """Whether a name is a path or the end of one; it may leave the brackets out."""
    wanted, steps = name.split("."), [str(step) for step in path]
    if len(wanted) > len(steps):
        return False
    return all(
        want == step or ("[" not in want and want == _PART.sub("", step))
        for want, step in zip(reversed(wanted), reversed(steps), strict=False)
    )


def _same_function(scenario: Scenario, found: Sequence[tuple[_Path, Any]]) -> bool:
    """Whether all paths lead to the same field of one function that several mappings name."""
    tails, names = set(), set()
    for path, _ in found:
        if len(path) < 3 or path[1].field != "function" or path[0].index is None:
            return False
        tails.add(path[2:])
        names.add(scenario.mappings[path[0].index].function.name)
    return len(tails) == 1 and len(names) == 1


def _closest(name: str, everywhere: Sequence[tuple[_Path, Any]]) -> str:
    texts = list(dict.fromkeys(_PART.sub("", _text(path)) for path, _ in everywhere))
    by_leaf: dict[str, str] = {}
    for text in texts:
        by_leaf.setdefault(text.rsplit(".", 1)[-1], text)
    near = difflib.get_close_matches(name.rsplit(".", 1)[-1], by_leaf, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(by_leaf[leaf] for leaf in near) + "?"
    return f"; its fields are {', '.join(text for text in texts if '.' not in text)}, and those within them"


def field_value(scenario: Scenario, name: str) -> Any:
    """Return the value of the field that a name means.

    Raises
    ------
    ValueError
        If there is no such field, or several: the message lists them.
    """
    return _find(scenario, name)[0][1]


@checked
def vary(scenario: Scenario, setting: Setting) -> Scenario:
    """Return the scenario with other values in some of its fields.

    A function's memory is a matter of speed too: where `memory_mb` changes, and the duration law does not say at which
    memory it was measured, it was measured at the memory that the function had.

    Parameters
    ----------
    scenario
        What to vary.
    setting
        Field -> value. A field is named by its path, or by any end of it that no other field has.

    Returns
    -------
    Scenario

    Raises
    ------
    ValueError
        If a field is unknown or ambiguous, or the scenario refuses the values together.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=10)
    >>> vary(base, {"batch_size": 500, "function.memory_mb": 256}).mappings[0].batch_size
    500
    """
    changes: dict[_Path, Any] = {}
    for name, value in setting.items():
        for path, _ in _find(scenario, name):
            if path in changes:
                raise ValueError(f"{_text(path)} is given twice, by {name!r} and by another name of it")
            changes[path] = value
    varied: Scenario = _rebuilt(scenario, changes)
    return varied


def _rebuilt(config: Any, changes: Mapping[_Path, Any]) -> Any:
    """Return a configuration with the changes below it made, its own checks run once, on all of them together."""
    new: dict[str, Any] = {}
    below: dict[_Step, dict[_Path, Any]] = {}
    for path, value in changes.items():
        if len(path) == 1 and path[0].index is None:
            new[path[0].field] = value
        else:
            below.setdefault(path[0], {})[path[1:]] = value
    for step, inner in below.items():
        if step.field in new and step.index is None:
            raise ValueError(f"{step.field} and a field within it cannot both be varied")
        if step.index is None:
            new[step.field] = _rebuilt(getattr(config, step.field), inner)
            continue
        items = list(new.get(step.field, getattr(config, step.field)))
        items[step.index] = inner[()] if () in inner else _rebuilt(items[step.index], inner)
        new[step.field] = tuple(items)
    if isinstance(config, Function):
        new |= _measured_where_it_was(config, new)
    return replace(config, **new)


def _measured_where_it_was(function: Function, new: Mapping[str, Any]) -> dict[str, Duration]:
    law = new.get("duration", function.duration)
    if "memory_mb" not in new or new["memory_mb"] == function.memory_mb or not isinstance(law, Duration):
        return {}
    return {"duration": replace(law, measured_at_mb=function.memory_mb)} if law.measured_at_mb is None else {}


@dataclass(frozen=True, slots=True)
class Variant:
    """A setting, and the scenario it makes, or why it makes none.

    Attributes
    ----------
    setting
        Field -> value.
    scenario
        None where the values are refused.
    note
        Why it is refused, or what the service accepts though it will not do what one may expect.
    """

    setting: dict[str, Any]
    scenario: Scenario | None
    note: str = ""


def grid(space: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every combination of a space's values, the last field varying fastest.

    Parameters
    ----------
    space
        Field -> its values.

    Raises
    ------
    ValueError
        If the space is empty, or a field has no values, or one twice.

    Examples
    --------
    >>> grid({"batch_size": [10, 100], "memory_mb": [128]})
    [{'batch_size': 10, 'memory_mb': 128}, {'batch_size': 100, 'memory_mb': 128}]
    """
    if not isinstance(space, Mapping) or not space:
        raise ValueError(f"a space must be a dict of fields and their values, at least one, got {shown(space)}")
    settings: list[dict[str, Any]] = [{}]
    for name, given in space.items():
        values = _values(name, given)
        settings = [setting | {name: value} for setting in settings for value in values]
    return settings


def _values(name: str, given: Any) -> list[Any]:
    if isinstance(given, str) or is_dataclass(given) or not hasattr(given, "__iter__"):
        raise ValueError(f"{name} must have a list of values, got {shown(given)}; for one value write [{shown(given)}]")
    values = [value.item() if hasattr(value, "item") and not is_dataclass(value) else value for value in given]
    if not values:
        raise ValueError(f"{name} must have one or more values, got none")
    twice = [value for number, value in enumerate(values) if value in values[:number]]
    if twice:
        raise ValueError(f"{name} must have different values, got {shown(twice[0])} twice")
    return values


def variants(scenario: Scenario, settings: Sequence[Setting]) -> list[Variant]:
    """Return the scenario of each setting; a refused combination is kept, with the reason.

    Raises
    ------
    ValueError
        If a field is unknown or ambiguous, or every single setting is refused.
    """
    for name in dict.fromkeys(name for setting in settings for name in setting):
        _find(scenario, name)
    made = [_variant(scenario, dict(setting)) for setting in settings]
    if made and all(variant.scenario is None for variant in made):
        raise ValueError(f"no setting of this space makes a scenario; the first is refused: {made[0].note}")
    return made


def _variant(scenario: Scenario, setting: dict[str, Any]) -> Variant:
    # a warning of one setting among sixty is a remark on it, not a warning to the whole sweep
    with without_setting_warnings() as traps:
        try:
            made = vary(scenario, setting)
        except (ValueError, TypeError) as error:
            return Variant(setting, None, str(error))
    return Variant(setting, made, "; ".join(dict.fromkeys(traps)))


def mapping_of(scenario: Scenario, label: str | None) -> EventSourceMapping:
    """Return the mapping of that name, or the only one.

    Raises
    ------
    ValueError
        If there is none of that name, or several to choose from.
    """
    labels = [mapping.label for mapping in scenario.mappings]
    if label is None and len(labels) == 1:
        return scenario.mappings[0]
    if label not in labels:
        raise ValueError(f"event_source_mapping must be one of {', '.join(map(repr, labels))}, got {shown(label)}")
    return scenario.mappings[labels.index(label)]
