"""What is wrong with params, as one line each: the key's path, its value, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from semrobust.config.settings import Settings


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
        return [_problem(item) for item in error.errors()]
    return []


def _problem(item: Any) -> Problem:
    kind, message = item["type"], item["msg"]
    path = ".".join(map(str, item["loc"]))
    if kind == "missing":
        return Problem(path, kind, "missing", "the key is required")
    allowed = "unknown key" if kind == "extra_forbidden" else message[:1].lower() + message[1:]
    return Problem(path, kind, show(item["input"]), allowed)


def show(value: Any) -> str:
    """A value for a message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
