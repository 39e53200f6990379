"""The step `train` in a project of its own: data, training, checkpoint, record, and what goes on after a break."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from semrobust.config import params
from semrobust.config.params import Params
from semrobust.errors import ArtifactError, ParamsError
from semrobust.systems.deepjscc import DeepJSCCSystem
from semrobust.systems.jpeg_ldpc import JpegLdpcSystem
from tests.attacks.samples import REPOSITORY, pictures
from tests.conftest import SMALL
from tests.made import Run

NAME, CHAIN = "deepjscc", "jpeg_ldpc_qpsk"
OVERLAY: dict[str, Any] = {
    "run": "small",
    "data": {"source": "photos10", "train_images": 128, "validation_images": 20, "test_images": 20},
    "link": {"real_uses": 384},
    "certificates": SMALL["certificates"],
    "systems": {
        NAME: {"width": 4, "training": {"epochs": 3, "batch": 32}},
        CHAIN: {"attacks": None, "study": None},
    },
    "attacks": {"transfer_pga": None, "transfer_minimum_norm": None, "universal": None},
    "evaluation": {"attack_images": 5, "main": {"images": 5}, "fading_images": 5},
    "recognition": {"images": 5},
    "criteria": {"images": 5},
    "compute": {"train_threads": 1},
}


def params_with(**overlay: Any) -> Params:
    base = params.read_yaml(REPOSITORY / "params.yaml")
    base["systems"] = {name: base["systems"][name] for name in (NAME, CHAIN)}
    return params.validate(params.merge(params.merge(base, OVERLAY), overlay))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with data, a trained DeepJSCC and a classical chain."""
    root = tmp_path_factory.mktemp("project")
    run = Run(params_with(), root)
    for system in run.params.systems:
        run.artifact(f"train/{system}")
    return root


@pytest.fixture
def run(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of it that the test may spoil, as working directory."""
    copy = tmp_path / "project"
    shutil.copytree(built, copy)
    monkeypatch.chdir(copy)
    return Run(params_with(), copy)


def state_file() -> Path:
    return next(Path("data/small/scratch/train").rglob("state.pt"))


def test_checkpoint_gives_back_the_trained_system(run: Run) -> None:
    system = run.system(NAME)
    assert isinstance(system, DeepJSCCSystem)
    assert not system.module.training
    assert not any(parameter.requires_grad for parameter in system.module.parameters())
    record = run.record(f"train/{NAME}")
    history = record["details"]["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert record["dataset"]["source"] == "photos10"
    state = torch.load(state_file(), weights_only=True)
    assert state["history"] == history
    for name, value in system.state().items():
        assert torch.equal(value, state["module"][name]), name


def test_a_classical_system_is_constructed_and_restored(run: Run) -> None:
    system = run.system(CHAIN)
    assert isinstance(system, JpegLdpcSystem)
    assert system.code.n == 384
    sent = system.encode(pictures(2))
    decoded = system.decode(sent.codewords, 0.1)
    assert decoded.message is not None
    assert sent.message is not None
    assert torch.equal(decoded.message, sent.message)
    record = run.record(f"train/{CHAIN}")
    assert record["inputs"] == {}
    assert "history" not in record["details"]


def test_building_again_gives_the_same_bytes(run: Run) -> None:
    for system in (NAME, CHAIN):
        identity = run.record(f"train/{system}")["id"]
        shutil.rmtree("data/small/scratch", ignore_errors=True)
        before, after = run.again(f"train/{system}")
        assert before == after
        assert run.record(f"train/{system}")["id"] == identity


def test_an_interrupted_training_goes_on_and_leaves_no_half_checkpoint(run: Run) -> None:
    class Interrupted(Exception):
        pass

    def stop(finished: int) -> None:
        if finished == 2:
            raise Interrupted

    checkpoint = run.path(f"train/{NAME}")
    expected = checkpoint.read_bytes()
    shutil.rmtree("data/small/scratch")
    shutil.rmtree(checkpoint.parent)
    with pytest.raises(Interrupted):
        run.train(NAME, stop)
    assert not checkpoint.exists()
    finished: list[int] = []
    run.train(NAME, finished.append)
    assert finished == [3]
    assert checkpoint.read_bytes() == expected


@pytest.mark.parametrize(
    "overlay",
    [
        {"systems": {NAME: {"training": {"learning_rate": 1e-3}}}},
        {"systems": {NAME: {"training": {"train_snr_db": None}}}},
        {"systems": {NAME: {"width": 8}}},
        {"link": {"real_uses": 768}},
        {"seed": 1},
        {"data": {"train_images": 96}},
    ],
)
def test_a_model_of_other_params_has_another_name(run: Run, overlay: dict[str, Any]) -> None:
    assert not Run(params_with(**overlay), run.folder).is_made(f"train/{NAME}")


@pytest.mark.parametrize(
    "overlay",
    [
        {"plot": {"dpi": 100}},
        {"systems": {NAME: {"label": "another label"}}},
        {"link": {"snr_db": [10.0]}},
        {"attacks": {"pga": {"step": 0.2}}},
        {"data": {"path": "somewhere/else"}},
    ],
)
def test_a_model_stays_where_nothing_that_it_depends_on_changed(run: Run, overlay: dict[str, Any]) -> None:
    assert Run(params_with(**overlay), run.folder).is_made(f"train/{NAME}")


def test_altered_data_are_refused_before_training(run: Run) -> None:
    images = run.path("dataset/photos10", "/train_images.npy")
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"train_images\.npy is not the file that was written"):
        run.again(f"train/{NAME}")


def test_other_data_start_a_training_of_their_own(run: Run) -> None:
    other = Run(params_with(data={"train_images": 96}), run.folder)
    other.artifact("dataset/photos10")
    finished: list[int] = []
    other.train(NAME, finished.append)
    assert finished == [1, 2, 3], "went on from a training on other data"
    assert len(list(Path("data/small/scratch/train").iterdir())) == 2


def test_settings_that_cannot_work_name_their_key() -> None:
    with pytest.raises(ParamsError, match=r"systems\.deepjscc\.kind: .* multiple of 64, not 390"):
        params_with(link={"real_uses": 390})
