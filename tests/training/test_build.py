"""The `train` job in a project of its own: data, training, checkpoint, record, and what is refused afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from semrobust.config import params
from semrobust.config.params import Params
from semrobust.data import stage
from semrobust.errors import ArtifactError, ParamsError
from semrobust.pipeline import jobs
from semrobust.pipeline import record as provenance
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore
from semrobust.systems.deepjscc import DeepJSCCSystem
from semrobust.systems.jpeg_ldpc import JpegLdpcSystem
from semrobust.training import build
from tests.attacks.samples import REPOSITORY, pictures
from tests.conftest import HU2022

NAME = "deepjscc"
OVERLAY: dict[str, Any] = {
    "run": "small",
    "data": {"source": "photos10", "train_images": 128, "validation_images": 20, "test_images": 20},
    "link": {"real_uses": 384},
    "systems": {
        NAME: {"width": 4, "training": {"epochs": 3, "batch": 32}},
        "deepjscc_noiseless": None,
        "deepjscc_surrogate": None,
        "trained": None,
        "hevc_ldpc_qpsk": None,
        "hevc_ldpc_16qam": None,
        "jpeg_ldpc_16qam": None,
        "jpeg_ldpc_16qam_full": None,
        "ladder": None,
        "ablation": None,
        **dict.fromkeys(HU2022),
        "jpeg_ldpc_qpsk": {"attacks": None, "study": None},
    },
    "attacks": {"transfer_pga": None, "transfer_minimum_norm": None},
    "evaluation": {"attack_images": 5},
    "recognition": {"images": 5},
    "criteria": {"images": 5},
    "compute": {"train_threads": 1},
}


def params_with(**overlay: Any) -> Params:
    base = params.read_yaml(REPOSITORY / "params.yaml")
    return params.validate(params.merge(params.merge(base, OVERLAY), overlay))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with data, a trained DeepJSCC and a classical chain."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        small = params_with()
        stage.run(small, ["semrobust", "data"])
        for system in small.systems:
            build.run(small, system, ["semrobust", "train", system])
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that the test may spoil, as working directory."""
    copy = tmp_path / "project"
    shutil.copytree(built, copy)
    monkeypatch.chdir(copy)
    return copy


def opened(of: Params, system: str = NAME) -> Any:
    return restore(of, system, Making(jobs.clean(of, system), ["test"]))


@pytest.mark.usefixtures("project")
def test_checkpoint_gives_back_the_trained_system() -> None:
    small = params_with()
    system = opened(small)
    assert isinstance(system, DeepJSCCSystem)
    assert not system.module.training
    assert not any(parameter.requires_grad for parameter in system.module.parameters())
    record = provenance.read(Layout("small").model(NAME))
    history = record["details"]["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    state = torch.load(next(Path("data/small/scratch").rglob("state.pt")), weights_only=True)
    assert state["history"] == history
    for name, value in system.state().items():
        assert torch.equal(value, state["module"][name]), name


@pytest.mark.usefixtures("project")
def test_record_names_data_settings_and_command() -> None:
    layout = Layout("small")
    record = provenance.read(layout.model(NAME))
    assert record["command"] == ["semrobust", "train", NAME]
    assert record["settings"]["system"]["training"]["epochs"] == 3
    assert record["dataset"] == provenance.read(layout.dataset())["dataset"]
    assert record["dataset"]["source"] == "photos10"
    assert set(record["inputs"]) == set(provenance.read(layout.dataset())["outputs"])
    assert list(record["outputs"]) == ["data/small/models/deepjscc.safetensors"]
    assert provenance.staleness(layout.model(NAME), jobs.model(params_with(), NAME)) is None


@pytest.mark.usefixtures("project")
def test_classical_system_is_constructed_and_restored() -> None:
    system = opened(params_with(), "jpeg_ldpc_qpsk")
    assert isinstance(system, JpegLdpcSystem)
    assert system.code.n == 384
    sent = system.encode(pictures(2))
    decoded = system.decode(sent.codewords, 0.1)
    assert decoded.message is not None
    assert sent.message is not None
    assert torch.equal(decoded.message, sent.message)
    record = provenance.read(Layout("small").model("jpeg_ldpc_qpsk"))
    assert record["inputs"] == {}
    assert "history" not in record["details"]


@pytest.mark.usefixtures("project")
def test_building_again_gives_the_same_bytes() -> None:
    for system in (NAME, "jpeg_ldpc_qpsk"):
        checkpoint = Layout("small").model(system)
        before, record = checkpoint.read_bytes(), provenance.read(checkpoint)
        shutil.rmtree("data/small/scratch", ignore_errors=True)
        checkpoint.unlink()
        assert build.run(params_with(), system, record["command"]) == checkpoint
        assert checkpoint.read_bytes() == before
        assert provenance.read(checkpoint)["id"] == record["id"]


@pytest.mark.usefixtures("project")
def test_interrupted_build_goes_on_and_leaves_no_half_checkpoint() -> None:
    class Interrupted(Exception):
        pass

    def stop(finished: int) -> None:
        if finished == 2:
            raise Interrupted

    checkpoint = Layout("small").model(NAME)
    expected = checkpoint.read_bytes()
    shutil.rmtree("data/small/scratch")
    shutil.rmtree(checkpoint.parent)
    with pytest.raises(Interrupted):
        build.run(params_with(), NAME, ["test"], stop)
    assert not checkpoint.exists()
    finished: list[int] = []
    build.run(params_with(), NAME, ["test"], finished.append)
    assert finished == [3]
    assert checkpoint.read_bytes() == expected


@pytest.mark.parametrize(
    ("overlay", "key"),
    [
        ({"systems": {NAME: {"training": {"learning_rate": 1e-3}}}}, "system.training.learning_rate"),
        ({"systems": {NAME: {"training": {"train_snr_db": None}}}}, "system.training.train_snr_db"),
        ({"systems": {NAME: {"width": 8}}}, "system.width"),
        ({"link": {"real_uses": 768}}, "real_uses"),
        ({"seed": 1}, "seed"),
    ],
)
@pytest.mark.usefixtures("project")
def test_checkpoint_of_other_params_is_refused_by_the_key(overlay: dict[str, Any], key: str) -> None:
    changed = params_with(**overlay)
    with pytest.raises(ArtifactError, match=rf"other params: {key} \(was .*, now .*\) differs.*snakemake"):
        opened(changed)


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
@pytest.mark.usefixtures("project")
def test_checkpoint_stays_good_where_nothing_it_depends_on_changed(overlay: dict[str, Any]) -> None:
    assert isinstance(opened(params_with(**overlay)), DeepJSCCSystem)


@pytest.mark.usefixtures("project")
def test_flipped_byte_is_refused() -> None:
    checkpoint = Layout("small").model(NAME)
    content = bytearray(checkpoint.read_bytes())
    content[-7] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{checkpoint} is not the file that was written: expected SHA-256"):
        opened(params_with())


@pytest.mark.usefixtures("project")
def test_checkpoint_without_record_and_missing_checkpoint_are_refused() -> None:
    checkpoint = Layout("small").model(NAME)
    checkpoint.unlink()
    with pytest.raises(ArtifactError, match=str(checkpoint)):
        opened(params_with())
    checkpoint.with_suffix(".json").unlink()
    with pytest.raises(ArtifactError, match="nothing says how"):
        opened(params_with())


@pytest.mark.usefixtures("project")
def test_altered_data_are_refused_before_training() -> None:
    images = Path("data/small/dataset/train_images.npy")
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"train_images\.npy is not the file that was written"):
        build.run(params_with(), NAME, ["test"])


@pytest.mark.usefixtures("project")
def test_other_data_start_a_training_of_their_own() -> None:
    other = params_with(data={"train_images": 96})
    stage.run(other, ["test"])
    finished: list[int] = []
    build.run(other, NAME, ["test"], finished.append)
    assert finished == [1, 2, 3], "went on from a training on other data"
    assert len(list(Path("data/small/scratch").iterdir())) == 2


@pytest.mark.usefixtures("project")
def test_model_of_a_dataset_that_was_replaced_is_stale() -> None:
    other = params_with(data={"train_images": 96})
    stage.run(other, ["test"])
    reason = provenance.staleness(Layout("small").model(NAME), jobs.model(other, NAME))
    assert reason is not None
    assert "train_images.npy" in reason


@pytest.mark.usefixtures("project")
def test_model_of_a_dataset_that_was_replaced_is_refused() -> None:
    other = params_with(data={"train_images": 96})
    stage.run(other, ["test"])
    making = Making(jobs.clean(other, NAME), ["test"])
    making.uses(Layout("small").dataset(), jobs.dataset(other))
    with pytest.raises(ArtifactError, match=r"train_images\.npy"):
        restore(other, NAME, making)


@pytest.mark.usefixtures("project")
def test_settings_that_cannot_work_name_their_key() -> None:
    with pytest.raises(ParamsError, match=r"systems\.deepjscc\.kind: .* multiple of 64, not 390"):
        params_with(link={"real_uses": 390})


@pytest.mark.usefixtures("project")
def test_record_is_plain_json() -> None:
    record = json.loads(Layout("small").model(NAME).with_suffix(".json").read_text(encoding="utf-8"))
    assert {"id", "job", "settings", "code", "inputs", "outputs", "lineage", "dataset", "git", "packages"} <= set(
        record
    )
