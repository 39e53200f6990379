"""Plug-ins: found by name or path, used only where params name them, and refused with one clear message."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from semrobust.config import plugins
from semrobust.config.kinds import kinds
from semrobust.config.params import load, merge, validate
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import SystemSettings
from semrobust.errors import ParamsError
from tests.conftest import SMALL, raw_params
from tests.outside import ENTRY, FIGURE, SYSTEM, install, write

POINTS = "[semrobust.systems]\nmine = my_lab.system\n[semrobust.figures]\nextra_mine = my_lab.extra_mine\n"
LAB = {"__init__.py": "", "system.py": SYSTEM, "extra_mine.py": FIGURE}


def raw(given: list[Any], **changes: Any) -> dict[str, Any]:
    """Small params with these plug-ins and a system of the kind `mine`."""
    return merge(merge(raw_params(), SMALL), {"plugins": given, "systems": {"mine": {**ENTRY}}, **changes})


def problem(given: Any) -> str:
    """The only thing that is wrong with params that name these plug-ins."""
    with pytest.raises(ParamsError) as caught:
        validate(raw(given), "mine.yaml")
    assert "invalid parameters in mine.yaml" in str(caught.value)
    (found,) = caught.value.problems
    return found


@pytest.fixture
def site(outside: Path) -> Path:
    """Where a test installs packages."""
    return outside / "site"


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("form", ["file", "package", "deep"])
def test_a_path_in_the_project_gives_a_kind(form: str) -> None:
    path = {"file": "plugins/mine.py", "package": "plugins/my_lab", "deep": "plugins/my_lab"}[form]
    if form != "file":
        write(f"{path}/__init__.py", "")
    write({"file": path, "package": f"{path}/one.py", "deep": f"{path}/deep/one.py"}[form], SYSTEM)
    params = validate(raw([path]))
    assert params.section("systems", "mine")["width"] == 7
    assert ("mine", "pga") in params.pairs()
    assert params.plugins == [path]


def test_an_installed_package_gives_what_its_entry_points_say(site: Path) -> None:
    install(site, "my_lab", LAB, POINTS)
    assert validate(raw(["my_lab"])).systems["mine"].kind == "mine"
    (plugin,) = plugins.located(["my_lab"])
    assert (plugin.distribution, plugin.version) == ("my-lab", "1.2")
    assert plugins.offered(["my_lab"], "figures") == {"extra_mine": "my_lab.extra_mine"}
    assert "my_lab.extra_mine" not in sys.modules, "a figure is imported when it is drawn"


def test_without_entry_points_its_sources_say(site: Path) -> None:
    install(site, "my_lab", LAB)
    (plugin,) = plugins.located(["my_lab"])
    assert plugin.offers == {
        "systems": {"mine": "my_lab.system"},
        "attacks": {},
        "tables": {},
        "figures": {"extra_mine": "my_lab.extra_mine"},
    }
    assert (plugin.distribution, plugin.version) == ("my-lab", "1.2")
    assert plugins.located(["my_lab.system"])[0].offers["figures"] == {}


def test_what_is_merely_installed_does_nothing_and_is_named_where_it_is_missed(site: Path) -> None:
    before = validate(merge(raw_params(), SMALL)).section()
    install(site, "my_lab", {**LAB, "__init__.py": "raise RuntimeError('imported')"}, POINTS)
    assert validate(merge(raw_params(), SMALL)).section() == before
    assert "my_lab" not in sys.modules
    found = problem([])
    assert found.startswith("systems.mine.kind: 'mine', must be one of chain_vit, ")
    assert found.endswith("; the installed package my_lab offers it: name it in plugins")


@pytest.mark.usefixtures("outside")
def test_a_kind_of_other_params_is_unknown() -> None:
    """A process may read the params of several runs."""
    write("plugins/mine.py", SYSTEM)
    validate(raw(["plugins/mine.py"]))
    assert "mine" in kinds(["plugins/mine.py"])["systems"].settings
    assert problem([]).startswith("systems.mine.kind: 'mine', must be one of")


@pytest.mark.usefixtures("outside")
def test_defaults_and_limits_hold_for_its_kinds(tmp_path: Path) -> None:
    write("plugins/mine.py", SYSTEM.replace("width: int", "breadth: int"))
    base = raw(["plugins/mine.py"], defaults={"systems": {"mine": {"breadth": 9}}})
    del base["systems"]["mine"]["width"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(base))
    (tmp_path / "small.yaml").write_text("at_most: { systems: { breadth: 3 } }\n")
    files = [tmp_path / "params.yaml", tmp_path / "small.yaml"]
    assert load(files[:1]).section("systems", "mine")["breadth"] == 9
    assert load(files).section("systems", "mine")["breadth"] == 3
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(base | {"plugins": []}))
    with pytest.raises(ParamsError, match=r"at_most\.systems\.breadth: 3, no setting of that name is a number"):
        load(files)


@pytest.mark.usefixtures("outside")
def test_the_last_file_that_names_plugins_says_which(tmp_path: Path) -> None:
    write("plugins/mine.py", SYSTEM)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(merge(raw_params(), SMALL)))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"plugins": ["plugins/mine.py"], "systems": {"mine": ENTRY}}))
    (tmp_path / "b.yaml").write_text("plugins: []\n")
    files = [tmp_path / name for name in ("params.yaml", "a.yaml", "b.yaml")]
    assert load(files[:2]).systems["mine"].kind == "mine"
    with pytest.raises(ParamsError, match=r"systems\.mine\.kind: 'mine', must be one of"):
        load(files)


BROKEN = {
    "not_there.py": ("", "must be a .py file, or a folder with an __init__.py"),
    "../mine.py": ("", "lies outside the project's folder: install it with pip, and give its name"),
    "/mine.py": ("", "lies outside the project's folder"),
    "no_such_package": ("", "is neither a package that Python can import nor a path"),
    "semrobust": ("", "is no plug-in but this package"),
    "plugins/empty.py": ("ONE = 1\n", "offers nothing: no entry point, and none of SYSTEMS.register, "),
    "plugins/json.py": (SYSTEM, "has the name of another module, "),
    "plugins/typo.py": ("FIGURE = (\n", "cannot be read: '(' was never closed ("),
    "plugins/loud.py": (SYSTEM + "raise RuntimeError('loud')\n", "loud cannot be imported: RuntimeError: loud ("),
    "plugins/alone.py": (
        SYSTEM + "import no_such_thing\n",
        "alone cannot be imported: ModuleNotFoundError: No ",
    ),
    "plugins/taken.py": (SYSTEM.replace('"mine"', '"deepjscc"'), "offers the system kind 'deepjscc', which semrobust "),
    "plugins/bare.py": (SYSTEM.replace("    Settings = MineSettings\n", ""), "class of the system kind 'mine' has no "),
    "plugins/other.py": (SYSTEM.replace("(SystemKind)", ""), "kind 'mine' must be derived from SystemKind"),
    "plugins/never.py": ("if 0: SYSTEMS.register('mine')\n", "never registers no system kind 'mine'"),
    "plugins/upper.py": (SYSTEM.replace('"mine"', '"Mine"'), "offers 'Mine', must be lower case letters, digits and _"),
}


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("given", BROKEN)
def test_what_is_no_plugin_is_one_problem(given: str) -> None:
    source, said = BROKEN[given]
    if source:
        write(given, source)
    found = problem([given])
    assert found.startswith(f"plugins: '{given}', ")
    assert said in found


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("given", ["plugins/mine.py", [3], 5])
def test_plugins_are_a_list_of_texts(given: Any) -> None:
    assert problem(given) == f"plugins: {given!r}, must be a list of names and paths"


@pytest.mark.usefixtures("outside")
def test_two_plugins_with_one_kind_are_refused() -> None:
    write("plugins/one.py", SYSTEM)
    write("plugins/two.py", SYSTEM)
    both = ["plugins/one.py", "plugins/two.py"]
    assert problem(both) == "plugins: 'plugins/two.py', offers 'mine', as 'plugins/one.py' does"
    assert problem(["plugins/one.py"] * 2).startswith("plugins: 'plugins/one.py', offers 'mine', as")


@pytest.mark.usefixtures("outside")
def test_the_error_of_a_plugin_is_the_cause_and_its_line_is_named() -> None:
    write("plugins/loud.py", "\n\n\n" + SYSTEM + "raise RuntimeError('loud')\n")
    line = len(Path("plugins/loud.py").read_text().splitlines())
    with pytest.raises(ParamsError, match=rf"loud\.py, line {line}\)") as caught:
        validate(raw(["plugins/loud.py"]))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "loud" not in sys.modules


def test_a_promise_that_an_entry_point_does_not_keep_is_refused(site: Path) -> None:
    install(site, "my_lab", LAB, POINTS.replace("mine =", "yours ="))
    assert problem(["my_lab"]) == "plugins: 'my_lab', my_lab.system registers no system kind 'yours'"


class ByHandSettings(SystemSettings):
    kind: Literal["mine"]
    width: int


@pytest.mark.usefixtures("outside")
def test_what_a_session_registers_by_hand_is_no_plugin() -> None:
    """As in a notebook."""
    SYSTEMS.register("mine")(type("ByHand", (SYSTEMS["deepjscc"],), {"Settings": ByHandSettings}))
    assert "mine" in SYSTEMS.own()
    assert validate(raw([])).systems["mine"].kind == "mine"
