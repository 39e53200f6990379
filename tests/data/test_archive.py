from __future__ import annotations

import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semrobust.data.archive import load_batch, read_archive
from semrobust.errors import DataError
from tests.data.samples import FOLDER, archive_members, batch_pickle, member, random_split, write_tar

TRAIN, TEST = random_split(20, 1), random_split(4, 2)


def test_archive_in_the_official_layout_is_read_exactly(tmp_path: Path) -> None:
    train, test = read_archive(write_tar(tmp_path / "a.tar.gz", archive_members(TRAIN, TEST)))
    np.testing.assert_array_equal(train.images, TRAIN.images)
    np.testing.assert_array_equal(train.labels, TRAIN.labels)
    np.testing.assert_array_equal(test.images, TEST.images)
    np.testing.assert_array_equal(test.labels, TEST.labels)


def test_the_sample_is_a_pickle_of_python_2() -> None:
    content = batch_pickle(TEST)
    assert b"cnumpy.core.multiarray\n_reconstruct" in content
    assert b"_codecs" not in content
    assert b"T" + (4 * 3072).to_bytes(4, "little") in content


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickle_of_python_3_is_read_too(protocol: int) -> None:
    content = pickle.dumps({b"data": TEST.images.reshape(4, -1), b"labels": TEST.labels.tolist()}, protocol=protocol)
    np.testing.assert_array_equal(load_batch(content, "batch").images, TEST.images)


def _link(kind: bytes, name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    info, content = member(name)
    info.type, info.linkname = kind, target
    return info, content


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside", b"x"),
        member(f"{FOLDER}/../../outside", b"x"),
        member("/tmp/outside", b"x"),
        member("..\\outside", b"x"),
        _link(tarfile.SYMTYPE, f"{FOLDER}/test_batch", "/etc/hostname"),
        _link(tarfile.LNKTYPE, f"{FOLDER}/link", f"{FOLDER}/test_batch"),
        _link(tarfile.CHRTYPE, f"{FOLDER}/device", ""),
        _link(tarfile.FIFOTYPE, f"{FOLDER}/fifo", ""),
    ],
    ids=lambda item: item[0].name,
)
@pytest.mark.parametrize("first", [True, False])
def test_hostile_member_is_refused_and_nothing_is_written(
    tmp_path: Path, hostile: tuple[tarfile.TarInfo, bytes], first: bool
) -> None:
    members = archive_members(TRAIN, TEST)
    members.insert(0 if first else len(members), hostile)
    folder = tmp_path / "folder"
    folder.mkdir()
    archive = write_tar(folder / "a.tar.gz", members)
    with pytest.raises(DataError, match="refused"):
        read_archive(archive)
    assert [file.name for file in tmp_path.rglob("*")] == ["folder", "a.tar.gz"]


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickle_that_calls_a_function_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    for bomb in (
        _Calls(os.system, f"touch {marker}"),
        _Calls(eval, f"open({str(marker)!r}, 'w')"),
        _Calls(np.save, str(marker), np.zeros(1)),
        _Calls(getattr, np.ndarray, "tofile"),
    ):
        content = pickle.dumps({b"data": bomb, b"labels": [0]}, protocol=protocol)
        with pytest.raises(DataError, match=r"asks for \S+\.(system|eval|save|getattr), .* refused"):
            load_batch(content, "batch")
    assert list(tmp_path.iterdir()) == []


def test_dotted_global_is_refused() -> None:
    content = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    with pytest.raises(DataError, match=r"numpy\.ndarray\.tofile"):
        load_batch(content, "batch")


def test_other_codecs_are_refused() -> None:
    content = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    with pytest.raises(DataError, match="rot13"):
        load_batch(content, "batch")


_PIXELS = TEST.images.reshape(4, -1)


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        {b"data": _PIXELS},
        {b"data": _PIXELS.astype(np.int16), b"labels": [0] * 4},
        {b"data": _PIXELS[:, :-1], b"labels": [0] * 4},
        {b"data": _PIXELS.tobytes(), b"labels": [0] * 4},
        {b"data": _PIXELS, b"labels": [0] * 3},
        {b"data": _PIXELS, b"labels": [0, 1, 2, 10]},
        {b"data": _PIXELS, b"labels": [0, 1, 2, -1]},
        {b"data": _PIXELS, b"labels": [0, 1, 2, 2**70]},
        {b"data": _PIXELS, b"labels": [0, 1, 2, 3.0]},
        {b"data": _PIXELS, b"labels": b"abcd"},
    ],
)
def test_batch_of_the_wrong_form_is_refused(batch: Any) -> None:
    with pytest.raises(DataError, match=r"^where: "):
        load_batch(pickle.dumps(batch, protocol=2), "where")


def test_damaged_pickle_is_refused() -> None:
    content = batch_pickle(TEST)
    for damaged in (b"", content[:-1], content[: len(content) // 2], b"\x00" + content):
        with pytest.raises(DataError, match="not a readable pickle"):
            load_batch(damaged, "batch")


def test_damaged_or_incomplete_archive_is_refused(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar.gz", archive_members(TRAIN, TEST))
    whole = archive.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no archive", b"", whole[:200] + b"\xff" * 50 + whole[250:]):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.tar\.gz"):
            read_archive(archive)
    write_tar(archive, archive_members(TRAIN, TEST)[:-1])
    with pytest.raises(DataError, match="test_batch"):
        read_archive(archive)
    write_tar(archive, [*archive_members(TRAIN, TEST), member(f"{FOLDER}/test_batch", b"x")])
    with pytest.raises(DataError, match="twice"):
        read_archive(archive)


def test_member_too_large_for_a_batch_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semrobust.data.archive._LARGEST_MEMBER", 1000)
    archive = write_tar(tmp_path / "a.tar.gz", archive_members(TRAIN, TEST))
    with pytest.raises(DataError, match="too many for a batch"):
        read_archive(archive)
