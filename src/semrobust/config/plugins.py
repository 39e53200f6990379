"""Plug-ins: systems, attacks, tables and figures from outside, which `plugins` in the params names.

    plugins: [semrobust_pca, plugins/mine.py, plugins/my_lab]

A name is that of an installed package, as Python imports it; a path leads to a file or a package in the project's
folder. What an installed package offers its entry points say; of one without any, and of a path, the sources do
(`config.offers`).

A plug-in that is merely installed does nothing. Of one that the params name, a module is imported when a kind, table or
figure in it is asked for.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from semrobust.config import offers
from semrobust.config.offers import GROUPS, MARKS, Offers
from semrobust.errors import ParamsError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Plugin:
    """A plug-in as it lies here.

    Attributes:
        given: what `plugins` calls it.
        name: its top-level package or module.
        place: the folder or file of that.
        offers: see `Offers`.
        distribution, version: of an installed package, if pip knows it.
    """

    given: str
    name: str
    place: Path
    offers: Offers
    distribution: str | None = None
    version: str | None = None

    @property
    def inside(self) -> bool:
        """Whether it lies in the project, rather than being installed."""
        return _is_path(self.given)

    def files(self) -> Iterator[Path]:
        """All of its files."""
        if self.place.is_file():
            yield self.place
            return
        for path in sorted(self.place.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path

    def fingerprint(self) -> str:
        """SHA-256 over all of its files, as 64 hex digits: what a stored plan was made with."""
        hashed = hashlib.sha256()
        for path in self.files():
            content = path.read_bytes()
            hashed.update(f"{path.relative_to(self.place).as_posix()}\0{len(content)}\0".encode() + content)
        return hashed.hexdigest()


_LOCATED: dict[str, Plugin] = {}


def located(given: Any) -> list[Plugin]:
    """The plug-ins that `plugins` names, which are found from now on; nothing is imported.

    Raises ParamsError for what is none, offers nothing, or offers what another one does.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise ParamsError([f"plugins: {given!r}, must be a list of names and paths"])
    found = [_at_path(each) if _is_path(each) else _installed(each) for each in given]
    for index, plugin in enumerate(found):
        _checked(plugin, found[:index])
    for plugin in found:  # the last ones come first: a process may read the params of several runs
        _LOCATED.pop(plugin.given, None)
        _LOCATED[plugin.given] = plugin
    return found


def offering(room: str, name: str) -> Plugin | None:
    """The plug-in that offers a name in a room."""
    return next((plugin for plugin in reversed(_LOCATED.values()) if name in plugin.offers[room]), None)


def offered(given: Sequence[str], room: str) -> dict[str, str]:
    """Module by name of what these plug-ins offer in a room."""
    return {name: module for each in given for name, module in _LOCATED[each].offers[room].items()}


def any_located() -> bool:
    """Whether there are plug-ins at all, which most runs have none of."""
    return bool(_LOCATED)


def owner(module: str) -> Plugin | None:
    """The plug-in that a module belongs to."""
    top = module.partition(".")[0]
    return next((plugin for plugin in reversed(_LOCATED.values()) if plugin.name == top), None)


def imported(module: str) -> ModuleType:
    """A module, of a plug-in or not; raises ParamsError, with its cause, for one of a plug-in that cannot be."""
    plugin = owner(module)
    if plugin is None:
        return importlib.import_module(module)
    try:
        if plugin.inside and plugin.name not in sys.modules:
            _execute(plugin)
        return importlib.import_module(module)
    except Exception as error:  # a plug-in can raise anything
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno})"
        raise refusal(plugin.given, f"{module} cannot be imported: {said}") from error


def constant(module: str, name: str) -> Any:
    """What a module defines; raises ParamsError for a plug-in's that does not."""
    plugin, found = owner(module), imported(module)
    if plugin is not None and not hasattr(found, name):
        raise refusal(plugin.given, f"{module} has no {name}")
    return getattr(found, name)


def announced() -> dict[str, Plugin]:
    """Installed packages with entry points for us, by name; nothing is imported."""
    points: dict[str, list[metadata.EntryPoint]] = {}
    for group in GROUPS:
        for point in metadata.entry_points(group=group):
            points.setdefault(point.module.partition(".")[0], []).append(point)
    found = {}
    for name, those in points.items():
        place, dist = _place(name), those[0].dist
        if place is not None:
            said = offers.collected((GROUPS[point.group], point.name, point.module) for point in those)
            known = {} if dist is None else {"distribution": dist.name, "version": dist.version}
            found[name] = Plugin(name, name, place, said, **known)
    return found


def refusal(given: str, what: str) -> ParamsError:
    """What is wrong with a plug-in, as an error of the params, which call it `given`."""
    return ParamsError([f"plugins: {given!r}, {what}"])


def _is_path(given: str) -> bool:
    return "/" in given or given.endswith(".py")


def _installed(given: str) -> Plugin:
    name = given.partition(".")[0]
    if name == __name__.partition(".")[0]:
        raise refusal(given, "is no plug-in but this package")
    if (plugin := announced().get(given)) is not None:
        return plugin
    place = _place(name)
    if place is None:
        raise refusal(given, "is neither a package that Python can import nor a path (with a slash, or to a .py file)")
    below = place.joinpath(*given.split(".")[1:]) if place.is_dir() else place
    below = below if below.is_dir() else below.with_suffix(".py")
    if not below.exists():
        raise refusal(given, f"is no module of the package in {place}")
    known = {}
    for distribution in metadata.packages_distributions().get(name, [])[:1]:
        known = {"distribution": distribution, "version": metadata.version(distribution)}
    return Plugin(given, name, place, _in_sources(given, given, below), **known)


def _at_path(given: str) -> Plugin:
    place = Path(given).resolve()
    if Path(given).is_absolute() or not place.is_relative_to(Path.cwd().resolve()):
        raise refusal(given, "lies outside the project's folder: install it with pip, and give its name")
    if not (place.suffix == ".py" and place.is_file()) and not (place / "__init__.py").is_file():
        raise refusal(given, "must be a .py file, or a folder with an __init__.py")
    other = _place(place.stem)
    if other is not None and other != place:
        raise refusal(given, f"has the name of another module, {other}: rename it")
    return Plugin(given, place.stem, place, _in_sources(given, place.stem, place))


def _place(name: str) -> Path | None:
    """Folder or file of a top-level module; None if there is none, or none in Python."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return None if spec.origin is None or not spec.origin.endswith(".py") else Path(spec.origin).resolve()


def _in_sources(given: str, module: str, place: Path) -> Offers:
    try:
        return offers.in_sources(module, place)
    except SyntaxError as error:
        what = f"cannot be read: {error.msg} ({error.filename}, line {error.lineno})"
        raise refusal(given, what) from error


def _checked(plugin: Plugin, before: Sequence[Plugin]) -> None:
    """Refuse a plug-in with nothing in it, with a name that no file can have, or with what an earlier one has."""
    names = [(room, name) for room, offered in plugin.offers.items() for name in offered]
    if not names:
        marks = ", ".join(MARKS.values())
        raise refusal(plugin.given, f"offers nothing: no entry point, and none of {marks} in {plugin.place}")
    for room, name in names:
        if not _NAME.fullmatch(name):
            raise refusal(plugin.given, f"offers '{name}', must be lower case letters, digits and _")
        for other in before:
            if name in other.offers[room]:
                raise refusal(plugin.given, f"offers '{name}', as {other.given!r} does")
    for other in before:
        if plugin.name == other.name:
            raise refusal(plugin.given, f"is the module {plugin.name}, as {other.given!r} is")


def _execute(plugin: Plugin) -> None:
    """Import the top-level module of a plug-in in the project, which is on no path of Python's."""
    package = plugin.place.is_dir()
    file = plugin.place / "__init__.py" if package else plugin.place
    within = [str(plugin.place)] if package else None
    spec = importlib.util.spec_from_file_location(plugin.name, file, submodule_search_locations=within)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[plugin.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[plugin.name]
        raise
