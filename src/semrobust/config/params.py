"""Load and validate params files: one message with every wrong key's path before anything runs.

In this order: files are read (`files`), plug-ins that they name are found (`plugins`), files are laid over each other
(`overlay`, `limits`), grids become systems (`grid`), defaults come under entries (`defaults`), and the model (`schema`)
and what shows across keys (`checks`) are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from semrobust.config import checks, limit_checks, plugins
from semrobust.config.defaults import Defaults
from semrobust.config.files import read_yaml as read_yaml
from semrobust.config.grid import expand
from semrobust.config.kinds import Kinds, kinds
from semrobust.config.overlay import PRESETS
from semrobust.config.overlay import merge as merge
from semrobust.config.problems import problems_of, show
from semrobust.config.schema import NAME
from semrobust.config.schema import NO_RESULT as NO_RESULT
from semrobust.config.schema import Params as Params
from semrobust.config.settings import Plain
from semrobust.errors import ParamsError, similar

_ENTRIES = {
    "systems": "systems",
    "attacks": "attacks",
    "criteria.attacks": "attacks",
    "recognition.noise": "noise",
    "recognition.adaptive.noise": "noise",
    "threats.noise": "noise",
}
"""Where entries with a kind stand, and which defaults they have."""


_LISTS = {"evaluation.main": ("systems", "attacks"), "threats": ("systems", "attacks")}
"""Sections with lists of names of systems and of attacks. What an overlay takes out of a run may stay in them."""


def load(paths: Sequence[Path]) -> Params:
    """Read params from files, later ones overlaying earlier ones, and validate the result."""
    source = " + ".join(map(str, paths))
    params = validate(overlaid(paths), source)
    if problems := list(_unknown_names(params, read_yaml(paths[0]))):
        raise ParamsError(problems, source)
    return params


def overlaid(paths: Sequence[Path]) -> Plain:
    """The content of params files as one, each over those before it; raises ParamsError for limits that are none."""
    contents = [(path, read_yaml(path)) for path in paths]
    for path, content in contents[:1]:
        _refuse_an_overlay(content, path)
    given = [content["plugins"] for _, content in contents if "plugins" in content]
    of = kinds(given[-1] if given else (), " + ".join(map(str, paths)))  # a list is overlaid whole
    merged: Plain = {}
    for path, content in contents:
        wrong = limit_checks.problems(content, of, first=path == paths[0])
        if wrong:
            raise ParamsError(wrong, str(path))
        merged = merge(merged, content)
    return merged


def _refuse_an_overlay(content: Plain, path: Path) -> None:
    """Raise ParamsError for a first file that is no whole."""
    lacks = [name for name, field in Params.model_fields.items() if field.is_required() and name not in content]
    if lacks:
        whole = f"lacks {', '.join(lacks)}, so it is an overlay: name the whole params first,"
        preset = f", or give --preset {path.stem}" if path.parent == PRESETS else ""
        raise ParamsError([f"{whole} as in --params params.yaml --params {path}{preset}"], str(path))


def validate(raw: Mapping[str, Any], source: str = "params") -> Params:
    """Validate merged params; raises ParamsError listing each problem with the key's path and its value."""
    problems: list[str] = []
    of = kinds(raw.get("plugins", ()), source)
    defaults = _defaults(raw.get("defaults", {}), of, problems)
    content = {key: dict(value) if isinstance(value, Mapping) else value for key, value in raw.items()}
    content.pop("defaults", None)
    if isinstance(raw.get("systems"), Mapping):
        content["systems"] = expand(raw["systems"], "systems", merge, problems)
    for path, section in _ENTRIES.items():
        *above, key = path.split(".")
        if (holder := _holder(content, above)) is not None:
            holder[key] = _entries(holder.get(key), path, of[section], defaults[section], problems)
    for holder in (content.get("criteria"), content.get("csi")):
        if isinstance(holder, dict) and isinstance(holder.get("broken"), Mapping):
            holder["broken"] = {name: rule for name, rule in holder["broken"].items() if rule is not None}
    reported = tuple(_ENTRIES)  # entry by entry, with their full path
    wrong = problems_of(Params, content)
    problems += [problem.below("") for problem in wrong if not problem.path.startswith(reported)]
    if not problems:
        params = Params.model_validate(content)
        problems = checks.problems(params)
    if problems:
        raise ParamsError(problems, source)
    return params


def _unknown_names(params: Params, whole: Plain) -> Iterator[str]:
    """Names in `_LISTS` that neither the run has nor the first file, the `whole` one, had or says to leave out."""
    before = {"systems": expand(whole["systems"], "systems", merge, []), "attacks": whole["attacks"]}
    for path, lists in _LISTS.items():
        for key in lists:
            known = [*getattr(params, key), *before[key]]
            left_out = tuple(f"{name}_" for name, entry in before[key].items() if entry is None)  # of a whole grid
            for name in getattr(reduce(getattr, path.split("."), params), key):
                if name not in known and not name.startswith(left_out):
                    yield f"{path}.{key}: {name!r}, must be one of the section {key}{similar(name, known)}"


def _holder(content: Plain, path: Sequence[str]) -> Plain | None:
    """The section at a path, a copy put in its place; None if there is none."""
    for key in path:
        if not isinstance(content.get(key), Mapping):
            return None
        content[key] = content = dict(content[key])
    return content


def _defaults(given: Any, of: Mapping[str, Kinds], problems: list[str]) -> dict[str, Defaults]:
    """Defaults by section."""
    if not isinstance(given, Mapping):
        problems.append(f"defaults: {show(given)}, must be a section with {', '.join(of)}")
        given = {}
    problems += [f"defaults.{name}: {show(given[name])}, unknown key" for name in given if name not in of]
    found = {name: Defaults(given.get(name, {}), f"defaults.{name}", of[name].settings) for name in of}
    for defaults in found.values():
        problems += defaults.problems
    return found


def _entries(entries: Any, section: str, of: Kinds, defaults: Defaults, problems: list[str]) -> Plain:
    """Validate each entry of a section, its defaults under it, by the settings class of its kind."""
    if not isinstance(entries, Mapping):
        problems.append(f"{section}: {show(entries)}, must be a section with one entry per {of.what}")
        return {}
    valid: Plain = {}
    for name, entry in entries.items():
        path = f"{section}.{name}"
        if entry is None:
            continue
        kind = entry.get("kind") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping):
            problems.append(f"{path}: {show(entry)}, must be a section")
        elif not isinstance(name, str) or not NAME.match(name):
            problems.append(f"{path}: the name must be lower case letters, digits and _")
        elif not isinstance(kind, str) or kind not in of.settings:
            known = f"must be one of {', '.join(of.settings)}"
            problems.append(f"{path}.kind: {show(kind)}, {known}{_elsewhere(section, kind)}")
        else:
            whole = defaults.under(entry)
            wrong = problems_of(of.settings[kind], whole)
            problems += [problem.below(path) for problem in wrong if not defaults.blamed(kind, problem)]
            if not wrong:
                valid[name] = of.settings[kind].model_validate(whole)
    if not valid and not problems:
        problems.append(f"{section}: must have at least one entry")
    return valid


def _elsewhere(section: str, kind: Any) -> str:
    """Which installed package offers a kind, if its name is all that `plugins` lacks."""
    if not isinstance(kind, str):
        return ""
    room = _ENTRIES[section]
    found = [name for name, plugin in plugins.announced().items() if kind in plugin.offers.get(room, ())]
    return f"; the installed package {found[0]} offers it: name it in plugins" if found else ""
