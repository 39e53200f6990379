"""Code from outside counts: in the digest, in keys, in the plan, in records and in what the audit says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.config import plugins
from semrobust.config.params import Params, merge, validate
from semrobust.config.registry import SYSTEMS
from semrobust.errors import ArtifactError, ParamsError
from semrobust.pipeline import code
from semrobust.pipeline.plan import Plan, folder_of
from semrobust.pipeline.work import Work
from tests.conftest import SMALL, raw_params
from tests.outside import ENTRY, FIGURE, SYSTEM, install, project, write

LAB = {
    "__init__.py": "",
    "system.py": "from .parts import helper\nfrom my_lab.parts import deep\n" + SYSTEM,
    "parts/__init__.py": "ONE = 1\n",
    "parts/helper.py": "from . import lowest\n",
    "parts/lowest.py": "TWO = 2\n",
    "parts/deep.py": "def late():\n    from ..other import THREE\n",
    "other.py": "THREE = 3\n",
    "stranger.py": "FOUR = 4\n",
    "extra_mine.py": FIGURE,
}
BEHIND = {
    "my_lab",
    "my_lab.system",
    *(f"my_lab.parts{end}" for end in ("", ".helper", ".lowest", ".deep")),
    "my_lab.other",
}
OVERLAY = merge(SMALL, {"plugins": ["plugins/my_lab"], "systems": {"mine": ENTRY}})
HERE = "plugins/my_lab"


@pytest.fixture
def lab(outside: Path) -> Path:
    """A project with a plug-in of several modules."""
    for path, source in LAB.items():
        write(f"{HERE}/{path}", source)
    return outside


def params(**changes: Any) -> Params:
    return validate(merge(raw_params(), merge(OVERLAY, changes)))


def keys(**changes: Any) -> dict[str, str]:
    return {artifact.address: artifact.key for artifact in Plan.of(params(**changes))}


@pytest.mark.usefixtures("lab")
def test_relative_and_absolute_imports_and_the_packages_around_are_followed() -> None:
    plugins.located([HERE])
    found = code.foreign(("semrobust.training.train", "my_lab.system"))
    assert {name: {*modules} for name, modules in found.items()} == {"my_lab": BEHIND}
    assert "semrobust.config.registry" in code.closure(("my_lab.system",))
    assert code.foreign(("semrobust.training.train",)) == {}


def digest(given: str = HERE) -> str:
    """Of the code behind the kind `mine`."""
    plugins.located([given])
    return code.foreign_digests(("my_lab.system",))["my_lab"]


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("path", "source", "moves"),
    [
        ("system.py", LAB["system.py"].replace('"semantic"', '"classical"'), True),
        ("parts/lowest.py", "TWO = 3\n", True),
        ("other.py", "THREE = 4\n", True),
        ("parts/__init__.py", "ONE = 2\n", True),
        ("system.py", "# a remark\n" + LAB["system.py"], False),
        ("stranger.py", "FOUR = 5\n", False),
        ("extra_mine.py", FIGURE.replace("Nothing", "Something"), False),
    ],
)
def test_a_digest_moves_with_the_code_behind_a_kind_alone(path: str, source: str, moves: bool) -> None:
    before = digest()
    write(f"{HERE}/{path}", source)
    assert (digest() != before) == moves


@pytest.mark.usefixtures("lab")
def test_its_code_moves_the_keys_of_what_it_makes_and_of_nothing_else() -> None:
    before, without = keys(), keys(plugins=[], systems={"mine": None})
    write(f"{HERE}/other.py", "THREE = 4\n")
    after = keys()
    moved = {address for address in before if before[address] != after[address]}
    assert {"train/mine", "clean/mine", "attack/mine.pga", "table/clean"} <= moved
    ours = {"dataset/photos10", "train/deepjscc", "clean/deepjscc", "attack/deepjscc.pga", "criteria/deepjscc"}
    assert not ours & moved
    assert {before[address] == without[address] for address in ours} == {True}


@pytest.mark.usefixtures("lab")
def test_a_figure_of_it_is_drawn_and_shown_in_the_report() -> None:
    plan = Plan.of(params())
    assert plan["figure/extra_mine"].modules[-1] == "my_lab.extra_mine"
    assert plan["figure/extra_mine"].needs == ("table/clean",)
    assert "figure/extra_mine" in plan["report/report"].needs


@pytest.mark.usefixtures("lab")
def test_a_name_of_ours_is_refused() -> None:
    write(f"{HERE}/extra_gallery.py", FIGURE)
    with pytest.raises(ParamsError, match=r"my_lab\.extra_gallery is called 'extra_gallery', as semrobust\.figures"):
        Plan.of(params())


def test_the_code_counts_and_not_where_it_lies_or_what_pip_says_of_it(tmp_path: Path) -> None:
    found = set()
    for version in ("1.0", "2.0", None):
        root = tmp_path / str(version)
        root.mkdir()
        with project(root):
            if version is None:
                for path, source in LAB.items():
                    write(f"{HERE}/{path}", source)
            else:
                install(root / "site", "my_lab", LAB, "[semrobust.systems]\nmine = my_lab.system\n", version)
            found.add(digest(HERE if version is None else "my_lab"))
    assert len(found) == 1


@pytest.fixture
def stored(lab: Path) -> list[Path]:
    """Params files whose plan is stored."""
    (lab / "params.yaml").write_text(yaml.safe_dump(raw_params()))
    (lab / "mine.yaml").write_text(yaml.safe_dump(OVERLAY))
    files = [Path("params.yaml"), Path("mine.yaml")]
    Plan.current(files).write()
    return files


def test_a_stored_plan_is_all_that_a_job_needs(stored: list[Path], tmp_path: Path) -> None:
    """A job is another process, which knows neither params nor plug-ins."""
    with project(tmp_path):
        plan = Plan.read(folder_of("small"))
        assert plan.plugins == (HERE,)
        assert SYSTEMS["mine"].version == 1
        assert Plan.current(stored).artifacts == plan.artifacts


def test_a_stored_plan_is_not_taken_once_a_file_of_a_plugin_changed(stored: list[Path]) -> None:
    for path in ("system.py", "stranger.py", "data.txt"):
        assert Plan._stored(stored) is not None
        before = LAB.get(path)
        write(f"{HERE}/{path}", f"{before or ''}# a remark\n")
        assert Plan._stored(stored) is None
        Path(HERE, path).unlink() if before is None else write(f"{HERE}/{path}", before)


@pytest.mark.usefixtures("stored")
def test_a_job_whose_plugin_is_not_here_says_so(tmp_path: Path) -> None:
    (tmp_path / HERE / "__init__.py").unlink()
    with project(tmp_path), pytest.raises(ParamsError, match=r"plugins: 'plugins/my_lab', must be a \.py file, or a"):
        Plan.read(folder_of("small"))


@pytest.mark.usefixtures("lab")
def test_a_job_refuses_code_that_was_edited_since_it_was_planned() -> None:
    plan = Plan.of(params())
    write(f"{HERE}/other.py", "THREE = 4\n")
    with pytest.raises(ArtifactError, match="train/mine was planned with other code of a plug-in"):
        Work(plan, plan["train/mine"])


def test_the_record_names_plugin_distribution_modules_and_digest(outside: Path) -> None:
    install(outside / "site", "my_lab", LAB, "[semrobust.systems]\nmine = my_lab.system\n")
    plan = Plan.of(params(plugins=["my_lab"]))
    (found,) = Work(plan, plan["train/mine"]).plugins
    assert {*found.pop("modules")} == BEHIND
    assert found == {
        "name": "my_lab",
        "given": "my_lab",
        "distribution": "my-lab",
        "version": "1.2",
        "code": plan["train/mine"].recipe["plugins"]["my_lab"],
    }
    assert Work(plan, plan["train/hevc_ldpc_qpsk"]).plugins == []
