"""The house has floors: a file imports from lower floors only. Read from the syntax trees; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "semrobust"
SOURCES = sorted(PACKAGE.rglob("*.py"))

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"core"}),
    frozenset({"data", "phy", "codecs", "models"}),
    frozenset({"systems"}),
    frozenset({"attacks"}),
    frozenset({"training", "theory"}),
    frozenset({"evaluation"}),
    frozenset({"cli"}),
)
LEVEL = {folder: level for level, floor in enumerate(FLOORS) for folder in floor}

EXCEPTIONS = {("models/deepjscc.py", "semrobust.phy.power")}
"""The encoder's last layer is the power constraint, and power is defined once, in phy."""


def folder(module: str) -> str:
    """Second part of a module's name: the folder."""
    return module.split(".")[1] if "." in module else ""


def imports(source: Path) -> Iterator[str]:
    """Every module that a file imports, also lazily, inside functions and for type checking."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative imports are not seen by the code digest"
            assert node.module
            yield node.module
            if node.module == "semrobust":
                yield from (f"semrobust.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] in ("LazyModule", "import_module", "__import__"):
                yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def own(source: Path) -> Iterator[str]:
    return (module for module in imports(source) if module.split(".")[0] == "semrobust")


def relative(source: Path) -> str:
    return source.relative_to(PACKAGE).as_posix()


def allowed(importer: str, imported: str) -> bool:
    if imported in ("", importer) or importer == "cli":
        return True
    if importer == "viz":
        return imported == "core"
    return imported in LEVEL and LEVEL[imported] < LEVEL[importer]


def test_every_folder_has_a_floor() -> None:
    folders = {folder("semrobust." + relative(source).removesuffix(".py").replace("/", ".")) for source in SOURCES}
    assert folders - {"__init__"} <= {*LEVEL, "viz"}
    assert len(SOURCES) > 30


@pytest.mark.parametrize("source", SOURCES, ids=relative)
def test_imports_come_from_lower_floors(source: Path) -> None:
    importer = relative(source).split("/")[0].removesuffix(".py")
    if importer == "__init__":
        assert not list(own(source))
        return
    wrong = {
        module
        for module in own(source)
        if not allowed(importer, folder(module)) and (relative(source), module) not in EXCEPTIONS
    }
    assert not wrong


def test_every_exception_is_needed() -> None:
    used = {(relative(source), module) for source in SOURCES for module in own(source)}
    assert used >= EXCEPTIONS


def test_viz_knows_no_torch_and_no_torch_library() -> None:
    for source in SOURCES:
        if relative(source).startswith("viz/"):
            roots = {module.split(".")[0] for module in imports(source)}
            assert not roots & {"torch", "sionna", "torchmetrics", "safetensors", "lightning"}, source


def test_core_imports_no_heavy_library() -> None:
    for source in SOURCES:
        if relative(source).startswith("core/"):
            roots = {module.split(".")[0] for module in imports(source)}
            assert not roots & {"torch", "pandas", "matplotlib", "seaborn", "sionna", "scipy"}, source


def test_no_module_of_the_package_is_imported_by_name() -> None:
    """The code digest follows import statements: a module named in a text would be left out of it."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("LazyModule", "import_module"):
                first = node.args[0]
                assert not (isinstance(first, ast.Constant) and str(first.value).startswith("semrobust")), source


def test_only_the_workflow_knows_snakemake_and_only_dvc_yaml_knows_dvc() -> None:
    for source in SOURCES:
        assert not {module.split(".")[0] for module in imports(source)} & {"snakemake", "dvc"}, source


def test_one_module_knows_how_the_notebook_becomes_a_page() -> None:
    for source in SOURCES:
        roots = {module.split(".")[0] for module in imports(source)}
        assert relative(source) == "viz/publish.py" or not roots & {"papermill", "nbconvert"}, source


def test_sweeps_know_no_system_and_no_attack_by_name() -> None:
    """Evaluation and training import no module of one system or attack, only what all share."""
    shared = {"base", "checkpoint", "classical", "classification", "distortion", "draw"}
    shared |= {"over_air", "structure", "words"}
    shared |= {"classifier", "noise_settings", "semantic_noise"}  # no plug-in: every classifier is tested under it
    for source in SOURCES:
        if relative(source).split("/")[0] in ("evaluation", "training", "cli"):
            for module in own(source):
                parts = module.split(".")
                if len(parts) > 2 and parts[1] in ("systems", "attacks"):
                    assert parts[2] in shared, f"{source} imports {module}"
