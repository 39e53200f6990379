"""Digest of code: what it follows, what it leaves out, and that it moves when and only when code does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semrobust.pipeline import code as codehash

Write = Callable[[str, str], None]

MAIN = """
from semrobust.low import helper

def run(values):
    return [helper(value) for value in values]
"""
HELPER = """
from semrobust import lowest

def helper(value):
    return 2 * value + lowest.ONE
"""


def _forget() -> None:
    for cached in (codehash._path, codehash._module, codehash.closure, codehash.digest):
        cached.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A package of three modules, `main` -> `low` -> `lowest`, and a function that rewrites one."""
    monkeypatch.setattr(codehash, "_SOURCE", tmp_path)
    _forget()

    def write(module: str, source: str) -> None:
        path = tmp_path / "semrobust" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        _forget()

    write("__init__", "")
    write("main", MAIN)
    write("low", HELPER)
    write("lowest", "ONE = 1\n")
    write("stranger", "OTHER = 1\n")
    yield write
    monkeypatch.undo()
    _forget()


def digest() -> str:
    return codehash.digest(("semrobust.main",))


@pytest.mark.parametrize(
    "same",
    [
        MAIN + "\n\n# a comment\n",
        '"""A docstring."""\n' + MAIN,
        MAIN.replace("return", "# why\n\n    return"),
        MAIN.replace("values):", "values):  # what values"),
        MAIN.replace("values):", 'values):\n    """Doc.\n\n    More.\n    """'),
        MAIN.replace("values]", "values]   "),
        MAIN.replace("\n\n", "\n\n\n\n"),
    ],
)
def test_explaining_code_does_not_change_the_digest(package: Write, same: str) -> None:
    before = digest()
    package("main", same)
    assert digest() == before


@pytest.mark.parametrize(
    "other",
    [
        MAIN.replace("[helper(value)", "[-helper(value)"),
        MAIN.replace("return", "values = list(values)\n    return"),
        MAIN.replace("values)", "values, power=3)"),
        MAIN + "\nMARK = '# not a comment'\n",
        MAIN.replace("return", "pass\n    return"),
        MAIN.replace("def run", "@staticmethod\ndef run"),
        MAIN.replace("[helper(value) for value in values]", "'[helper(value) for value in values]'"),
    ],
)
def test_changing_code_changes_the_digest(package: Write, other: str) -> None:
    before = digest()
    package("main", other)
    assert digest() != before


def test_a_hash_sign_in_a_text_is_code(package: Write) -> None:
    package("lowest", "ONE = 'a # b'\n")
    before = digest()
    package("lowest", "ONE = 'a # c'\n")
    assert digest() != before


def test_a_change_behind_an_import_counts_and_an_unrelated_one_does_not(package: Write) -> None:
    before = digest()
    package("stranger", "OTHER = 2\n")
    assert digest() == before
    package("lowest", "ONE = 2\n")
    assert digest() != before


@pytest.mark.parametrize(
    "imports",
    [
        "def late():\n    from semrobust.stranger import OTHER\n",
        "if TYPE_CHECKING:\n    import semrobust.stranger\n",
        "import semrobust.stranger as s\n",
        "from semrobust import stranger\n",
    ],
)
def test_every_form_of_import_is_followed(package: Write, imports: str) -> None:
    package("lowest", f"ONE = 1\n{imports}")
    before = digest()
    assert "semrobust.stranger" in codehash.closure(("semrobust.main",))
    package("stranger", "OTHER = 2\n")
    assert digest() != before


def test_circles_of_imports_end(package: Write) -> None:
    package("lowest", "from semrobust import main\n")
    assert codehash.closure(("semrobust.main",)) == ("semrobust", "semrobust.low", "semrobust.lowest", "semrobust.main")


def test_the_name_of_a_module_counts(package: Write) -> None:
    assert codehash.digest(("semrobust.lowest",)) != codehash.digest(("semrobust.stranger",))
    package("twin", "ONE = 1\n")
    assert codehash.digest(("semrobust.twin",)) != codehash.digest(("semrobust.lowest",))


def test_a_relative_import_is_refused(package: Write) -> None:
    package("lowest", "from . import stranger\n")
    with pytest.raises(ValueError, match="imports within the package must be absolute"):
        digest()


def test_an_unknown_module_is_refused() -> None:
    with pytest.raises(ValueError, match=r"semrobust\.none is not a module"):
        codehash.closure(("semrobust.none",))


# the real package


def test_the_seeds_are_behind_every_step_and_no_floor_above_it() -> None:
    """What decides every random number counts; what only draws or prints does not."""
    modules = set(codehash.closure(("semrobust.data.step",)))
    assert {"semrobust.pipeline.seeds", "semrobust.data.photos", "semrobust.data.splits"} <= modules
    floors = {module.split(".")[1] for module in modules if "." in module}
    assert not floors & {"figures", "tables", "measure", "attacks", "systems", "training", "cli"}
