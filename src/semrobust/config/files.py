"""Params files as plain values: YAML 1.2 with anchors, aliases and merge keys, in which no key stands twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from semrobust.errors import ParamsError

if TYPE_CHECKING:  # completion reads files, and does not wait for pydantic
    from semrobust.config.settings import Plain

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.2, which DVC reads and writes (`dvc exp run -S`). For 1.1, PyYAML's default, 4:2:0 is a number."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\d[\d_]*\.\d*|\.\d+|\d[\d_]*(?=[eE]))(?:[eE][-+]?\d+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def read_yaml(path: Path) -> Plain:
    """Read one YAML file of sections; raises ParamsError if it is missing or not a mapping."""
    try:
        content = _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError([f"{error.strerror}: give --params FILE or run in the project's root"], str(path)) from error
    except (yaml.YAMLError, ValueError, TypeError) as error:  # ValueError: no UTF-8; TypeError: a key that is a list
        raise ParamsError([f"not readable as YAML: {error}"], str(path)) from error
    if not isinstance(content, dict):
        raise ParamsError(["the file must hold sections (key: value)"], str(path))
    return content


def _parse(content: str) -> Any:
    loader = _Loader(content)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _refuse(loader, root, [], set())
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _refuse(loader: Any, node: yaml.Node, above: list[yaml.Node], seen: set[int]) -> None:
    """Raise YAMLError for a key that stands twice in its section, and for a section inside itself.

    A key that `<<` brings along and the section gives too stands there once: the section's own value counts.
    """
    if any(node is other for other in above):
        raise yaml.YAMLError(f"the section of line {node.start_mark.line + 1} stands inside itself")
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key_node, _ in node.value:
            key = "<<" if key_node.tag == _MERGE else loader.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.YAMLError(f"the key '{key}' stands twice (line {key_node.start_mark.line + 1})")
            keys.add(key)
    for inner in node.value:
        _refuse(loader, inner[1] if isinstance(inner, tuple) else inner, [*above, node], seen)
