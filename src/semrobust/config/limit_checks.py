"""Checks of limits: each must name a number that some kind has, so that a mistyped one does not silently do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from semrobust.config.kinds import Kinds
from semrobust.config.limits import RULES, endings
from semrobust.config.problems import show
from semrobust.config.settings import Settings


def problems(params: Mapping[str, Any], of: Mapping[str, Kinds], *, first: bool) -> list[str]:
    """Return "key's path: value, what is allowed" for wrong limits of a file; the `first` one can limit nothing.

    `of` are the kinds that there are, by section.
    """
    if first:
        return [f"{rule}: limits what the files before say, and this is the first" for rule in RULES if rule in params]
    return [problem for rule in RULES if rule in params for problem in _of_rule(rule, params[rule], of)]


def _of_rule(rule: str, limits: Any, of: Mapping[str, Kinds]) -> Iterator[str]:
    if not isinstance(limits, Mapping):
        yield f"{rule}: {show(limits)}, must be a section with {', '.join(of)}"
        return
    for section, given in limits.items():
        if section not in of:
            yield f"{rule}.{section}: {show(given)}, unknown key: limits are for {', '.join(of)}"
        elif not isinstance(given, Mapping):
            yield f"{rule}.{section}: {show(given)}, must be a section of limits"
        else:
            numbers = _numbers(of[section].settings.values())
            yield from (f"{rule}.{section}.{problem}" for problem in _wrong(given, numbers))


def _wrong(limits: Mapping[str, Any], numbers: Mapping[str, set[type]]) -> Iterator[str]:
    for name, limit in limits.items():
        if name not in numbers:
            yield f"{name}: {show(limit)}, no setting of that name is a number"
        elif isinstance(limit, bool) or not isinstance(limit, int | float):
            yield f"{name}: {show(limit)}, must be a number"
        elif isinstance(limit, float) and int in numbers[name]:
            yield f"{name}: {show(limit)}, must be a whole number"


def _numbers(schemas: Any) -> dict[str, set[type]]:
    """Types of the numbers that a limit of each name would hold for."""
    found: dict[str, set[type]] = {}
    for schema in schemas:
        for path, of in _fields(schema):
            for ending in endings(path):
                found.setdefault(ending, set()).add(of)
    return found


def _fields(annotation: Any) -> Iterator[tuple[tuple[str, ...], type]]:
    """Paths and types of the numbers in an annotation, those in lists left out."""
    if annotation in (int, float):
        yield (), annotation
    elif isinstance(annotation, type) and issubclass(annotation, Settings):
        for name, field in annotation.model_fields.items():
            yield from (((name, *path), of) for path, of in _fields(field.annotation))
    elif get_origin(annotation) is not list:
        for inner in get_args(annotation):
            yield from _fields(inner)
