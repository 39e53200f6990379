"""Systems by name: those of a made run to the bit, from a file, and what is said where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from semrobust import evaluate, example_images, load, load_images
from semrobust.errors import ArtifactError, UsageError
from semrobust.library import defaults
from tests.library.samples import pixels
from tests.made import CHAIN, IMAGES, NET, Run


def test_a_network_is_that_of_the_run(run: Run) -> None:
    expected, found = run.system(NET), load(NET, params=run.params, folder=run.folder)
    assert torch.equal(found.encode(pixels()).codewords, expected.encode(pixels()).codewords)
    assert (found.name, repr(found)) == (NET, f"<DeepJSCCSystem {NET!r}, N = 384 real channel uses>")
    weights = run.path(f"train/{NET}")
    alone = load(NET, params=run.params, weights=weights)
    assert torch.equal(alone.encode(pixels()).codewords, expected.encode(pixels()).codewords)
    assert Path.cwd() != run.folder


def test_images_are_those_of_the_tables(run: Run) -> None:
    expected = run.images()
    found = load_images(params=run.params, folder=run.folder)
    assert torch.equal(found, expected)
    assert len(found) == IMAGES
    assert torch.equal(load_images(3, params=run.params, folder=run.folder), found[:3])
    ask: Any = load_images
    for count in (0, -1, "3", IMAGES + 1):
        with pytest.raises(UsageError, match="count: "):
            ask(count, params=run.params, folder=run.folder)


def test_what_does_not_learn_is_constructed_where_no_run_has_it(tmp_path: Path, run: Run) -> None:
    made, fresh = load(CHAIN, params=run.params, folder=run.folder), load(CHAIN, params=run.params, folder=tmp_path)
    assert torch.equal(made.encode(pixels()).codewords, fresh.encode(pixels()).codewords)
    assert made.settings == fresh.settings == run.params.systems[CHAIN]


def test_where_the_network_is_not_there_it_says_how_to_get_it(tmp_path: Path, run: Run) -> None:
    with pytest.raises(
        ArtifactError, match=r"deepjscc-\w+.safetensors is missing. Train it in the project's root, by `snake"
    ):
        load(NET, params=run.params, folder=tmp_path)
    with pytest.raises(ArtifactError, match="cannot be read as a safetensors file"):
        load(NET, params=run.params, weights=tmp_path / "none.safetensors")
    with pytest.raises(ArtifactError, match="does not hold 'deepjscc' as the params describe it"):
        load(NET, weights=run.path("train/deepjscc_surrogate"))
    with pytest.raises(ArtifactError, match="is missing: run"):
        load_images(params=run.params, folder=tmp_path)


def test_outside_of_a_project_the_package_has_the_params(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is another project's params.yaml read, in which one happens to work."""
    defaults.params()  # as a wheel has them
    monkeypatch.setattr(defaults, "CHECKOUT", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("learning_rate: 1")
    assert load("jpeg_ldpc_qpsk").real_uses == 768
    with pytest.raises(ArtifactError, match=r"outside of a project there is none.*weights=FILE"):
        load(NET)
    with pytest.raises(UsageError, match="unknown run 'demo'; known: laptop"):
        load("jpeg_ldpc_qpsk", run="demo")


def test_what_to_run_for_a_network_makes_that_of_the_run(tmp_path: Path) -> None:
    shutil.copy(defaults.CHECKOUT / "params.yaml", tmp_path)
    shutil.copytree(defaults.CHECKOUT / "params", tmp_path / "params")
    with pytest.raises(ArtifactError, match=r"`snakemake --cores 2 data/demo/\S+ --configfile params/demo.yaml`"):
        load(NET, folder=tmp_path, run="demo")
    with pytest.raises(ArtifactError, match=r"`snakemake --cores 2 data/laptop/\S+`"):
        load(NET, folder=tmp_path)


def test_a_run_is_named_or_described() -> None:
    ask: Any = load
    assert load("hevc_ldpc_qpsk", run="laptop").settings.decoder.iterations == 50
    assert load("hevc_ldpc_qpsk", run="demo").settings.decoder.iterations == 20
    files = [defaults.CHECKOUT / name for name in ("params.yaml", "params/demo.yaml")]
    assert load("hevc_ldpc_qpsk", params=files).settings.decoder.iterations == 20
    with pytest.raises(UsageError, match="unknown run 'demmo'; known: laptop, ci, demo, grain, paper, recipe, seeds"):
        load("hevc_ldpc_qpsk", run="demmo")
    with pytest.raises(UsageError, match="is said by the params already"):
        load("hevc_ldpc_qpsk", run="demo", params=files)
    with pytest.raises(UsageError, match=r"unknown system 'deepjsc' \(did you mean 'deepjscc'\?\)"):
        load("deepjsc")
    with pytest.raises(UsageError, match="system: None, must be a name"):
        ask(None)
    with pytest.raises(UsageError, match="folder: nowhere, is none"):
        load(NET, folder="nowhere")
    with pytest.raises(UsageError, match="'mae_pretrained' reconstructs no images: it is a part of one"):
        load("mae_pretrained")
    with pytest.raises(UsageError, match="it sends channel states"):
        load("csi_magnitude_plain_10db")


def test_a_network_takes_images_of_other_sizes(run: Run) -> None:
    ask: Any = load
    large = torch.nn.functional.interpolate(example_images(2), size=(48, 64), mode="bilinear")
    found = load(NET, params=run.params, folder=run.folder, size=(48, 64))
    assert found.real_uses == 384 * 3
    quality = evaluate(found, large, 20)
    small = evaluate(load(NET, params=run.params, folder=run.folder), example_images(2), 20)
    assert (quality.psnr_db > small.psnr_db - 3).all(), "a network of convolutions shows smooth images as well"
    with pytest.raises(UsageError, match=r"deepjscc takes images of \(3, 48, 64\)"):
        evaluate(found, example_images(2), 20)
    with pytest.raises(UsageError, match="images of 30x64: this network takes sides that are multiples of 4"):
        load(NET, params=run.params, folder=run.folder, size=(30, 64))
    with pytest.raises(UsageError, match="size: 64, must be"):
        ask(NET, params=run.params, folder=run.folder, size=64)
    with pytest.raises(UsageError, match="takes images of one size only"):
        load(CHAIN, params=run.params, folder=run.folder, size=(64, 64))


def test_examples_are_different_pictures() -> None:
    images = example_images(20)
    assert images.shape == (20, 3, 32, 32)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert torch.pdist(images.flatten(1)).min() > 1
    assert torch.equal(example_images(5), images[:5])
    ask: Any = example_images
    for count, message in ((0, "at least 1"), (541, "from 1 to 540"), (2.5, "whole number")):
        with pytest.raises(UsageError, match=f"count: {count}, must be .*{message}"):
            ask(count)


def test_the_working_folder_stays(run: Run) -> None:
    before = Path.cwd()
    with pytest.raises(ArtifactError):
        load(NET, folder=run.folder)
    assert Path.cwd() == before
