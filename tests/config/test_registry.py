"""Registries: names are unique, unknown ones list the known ones; help and completion import nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from semrobust.config.registry import ATTACKS, SYSTEMS, Registry
from semrobust.errors import UsageError
from tests.conftest import ROOT

HEAVY = (
    "torch", "av", "numba", "matplotlib", "seaborn", "pandas", "scipy", "sionna", "pyldpc", "skimage", "sklearn",
    "torchmetrics",
)  # fmt: skip


def test_a_name_is_registered_once() -> None:
    registry: Registry[int] = Registry("thing", "semrobust.systems")
    registry.register("a")(1)
    with pytest.raises(ValueError, match=r"two entries register the thing 'a' in semrobust\.systems"):
        registry.register("a")(2)
    assert registry["a"] == 1


def test_register_returns_the_entry() -> None:
    registry: Registry[type] = Registry("thing", "semrobust.systems")

    @registry.register("x")
    class Entry:
        pass

    assert registry["x"] is Entry
    assert Entry.__name__ == "Entry"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown system kind 'bpg'; known: chain_vit, csi_deepjscc, csi_topk_ldpc, "):
        SYSTEMS["bpg"]
    assert "bpg" not in SYSTEMS


def test_what_is_registered() -> None:
    assert {"deepjscc", "hevc_ldpc", "jpeg_ldpc"} <= set(SYSTEMS)
    assert {"pga", "random_direction", "all_bits", "least_reliable_bits"} <= set(ATTACKS)


def test_a_file_in_the_package_is_all_that_a_plugin_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "plugins_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from semrobust.config.registry import Registry\nTHINGS = Registry('thing', __name__)\n"
    )
    for name in ("one", "two"):
        (package / f"{name}.py").write_text(f"from {package.name} import THINGS\nTHINGS.register('{name}')({name!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    things = __import__(package.name).THINGS
    assert list(things) == ["one", "two"]
    assert things["two"] == "two"


def test_what_kinds_say() -> None:
    for name in SYSTEMS:
        kind = SYSTEMS[name]
        assert kind.side in ("semantic", "classical")
        assert kind.capabilities <= {"gradient", "indices", "soft_bits"}
        assert kind.Settings.model_fields.keys() >= {"kind", "label"}
    for name in ATTACKS:
        assert ATTACKS[name].requires <= {"gradient", "indices", "soft_bits"}


COMPLETE = """
from pathlib import Path
import yaml
from semrobust.config.grid import expand
from semrobust.config.overlay import merge
read = [yaml.load(Path(name).read_bytes(), Loader=yaml.CSafeLoader) for name in ("params.yaml", "params/demo.yaml")]
systems = expand(merge(*read)["systems"], "systems", merge, [])
print([name for name, entry in systems.items() if entry is not None])
"""


def cli(*arguments: str) -> str:
    return f"""
from semrobust.cli import main
try:
    main({list(arguments)!r}, prog_name="semrobust")
except SystemExit as done:
    assert done.code == 0, done.code
"""


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (COMPLETE, "trained_10db_seed_2"),
        (cli("--help"), "Commands:"),
        (cli("train", "--help"), "Train SYSTEM"),
        (cli("evaluate", "table", "--help"), "power_ratio"),
        (cli("--version"), "version"),
    ],
    ids=["complete", "help", "train", "table", "version"],
)
def test_heavy_libraries_are_not_imported(code: str, shown: str) -> None:
    code += f"\nimport sys\nprint('HEAVY', [name for name in {HEAVY} if name in sys.modules])\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"
