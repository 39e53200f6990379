"""Weights from elsewhere: named by their digest, checked with the params, and never unpickled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from semrobust.config import plugins
from semrobust.config.params import merge, validate
from semrobust.config.weights import WeightsFile
from semrobust.errors import ArtifactError, ChecksumError, ParamsError
from semrobust.pipeline.plan import Plan
from semrobust.systems.weights import load_weights
from tests.conftest import SMALL, raw_params
from tests.outside import SYSTEM, write

STATE = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}
LEARNED = SYSTEM.replace("    width: int\n", "    weights: WeightsFile\n").replace(
    "from semrobust.config.settings", "from semrobust.config.weights import WeightsFile\nfrom semrobust.config.settings"
)
PLUGIN = "plugins/mine.py"


@pytest.fixture
def weights(outside: Path) -> Path:
    """A file of weights in a project, whose plug-in has a setting for it."""
    write(PLUGIN, LEARNED)
    path = Path("weights/mine.safetensors")
    path.parent.mkdir()
    save_file(STATE, path)
    return path


def raw(given: Any) -> dict[str, Any]:
    entry = {"kind": "mine", "label": "Mine", "weights": given}
    return merge(merge(raw_params(), SMALL), {"plugins": [PLUGIN], "systems": {"mine": entry}})


def problem(given: Any) -> str:
    with pytest.raises(ParamsError) as caught:
        validate(raw(given))
    (found,) = caught.value.problems
    return found


def same(found: Any) -> bool:
    return found.keys() == STATE.keys() and all(torch.equal(found[name], STATE[name]) for name in STATE)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_stands_in_the_params_and_in_the_key(weights: Path) -> None:
    params = validate(raw(str(weights)))
    assert params.section("systems", "mine", "weights") == {"path": str(weights), "sha256": sha256(weights)}
    before = Plan.of(params)
    assert before["train/mine"].settings["system"]["weights"]["sha256"] == sha256(weights)
    save_file({**STATE, "a": torch.zeros(3)}, weights)
    after = Plan.of(validate(raw(str(weights))))
    assert after["train/mine"].key != before["train/mine"].key
    assert after["train/deepjscc"].key == before["train/deepjscc"].key


def test_a_file_that_params_insist_on_is_compared(weights: Path) -> None:
    given = {"path": str(weights), "sha256": sha256(weights)}
    assert validate(raw(given)).section("systems", "mine", "weights") == given
    other = problem(given | {"sha256": "0" * 64})
    assert other == f"systems.mine.weights.sha256: '{'0' * 64}', but {weights} has {sha256(weights)}"
    weights.unlink()
    assert problem(given).startswith(f"systems.mine.weights.path: '{weights}', must be a file of weights: No such file")


@pytest.mark.usefixtures("weights")
def test_a_file_that_is_not_there_is_one_problem() -> None:
    assert "must be a file of weights: No such file or directory (weights/none.pt)" in problem("weights/none.pt")
    assert "must be a file of weights: Is a directory (weights)" in problem("weights")


def test_a_file_beside_the_code_of_a_plugin(weights: Path) -> None:
    write("plugins/my_lab/__init__.py", LEARNED)
    weights.rename("plugins/my_lab/mine.safetensors")
    params = validate(raw("my_lab:mine.safetensors") | {"plugins": ["plugins/my_lab"]})
    (found,) = params.weights().values()
    assert same(load_weights(found))
    assert params.section("systems", "mine", "weights", "path") == "my_lab:mine.safetensors"
    assert plugins.owner("my_lab") is not None


def given_as(path: Path) -> WeightsFile:
    return WeightsFile.model_validate(str(path))


@pytest.mark.parametrize("end", [".safetensors", ".pt", ".pth"])
def test_tensors_come_back(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"mine{end}"
    save_file(STATE, path) if end == ".safetensors" else torch.save(STATE, path)
    assert same(load_weights(given_as(path)))


def test_a_file_that_changed_since_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(STATE, path)
    given = given_as(path)
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(ChecksumError, match=rf"expected checksum {given.sha256}, found {sha256(path)}\. Put back"):
        load_weights(given)
    path.unlink()
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        load_weights(given)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled_but_tensors(tmp_path: Path) -> None:
    path, sprung = tmp_path / "mine.pt", tmp_path / "sprung"
    torch.save({"a": Trap(sprung)}, path)
    with pytest.raises(ArtifactError, match="holds no weights that can be read"):
        load_weights(given_as(path))
    assert not sprung.exists()


@pytest.mark.parametrize("content", [{"a": 1}, torch.ones(2)])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "mine.pt"
    torch.save(content, path)
    with pytest.raises(ArtifactError, match="must be a state dict"):
        load_weights(given_as(path))


@pytest.mark.parametrize("end", [".safetensors", ".pt"])
@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_a_damaged_file_is_one_error(tmp_path: Path, end: str, content: bytes) -> None:
    path = tmp_path / f"mine{end}"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="holds no weights that can be read"):
        load_weights(given_as(path))
