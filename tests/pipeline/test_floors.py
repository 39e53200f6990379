"""The house has floors: a file imports from lower floors only. Read from the syntax trees; nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from semrobust.config.grid import expand
from semrobust.config.params import merge
from semrobust.config.roles import SCHEMES
from tests.conftest import ROOT, raw_params

PACKAGE = ROOT / "src" / "semrobust"

FLOORS = (
    {"errors"},
    {"config", "pipeline"},
    {"data", "phy", "codecs", "models"},
    {"systems"},
    {"attacks"},
    {"training", "measure", "theory"},
    {"tables", "claims"},
    {"cli", "library"},
)
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}

NEIGHBOURS = {
    ("pipeline", "config"): "what is made follows from what is said",
    ("measure", "theory"): "the step `theory` measures by its formulas",
    ("tables", "claims"): "the table paper_vs_ours holds the verdicts",
    ("claims", "tables"): "claims judge by what tables call their rows",
}
"""Rooms of one floor that know each other, with the reason."""

EXCEPTIONS = {
    ("models/deepjscc.py", "semrobust.phy.power"): "the encoder's last layer is the power constraint, defined once",
}
"""Single imports, with the reason."""

FACE = {"library", "attacks", "phy", "errors"}
"""Where the names are at home that the package itself gives."""

BARRED = {
    "config": {"torch", "pandas", "matplotlib", "seaborn", "sionna", "scipy", "pyarrow"},
    "pipeline": {"torch", "pandas", "matplotlib", "seaborn", "sionna", "scipy", "pyarrow"},
    "figures": {"torch", "sionna", "torchmetrics", "safetensors", "lightning"},
}
"""Libraries that a room must do without: plans are made in a second, and figures are drawn without torch."""

ENGINES = {"snakemake", "dvc", "dvclive"}
"""Known to workflow/ and dvc.yaml alone."""

NOTEBOOKS = {"papermill", "nbconvert"}
"""Known to one module, which turns the report's notebook into a page."""

NAMELESS = ("tables", "claims", "figures")
"""Rooms that know no system by name."""

NO_NAMES = {*SCHEMES, "mae_vq"}
"""Roles (`config.roles`), and a kind that figures ask for, which some entry of params.yaml has for its name, too."""


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported, also inside functions and for type checking."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            if node.module == "semrobust":
                yield from (f"semrobust.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def may(room: str, other: str) -> bool:
    """Whether files of a room may import from another one."""
    if room == "__init__":
        return other in FACE
    if room == other or (room, other) in NEIGHBOURS:
        return True
    if room == "figures":
        return other in ("errors", "config", "pipeline")
    if other == "figures":
        return room == "cli"
    return LEVEL.get(other, len(FLOORS)) < LEVEL.get(room, -1)


def is_plug_in(module: str) -> bool:
    """Whether a module registers a system or an attack."""
    file = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return file.is_file() and bool(re.search(r"^@(SYSTEMS|ATTACKS)\.register", file.read_text(encoding="utf-8"), re.M))


def broken(file: Path, names: set[str], used: set[tuple[str, str]]) -> Iterator[str]:
    """What a file does that its floor forbids; `used` gathers the exceptions that it needs."""
    path = file.relative_to(PACKAGE).as_posix()
    room = path.split("/")[0].removesuffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for module in imports(tree):
        top, _, rest = module.partition(".")
        if not top:
            yield f"{path} imports {module}: relative imports are not seen by the digest of the code"
        elif top == "semrobust":
            other = rest.split(".")[0]
            if (room, other) in NEIGHBOURS or (path, module) in EXCEPTIONS:
                used |= {(room, other), (path, module)}
            elif rest and not may(room, other):
                yield f"{path} imports {module}, which is on no lower floor"
            elif room not in ("systems", "attacks") and is_plug_in(module):
                yield f"{path} imports {module}: who sweeps over systems and attacks knows none of them"
        elif top in ENGINES or top in BARRED.get(room, ()) or (top in NOTEBOOKS and path != "figures/report.py"):
            yield f"{path} imports {top}"
    if room in NAMELESS:
        texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
        yield from (f"{path}:{text.lineno} names the system '{text.value}'" for text in texts if text.value in names)


def test_files_import_from_lower_floors_only() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    rooms = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in files}
    assert rooms == {*LEVEL, "figures", "__init__"}
    systems = set(expand(raw_params()["systems"], "systems", merge, [])) - NO_NAMES
    used: set[tuple[str, str]] = set()
    found = [problem for file in files for problem in broken(file, systems, used)]
    assert not found, "\n".join(found)
    assert used >= NEIGHBOURS.keys() | EXCEPTIONS.keys(), "an exception is no longer needed"
