"""`import semrobust`: cheap, complete, and the same to a type checker as at run time."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

import semrobust
from tests.conftest import ROOT

FACE = ROOT / "src" / "semrobust" / "__init__.py"


def test_every_public_name_is_there_and_described() -> None:
    for name in semrobust.__all__:
        found = getattr(semrobust, name)
        assert name == "__version__" or found.__doc__, name
    assert set(semrobust.__all__) <= set(dir(semrobust))
    with pytest.raises(AttributeError, match="no attribute 'attacc'"):
        semrobust.attacc  # type: ignore[attr-defined]  # noqa: B018


def test_type_checkers_see_the_same_homes() -> None:
    tree = ast.parse(FACE.read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module.removeprefix("semrobust.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert seen == semrobust._HOMES
    assert {*seen, "__version__"} == set(semrobust.__all__)


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert semrobust.__version__ == project["version"]


def test_importing_the_package_imports_nothing_else() -> None:
    ask = "import sys; before = set(sys.modules); import semrobust; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert imported - sys.stdlib_module_names == {"semrobust"}
