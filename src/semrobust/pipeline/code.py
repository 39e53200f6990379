"""Digest of the code behind an artifact: a module and everything of this package that it imports.

It stands in every record, and in the keys of what is made in seconds. Comments, docstrings and blank lines do not
count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]
_PACKAGE = "semrobust"


@cache
def _path(module: str) -> Path | None:
    """Source file of a module of this package, None for other packages and for names in a module."""
    base = _SOURCE.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(nodes: Sequence[ast.AST]) -> set[str]:
    """Modules of this package that a syntax tree imports, also inside functions and type-checking blocks."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.level or not node.module):
            raise ValueError("imports within the package must be absolute, or a change behind them goes unnoticed")
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == _PACKAGE and _path(name)}


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
        raise ValueError(f"{module} is not a module of {_PACKAGE}")
    source = path.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    return _essence(source, nodes), frozenset(_imports(nodes))


@cache
def closure(roots: tuple[str, ...]) -> tuple[str, ...]:
    """Names of `roots` and all modules of this package that they import, sorted."""
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
    hashed = hashlib.sha256()
    for module in closure(roots):
        hashed.update(f"{module}\0{_module(module)[0]}\0".encode())
    return hashed.hexdigest()


@cache
def everything() -> str:
    """SHA-256 over all source files of this package as they are, read when it is first asked for, as 64 hex digits."""
    hashed = hashlib.sha256()
    for path in sorted(_SOURCE.joinpath(_PACKAGE).rglob("*.py")):
        hashed.update(f"{path.relative_to(_SOURCE).as_posix()}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return hashed.hexdigest()
