from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from semrobust.config.settings import DataSettings
from semrobust.data import cifar10
from semrobust.data.content import Raw, Split, canonical, content_digest
from semrobust.data.download import Patience
from semrobust.data.parquet import read_parquet
from semrobust.errors import ChecksumError, DataError
from tests.data.samples import Served, Web, archive_members, pngs, random_split, write_parquet, write_tar

TRAIN, TEST = random_split(20, 1), random_split(6, 2)
QUICK = Patience(attempts=1, first_wait_s=0.001, timeout_s=5)
REAL = Path(
    os.environ.get("SEMROBUST_CIFAR10") or Path(__file__).resolve().parents[3] / "shared" / "cifar10"
)  # read at import: the fixtures hide the variable


def config(path: Path | None = None, mirrors: tuple[str, ...] = (), hub: tuple[str, ...] = ()) -> DataSettings:
    return DataSettings(
        source="cifar10",
        path=None if path is None else str(path),
        mirrors=list(mirrors),
        hub=list(hub),
        validation_images=5,
        train_images=None,
        test_images=None,
    )


def write_hub(folder: Path, train: Split = TRAIN, test: Split = TEST) -> Path:
    folder.mkdir(exist_ok=True)
    write_parquet(folder / "train-00000-of-00001.parquet", pngs(train), train.labels.tolist())
    write_parquet(folder / "test-00000-of-00001.parquet", pngs(test), test.labels.tolist())
    return folder


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small archive in a folder of its own, taken for the official one."""
    monkeypatch.setattr(
        cifar10,
        "KNOWN_DIGESTS",
        {
            "train": content_digest(TRAIN.images, TRAIN.labels),
            "test": content_digest(TEST.images, TEST.labels),
        },
    )
    (tmp_path / "official").mkdir()
    file = write_tar(tmp_path / "official" / cifar10.ARCHIVE, archive_members(TRAIN, TEST))
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(file.read_bytes()).hexdigest())
    return file


def check(raw: Raw) -> None:
    for found, expected in ((raw.train, TRAIN), (raw.test, TEST)):
        np.testing.assert_array_equal(found.images, canonical(expected)[0].images)
        np.testing.assert_array_equal(found.labels, canonical(expected)[0].labels)
    assert raw.validation is None


def test_every_local_form_gives_the_same_arrays(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.random.default_rng(0).permutation(len(TRAIN)).astype(np.int64)
    hub = write_hub(tmp_path / "hub", train=TRAIN.take(order))
    for path in (archive, archive.parent, hub):
        check(cifar10.load(config(path), tmp_path / "cache"))
    monkeypatch.setenv("SEMROBUST_CIFAR10", str(hub))
    check(cifar10.load(config(tmp_path / "nowhere"), tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", ["missing", "empty folder", "text file", "train only"])
@pytest.mark.parametrize("by", ["variable", "path"])
def test_unusable_local_path_is_an_error_not_a_download(
    archive: Path, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, by: str
) -> None:
    place = tmp_path / "place"
    if content == "text file":
        place.write_text("hello")
    elif content != "missing":
        place.mkdir()
    if content == "train only":
        write_parquet(place / "train-00000-of-00001.parquet", pngs(TRAIN), TRAIN.labels.tolist())
    web.files["a"] = Served(archive.read_bytes())
    if by == "variable":
        monkeypatch.setenv("SEMROBUST_CIFAR10", str(place))
    settings = config(place if by == "path" else None, mirrors=(f"{web.url}/a",))
    with pytest.raises(DataError, match="SEMROBUST_CIFAR10" if by == "variable" else r"data\.path"):
        cifar10.load(settings, tmp_path / "cache", QUICK)
    assert web.requests == []


def test_archive_is_downloaded_once(archive: Path, web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(archive.read_bytes())
    for _ in range(2):
        check(cifar10.load(config(mirrors=(f"{web.url}/a",)), tmp_path / "cache", QUICK))
    assert len(web.requests) == 1
    check(cifar10.load(config(), tmp_path / "cache", QUICK))


def serve_hub(web: Web, folder: Path) -> tuple[str, str]:
    for file in folder.iterdir():
        web.files[file.name] = Served(file.read_bytes())
    return f"{web.url}/train-00000-of-00001.parquet", f"{web.url}/test-00000-of-00001.parquet"


@pytest.mark.usefixtures("archive")
def test_hub_is_asked_when_no_mirror_has_the_archive(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(b"altered")
    hub = serve_hub(web, write_hub(tmp_path / "hub"))
    check(cifar10.load(config(mirrors=(f"{web.url}/a", f"{web.url}/b"), hub=hub), tmp_path / "cache", QUICK))
    web.requests.clear()
    check(cifar10.load(config(hub=hub), tmp_path / "cache", QUICK))
    assert web.requests == []


@pytest.mark.usefixtures("archive")
def test_altered_hub_file_is_refused_and_not_kept(web: Web, tmp_path: Path) -> None:
    altered = Split(TRAIN.images ^ np.uint8(1), TRAIN.labels)
    hub = serve_hub(web, write_hub(tmp_path / "hub", train=altered))
    with pytest.raises(ChecksumError, match="train"):
        cifar10.load(config(hub=hub), tmp_path / "cache", QUICK)
    serve_hub(web, write_hub(tmp_path / "hub"))
    check(cifar10.load(config(hub=hub), tmp_path / "cache", QUICK))


@pytest.mark.usefixtures("archive")
def test_when_all_fails_the_message_names_every_way(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(b"", status=500)
    web.files["train"] = Served(b"no parquet")
    web.files["test"] = Served(b"no parquet")
    for hub in ((), (f"{web.url}/train", f"{web.url}/test"), (f"{web.url}/x", f"{web.url}/y")):
        with pytest.raises(DataError) as caught:
            cifar10.load(config(mirrors=(f"{web.url}/a",), hub=hub), tmp_path / "cache", QUICK)
        message = str(caught.value)
        for way in ("SEMROBUST_CIFAR10", "data.path", "data.mirrors", "data.hub", "parquet"):
            assert way in message
        assert "photos10" in message
        assert "params/demo.yaml" in message
        assert "HTTP 500" in message
    assert not list((tmp_path / "cache").glob("*.parquet"))


@pytest.mark.usefixtures("archive")
def test_one_altered_pixel_label_or_missing_image_is_refused(tmp_path: Path) -> None:
    images, labels = TEST.images.copy(), TEST.labels.copy()
    images[3, 1, 5, 7] ^= 1
    labels[2] = (labels[2] + 1) % 10
    for altered in (
        Split(images, TEST.labels),
        Split(TEST.images, labels),
        Split(TEST.images[1:], TEST.labels[1:]),
    ):
        with pytest.raises(ChecksumError, match=r"CIFAR-10 test .* replace this copy"):
            cifar10.load(config(write_hub(tmp_path / "hub", test=altered)), tmp_path / "cache")


@pytest.mark.parametrize("name", ["train", "test"])
def test_real_copy_has_the_published_digest(name: str) -> None:
    files = sorted(REAL.glob(f"{name}*.parquet"))
    if not files:
        pytest.skip("no local copy of CIFAR-10 as parquet files")
    split = read_parquet(files)
    assert np.bincount(split.labels).tolist() == [len(split) // 10] * 10
    assert content_digest(split.images, split.labels) == cifar10.KNOWN_DIGESTS[name]
