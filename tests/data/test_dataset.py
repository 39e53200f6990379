from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semrobust.config.settings import DataSettings
from semrobust.data import cifar10, dataset
from semrobust.data.content import Raw, Split, content_digest, image_digests
from semrobust.data.splits import FILES, SPLITS, load_split
from semrobust.errors import ArtifactError, DataError
from tests.data.samples import random_split

RAW = Raw(train=random_split(60, 5), validation=None, test=random_split(20, 6))


def config(**changes: Any) -> DataSettings:
    base: dict[str, Any] = {
        "source": "cifar10",
        "path": None,
        "mirrors": [],
        "hub": [],
        "validation_images": 15,
        "train_images": None,
        "test_images": None,
    }
    return DataSettings(**{**base, **changes})


@pytest.fixture(autouse=True)
def _small_cifar10(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "load", lambda settings, cache_dir: RAW)


def keys(split: Split) -> list[bytes]:
    return image_digests(split.images, split.labels)


def test_prepared_files_read_back_as_recorded(tmp_path: Path) -> None:
    record = dataset.prepare(config(), 7, tmp_path / "data", tmp_path)
    assert json.loads(json.dumps(record)) == record
    assert record["source"] == "cifar10"
    assert {name: item["count"] for name, item in record["splits"].items()} == {
        "train": 45,
        "validation": 15,
        "test": 20,
    }
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == sorted(FILES)
    for name in SPLITS:
        split = load_split(tmp_path / "data", name)
        assert isinstance(split.images, np.memmap)
        assert not split.images.flags.writeable
        assert content_digest(split.images, split.labels) == record["splits"][name]["digest"]
        assert len(split) == record["splits"][name]["count"]


def test_splits_are_disjoint_and_complete() -> None:
    splits = dataset.split_raw(RAW, config(), 7)
    train, validation = keys(splits["train"]), keys(splits["validation"])
    assert not set(train) & set(validation)
    assert sorted(train + validation) == sorted(keys(RAW.train))
    assert sorted(keys(splits["test"])) == sorted(keys(RAW.test))


def test_smaller_sizes_are_the_first_of_the_larger() -> None:
    whole = dataset.split_raw(RAW, config(), 7)
    part = dataset.split_raw(RAW, config(train_images=10, test_images=8), 7)
    assert keys(part["train"]) == keys(whole["train"])[:10]
    assert keys(part["test"]) == keys(whole["test"])[:8]
    assert keys(part["validation"]) == keys(whole["validation"])


def test_seed_decides_order_and_membership(tmp_path: Path) -> None:
    one, same, other = (
        dataset.prepare(config(), seed, tmp_path / str(i), tmp_path) for i, seed in enumerate((7, 7, 8))
    )
    assert one == same != other
    first, second, third = (load_split(tmp_path / str(i), "test") for i in range(3))
    assert keys(first) == keys(second) != keys(third)
    assert sorted(keys(first)) == sorted(keys(third))


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({"validation_images": 60}, ("validation_images is 60", "60 training")),
        ({"train_images": 46}, ("train_images is 46", "only 45")),
        ({"test_images": 21}, ("test_images is 21", "only 20")),
        ({"source": "photos10", "validation_images": 271}, ("validation_images is 271", "only 270")),
    ],
)
def test_impossible_sizes_are_refused_with_their_numbers(
    tmp_path: Path, changes: dict[str, Any], numbers: tuple[str, str]
) -> None:
    with pytest.raises(DataError) as caught:
        dataset.prepare(config(**changes), 7, tmp_path / "data", tmp_path)
    assert all(number in str(caught.value) for number in numbers)
    assert not (tmp_path / "data").exists()


def test_photos10_keeps_its_own_validation_region(tmp_path: Path) -> None:
    settings = config(source="photos10", validation_images=200, train_images=2000, test_images=500)
    record = dataset.prepare(settings, 7, tmp_path / "data", tmp_path)
    assert record["source"] == "photos10"
    assert [record["splits"][name]["count"] for name in SPLITS] == [2000, 200, 500]
    assert set(np.bincount(load_split(tmp_path / "data", "test").labels) > 0) == {True}


@pytest.mark.parametrize("suffix", ["images", "labels"])
def test_missing_or_damaged_file_is_a_clear_error(tmp_path: Path, suffix: str) -> None:
    dataset.prepare(config(), 7, tmp_path, tmp_path)
    file = tmp_path / f"test_{suffix}.npy"
    whole = file.read_bytes()
    for damaged in (b"", whole[:50], whole[:-1], b"\x80" + whole):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"test_{suffix}\.npy is damaged .*`semrobust data`"):
            load_split(tmp_path, "test")
    file.unlink()
    with pytest.raises(DataError, match=rf"test_{suffix}\.npy is missing"):
        load_split(tmp_path, "test")


def test_files_of_different_runs_do_not_make_a_split(tmp_path: Path) -> None:
    dataset.prepare(config(), 7, tmp_path, tmp_path)
    (tmp_path / "train_labels.npy").replace(tmp_path / "test_labels.npy")
    with pytest.raises(DataError, match="'test' do not belong together"):
        load_split(tmp_path, "test")


def test_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(ArtifactError, match=r"cannot write .*occupied"):
        dataset.prepare(config(), 7, tmp_path / "occupied" / "data", tmp_path)


def test_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    dataset.prepare(config(), 7, tmp_path, tmp_path)
    (tmp_path / "test_labels.npy").unlink()
    (tmp_path / "test_labels.npy").mkdir()
    with pytest.raises(ArtifactError, match=r"cannot write .*test_labels\.npy"):
        dataset.prepare(config(), 7, tmp_path, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(FILES)
