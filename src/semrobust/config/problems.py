"""What is wrong with params, as one line each: the key's path, its value, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from semrobust.config.settings import Settings
from semrobust.errors import similar


@dataclass(frozen=True)
class Problem:
    """A value that a schema refuses: `path` is relative to the section, `value` as it is shown."""

    path: str
    kind: str
    value: str
    allowed: str

    def below(self, prefix: str) -> str:
        """The line, the path counted from `prefix`."""
        return f"{'.'.join(filter(None, (prefix, self.path)))}: {self.value}, {self.allowed}"

    @property
    def missing(self) -> bool:
        """Whether a key is missing, rather than something wrong."""
        return self.kind in ("missing", "union_tag_not_found")


def problems_of(schema: type[Settings], section: Mapping[str, Any]) -> list[Problem]:
    """All that a schema refuses of a section."""
    try:
        schema.model_validate(section)
    except ValidationError as error:
        return [_problem(item, schema) for item in error.errors()]
    return []


def _problem(item: Any, schema: type[Settings]) -> Problem:
    kind, message = item["type"], item["msg"]
    path = ".".join(map(str, item["loc"]))
    if kind == "missing":
        return Problem(path, kind, "missing", "the key is required")
    if kind == "extra_forbidden":
        allowed = f"unknown key{similar(str(item['loc'][-1]), _keys(schema))}"
    else:
        allowed = message[:1].lower() + message[1:]
    return Problem(path, kind, show(item["input"]), allowed)


def _keys(annotation: Any) -> Iterator[str]:
    """All keys in a section, and in the sections within it."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield from annotation.model_fields
        for field in annotation.model_fields.values():
            yield from _keys(field.annotation)
    for inner in get_args(annotation):
        yield from _keys(inner)


def show(value: Any) -> str:
    """A value for a message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
