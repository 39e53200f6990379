"""The worked examples of "Extending": taken out of their pages, added to a copy of the project, counted and made."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from semrobust.config.params import merge, read_yaml
from tests.conftest import ROOT, SMALL, raw_params
from tests.docs.pages import DOCS, blocks, files_of, params_of, tables


@dataclass(frozen=True)
class Example:
    """What a page teaches: the artifact that is made to try it, and how many files it touches."""

    page: str
    file: str | None
    entry: str | None
    made: str


EXAMPLES = {
    "system that reconstructs images": Example(
        "add-a-system", "pooled_analog", "pooled_analog", "attack/pooled_analog.pga"
    ),
    "system that classifies": Example("add-a-system", "pooled_classes", "pooled_classes", "accuracy/pooled_classes"),
    "attack": Example(
        "add-an-attack", "gradient_direction", "gradient_direction", "attack/deepjscc.gradient_direction"
    ),
    "channel": Example("add-a-channel", None, "rician_2x3", "fading/deepjscc"),
    "figure": Example("add-a-figure", "extra_censored", None, "figure/extra_censored"),
    "table": Example("add-a-figure", "good_pictures", None, "table/good_pictures"),
    "step": Example("add-a-step", "brightness", None, "brightness/photos10"),
}

PLANS = """
import json, os, sys
from pathlib import Path
import matplotlib.figure, numba, pandas, pandera.pandas, seaborn, torch  # for all copies together

def plans():
    from semrobust.config.params import load
    from semrobust.pipeline.plan import Plan
    found = {}
    for name in ("laptop", "demo", "ci"):
        params = load([Path("params.yaml"), *([] if name == "laptop" else [Path(f"params/{name}.yaml")])])
        entries = {section: params.section(section) for section in ("systems", "attacks")}
        found[name] = {"keys": {artifact.address: artifact.key for artifact in Plan.of(params)}, **entries}
    return found

for folder in sys.argv[1:]:
    child = os.fork()
    if not child:
        os.chdir(folder)
        sys.path.insert(0, f"{folder}/src")
        Path("plans.json").write_text(json.dumps(plans()))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, folder
"""
MAKE = """
import sys
from pathlib import Path
from semrobust.config.params import load
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import make
plan = Plan.of(load([Path(path) for path in sys.argv[1:3]]))
def whole(address):
    for needed in plan[address].needs:
        whole(needed)
    return make(plan, address)
for path in [whole(address).path() for address in sys.argv[3:]]:
    print(path)
"""
QUICK = merge(
    SMALL,
    {
        "link": {"real_uses": 768},
        "systems": {"deepjscc_noiseless": None, "jpeg_ldpc_qpsk": None, "jpeg_ldpc_16qam": None},
        "attacks": dict.fromkeys(name for name in raw_params()["attacks"] if name not in ("random", "pga")),
        "recognition": {"batch": 4, "snr_db": [12.0]},
    },
)
"""Overlay with which a copy makes the examples in seconds."""


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What of the project plans and jobs need."""
    folder = tmp_path_factory.mktemp("pristine")
    for part in ("src", "params", "workflow"):
        # with what is compiled of it
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.egg-info"))
    (folder / "params.yaml").write_text(yaml.safe_dump(raw_params(), sort_keys=False), encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def add(example: Example, folder: Path) -> None:
    """Do what the page says: write the file, add the entry."""
    page = DOCS / f"{example.page}.md"
    for path, text in files_of(page).items():
        if Path(path).stem == example.file:
            (folder / path).write_text(text, encoding="utf-8")
    for section, entries in params_of(page).items():
        if example.entry in entries:
            raw = merge(read_yaml(folder / "params.yaml"), {section: {example.entry: entries[example.entry]}})
            (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")


def run(folder: Path, *command: str, path: str | None = None) -> str:
    environment = os.environ | {"PYTHONPATH": path or str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def extended(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A copy of the project with one example in it, for each."""
    folder = tmp_path_factory.mktemp("extended")
    for what, example in EXAMPLES.items():
        shutil.copytree(pristine, folder / what)
        add(example, folder / what)
    return {what: folder / what for what in EXAMPLES}


Plans = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def planned(pristine: Path, extended: dict[str, Path]) -> Callable[[Path], Plans]:
    """Keys by address, systems and attacks of the reference run and of the two small ones, as a copy plans them."""
    folders = [pristine, *extended.values()]
    run(pristine, "-c", PLANS, *map(str, folders), path=os.devnull)  # no package before that of each copy
    found: dict[Path, Plans] = {folder: json.loads((folder / "plans.json").read_text()) for folder in folders}
    for folder in folders:
        (folder / "plans.json").unlink()
    return found.__getitem__


def row_of(what: str) -> list[str]:
    """What the page on extending says of it."""
    (row,) = (row for row in tables(DOCS / "extending.md")["Extending"] if re.match(rf"\[{what}\]", row[0]))
    return row


@pytest.mark.slow
@pytest.mark.parametrize("what", EXAMPLES)
def test_an_example_touches_one_file_and_makes_nothing_else_again(
    what: str, extended: dict[str, Path], pristine: Path, planned: Callable[[Path], Plans]
) -> None:
    example, (_, files, entry, again) = EXAMPLES[what], row_of(what)
    folder = extended[what]
    old, new = contents(pristine), contents(folder)
    assert old.keys() <= new.keys()
    touched = {path for path in new if new[path] != old.get(path)}
    assert len(touched - {"params.yaml"}) == (0 if files == "none" else 1)
    assert ("params.yaml" in touched) == (entry != "none")
    before, after = planned(pristine), planned(folder)
    said = set(re.findall(r"`(\w+)`", again)) | {kind for kind in ("gallery", "report") if kind in again}
    said |= {"table", "metrics", "figure", "report"} if "tables" in again else set()
    for name, plan in after.items():
        keys, new_keys = before[name]["keys"], plan["keys"]
        assert keys.keys() <= new_keys.keys()
        assert {address.partition("/")[0] for address in keys if keys[address] != new_keys[address]} <= said, name
        assert new_keys.keys() - keys.keys() or what == "channel"
        if name != "laptop":
            assert_small(example.entry, plan, read_yaml(ROOT / "params" / f"{name}.yaml"))


def assert_small(entry: str | None, plan: dict[str, Any], overlay: dict[str, Any]) -> None:
    """A new system or attack is within the limits of an overlay that does not name it."""
    for section in ("systems", "attacks"):
        assert entry not in overlay[section]
        for rule, chosen in (("at_most", min), ("at_least", max)):
            for path, limit in overlay[rule].get(section, {}).items():
                value: Any = plan[section].get(entry, {})
                for key in path.split("."):
                    value = value.get(key) if isinstance(value, dict) else None
                assert value is None or chosen(value, limit) == value, f"{entry}: {path}"


@pytest.fixture(scope="session")
def made(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All examples in one copy of the project: the artifact of each."""
    folder = tmp_path_factory.mktemp("examples") / "project"
    shutil.copytree(pristine, folder)
    for example in EXAMPLES.values():
        add(example, folder)
    (folder / "quick.yaml").write_text(yaml.safe_dump(QUICK, sort_keys=False), encoding="utf-8")
    said = run(folder, "-c", MAKE, "params.yaml", "quick.yaml", *(example.made for example in EXAMPLES.values()))
    return dict(zip(EXAMPLES, (folder / path for path in said.splitlines()[-len(EXAMPLES) :]), strict=True))


@pytest.mark.slow
def test_every_example_is_made(made: dict[str, Path]) -> None:
    assert all(path.stat().st_size > 0 for path in made.values())
    assert EXAMPLES["channel"].entry in set(pd.read_parquet(made["channel"])["channel"])
    folder = made["table"].parents[3]
    kinds = {"figure": "figures/small/extra_censored.pdf", "table": "data/small/results/good_pictures.csv"}
    for what, published in kinds.items():
        assert (folder / published).read_bytes() == made[what].read_bytes()


def test_every_example_of_the_pages_is_tried() -> None:
    pages = {f"{example.page}.md" for example in EXAMPLES.values()}
    found = {Path(path).stem for page in pages for path in files_of(DOCS / page) if path.startswith("src/")}
    assert found == {example.file for example in EXAMPLES.values() if example.file}
    entries = {name for page in pages for section in params_of(DOCS / page).values() for name in section}
    assert entries == {example.entry for example in EXAMPLES.values() if example.entry}


@pytest.mark.slow
def test_a_new_law_of_fading_keeps_the_promises_of_all_laws(pristine: Path, tmp_path: Path) -> None:
    """The difference of the page applies to the code as it is, and its tests pass with it."""
    (difference,) = (block.text for block in blocks(DOCS / "add-a-channel.md") if block.language == "diff")
    folder = tmp_path / "project"
    shutil.copytree(pristine, folder)
    shutil.copytree(ROOT / "tests" / "phy", folder / "tests" / "phy", ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("tests/__init__.py", "tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / part, folder / part)
    subprocess.run(["git", "apply", "-"], input=difference, cwd=folder, text=True, check=True)
    run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "one_sided", "tests/phy/test_fading.py")
