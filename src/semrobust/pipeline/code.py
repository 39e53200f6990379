"""Digest of the code behind an artifact: a module and everything of this package and of plug-ins that it imports.

It stands in every record, and in the keys of what is made in seconds. That of a plug-in's own modules stands in every
key, since no golden test holds their versions. Comments, docstrings and blank lines do not count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

from semrobust.config import plugins

_SOURCE = Path(__file__).resolve().parents[2]
_PACKAGE = "semrobust"


@cache
def _path(module: str) -> Path | None:
    """Source file of a module of this package or of a plug-in, None for others and for names in a module."""
    top, *below = module.split(".")
    plugin = plugins.owner(module)
    if top != _PACKAGE and (plugin is None or (plugin.place.is_file() and below)):
        return None
    base = (_SOURCE / top if plugin is None else plugin.place.with_suffix("")).joinpath(*below)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(module: str, nodes: Sequence[ast.AST]) -> set[str]:
    """Modules of this package and of plug-ins that a module imports, also in functions and type-checking blocks."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level and not _foreign(module):
                raise ValueError("imports within the package must be absolute, or a change behind them goes unnoticed")
            origin = resolve_name("." * node.level + (node.module or ""), _package(module))
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names)
    known = {name for name in found if _path(name)}
    # a module of a plug-in runs the packages that it is in
    return known | {above for name in {module, *known} if _foreign(name) for above in _above(name)}


def _foreign(module: str) -> bool:
    return module.partition(".")[0] != _PACKAGE


def _package(module: str) -> str:
    """What relative imports of a module start from."""
    path = _path(module)
    return module if path is not None and path.name == "__init__.py" else module.rpartition(".")[0]


def _above(module: str) -> list[str]:
    """Packages that a module is in."""
    parts = module.split(".")
    names = (".".join(parts[:end]) for end in range(1, len(parts)))
    return [name for name in names if _path(name)]


def _essence(source: str, nodes: Sequence[ast.AST]) -> str:
    """Source without comments, docstrings and blank lines; the same text under every Python version.

    Comments are found by the syntax tree: a # outside all strings. To read tokens would take four times as long.
    """
    lines = [line.encode() for line in source.splitlines()]  # columns of the tree count bytes
    strings: dict[int, list[range]] = {}
    docstrings: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)):
            for row in _rows(node):
                first = node.col_offset if row == node.lineno else 0
                strings.setdefault(row, []).append(range(first, _end(node, row, len(lines[row - 1]))))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.update(_rows(node))
    kept = []
    for row, line in enumerate(lines, 1):
        marks = (at for at, byte in enumerate(line) if byte == ord("#")) if b"#" in line else ()
        end = next((at for at in marks if not any(at in inside for inside in strings.get(row, ()))), len(line))
        if row not in docstrings and line[:end].strip():
            kept.append(line[:end].decode().rstrip())
    return "\n".join(kept)


def _rows(node: ast.expr | ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _end(node: ast.expr, row: int, length: int) -> int:
    """Column behind the part of a node in one of its rows."""
    return (node.end_col_offset or length) if row == node.end_lineno else length


@cache
def _module(module: str) -> tuple[str, frozenset[str]]:
    path = _path(module)
    if path is None:
        raise ValueError(f"{module} is not a module of {_PACKAGE}, nor of a plug-in")
    source = path.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    return _essence(source, nodes), frozenset(_imports(module, nodes))


@cache
def closure(roots: tuple[str, ...]) -> tuple[str, ...]:
    """Names of `roots` and all modules of this package and of plug-ins that they import, sorted."""
    pending, seen = list(roots), set()
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending.extend(_module(module)[1])
    return tuple(sorted(seen))


@cache
def digest(roots: tuple[str, ...]) -> str:
    """SHA-256 over the essence of each module in the closure of `roots`, as 64 hex digits."""
    return _digest(closure(roots))


def _digest(modules: Iterable[str]) -> str:
    hashed = hashlib.sha256()
    for module in modules:
        hashed.update(f"{module}\0{_module(module)[0]}\0".encode())
    return hashed.hexdigest()


def foreign(roots: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Modules of plug-ins in the closure of `roots`, by the name of the plug-in."""
    found: dict[str, tuple[str, ...]] = {}
    if not plugins.any_located():
        return found  # without reading the sources of everything that is expensive
    for module in filter(_foreign, closure(roots)):
        top = module.partition(".")[0]
        found[top] = (*found.get(top, ()), module)
    return found


def foreign_digests(roots: tuple[str, ...]) -> dict[str, str]:
    """As `digest`, over the modules of each plug-in alone."""
    return {name: _digest(modules) for name, modules in foreign(roots).items()}


@cache
def everything() -> str:
    """SHA-256 over all source files of this package as they are, read when it is first asked for, as 64 hex digits."""
    hashed = hashlib.sha256()
    for path in sorted(_SOURCE.joinpath(_PACKAGE).rglob("*.py")):
        hashed.update(f"{path.relative_to(_SOURCE).as_posix()}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return hashed.hexdigest()
