from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from semrobust.data.download import Patience, fetch
from semrobust.errors import ChecksumError, DataError
from tests.data.samples import Served, Web, sha256

BODY = np.random.default_rng(0).bytes(1_000_000)
QUICK = Patience(attempts=3, first_wait_s=0.001, timeout_s=5)
ONCE = Patience(attempts=1, first_wait_s=0.001, timeout_s=5)


def get(web: Web, names: list[str], destination: Path, patience: Patience = QUICK) -> Path:
    return fetch([f"{web.url}/{name}" for name in names], destination, sha256(BODY), "sha256", patience)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_download_leaves_only_the_file(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY)
    assert get(web, ["a"], tmp_path / "new" / "file").read_bytes() == BODY
    assert names(tmp_path / "new") == ["file"]


def test_good_destination_is_not_fetched_again(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    get(web, ["a"], tmp_path / "file")
    assert web.requests == []


def test_interrupted_transfer_goes_on_at_the_next_call(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY, cut=[300_000])
    with pytest.raises(DataError, match="after 300000 of 1000000 bytes"):
        get(web, ["a"], tmp_path / "file", ONCE)
    assert names(tmp_path) == ["file.part", "file.part.json"]
    assert get(web, ["a"], tmp_path / "file", ONCE).read_bytes() == BODY
    assert web.ranges() == [None, "bytes=300000-"]
    assert web.requests[1][1]["If-Range"] == '"one"'
    assert web.sent["/a"] == len(BODY)
    assert names(tmp_path) == ["file"]


def test_interrupted_transfer_goes_on_within_one_call(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY, cut=[300_000, 200_000])
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY
    assert web.ranges() == [None, "bytes=300000-", "bytes=500000-"]
    assert web.sent["/a"] == len(BODY)


def test_server_without_ranges_starts_anew(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY, cut=[300_000], ranges=False)
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY
    assert web.sent["/a"] == len(BODY) + 300_000


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(web: Web, tmp_path: Path, etag: str | None) -> None:
    web.files["a"] = Served(BODY, cut=[300_000], etag=etag)
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY
    assert web.ranges() == [None, None]


@pytest.mark.parametrize("honours_if_range", [True, False])
def test_changed_file_is_never_joined_to_the_old_bytes(web: Web, tmp_path: Path, honours_if_range: bool) -> None:
    web.files["a"] = Served(bytes(len(BODY)), cut=[300_000])
    with pytest.raises(DataError):
        get(web, ["a"], tmp_path / "file", ONCE)
    web.files["a"] = Served(BODY, etag='"two"', honours_if_range=honours_if_range)
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY


def test_part_of_another_address_is_not_continued(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY, cut=[300_000])
    web.files["b"] = Served(BODY)
    with pytest.raises(DataError):
        get(web, ["a"], tmp_path / "file", ONCE)
    get(web, ["b"], tmp_path / "file", ONCE)
    assert web.ranges() == [None, None]


def test_part_survives_while_another_mirror_is_down(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY, cut=[300_000])
    web.files["b"] = Served(b"", status=500)
    with pytest.raises(DataError):
        get(web, ["a", "b"], tmp_path / "file", ONCE)
    get(web, ["a"], tmp_path / "file", ONCE)
    assert web.sent["/a"] == len(BODY)


def test_whole_part_needs_no_byte_more(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY)
    (tmp_path / "file.part").write_bytes(BODY)
    (tmp_path / "file.part.json").write_text(json.dumps({"url": f"{web.url}/a", "validator": '"one"'}))
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY
    assert web.sent == {}


def test_part_longer_than_the_file_is_dropped(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY)
    (tmp_path / "file.part").write_bytes(BODY + b"x")
    (tmp_path / "file.part.json").write_text(json.dumps({"url": f"{web.url}/a", "validator": '"one"'}))
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("record", ["", "{", "[]", '{"url": 1}'])
def test_unreadable_sidecar_means_a_fresh_start(web: Web, tmp_path: Path, record: str) -> None:
    web.files["a"] = Served(BODY)
    (tmp_path / "file.part").write_bytes(b"rubbish")
    (tmp_path / "file.part.json").write_text(record)
    assert get(web, ["a"], tmp_path / "file").read_bytes() == BODY


def test_wrong_checksum_keeps_nothing_and_old_state(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY + b"!")
    with pytest.raises(ChecksumError, match=sha256(BODY)):
        get(web, ["a"], tmp_path / "file")
    assert names(tmp_path) == []
    (tmp_path / "file").write_bytes(b"older")
    with pytest.raises(ChecksumError):
        get(web, ["a"], tmp_path / "file")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"older"


def test_next_mirror_after_errors_of_every_kind(web: Web, tmp_path: Path) -> None:
    web.files["broken"] = Served(BODY, status=500)
    web.files["forbidden"] = Served(BODY, status=403)
    web.files["altered"] = Served(b"altered")
    web.files["good"] = Served(BODY)
    assert get(web, ["broken", "forbidden", "altered", "good"], tmp_path / "file").read_bytes() == BODY
    asked = [path for path, _ in web.requests]
    assert asked == ["/broken"] * 3 + ["/forbidden", "/altered", "/good"]


def test_all_mirrors_failed_lists_each_reason(web: Web, tmp_path: Path) -> None:
    web.files["broken"] = Served(BODY, status=503)
    urls = [f"{web.url}/broken", f"{web.url}/none", "http://127.0.0.1:1/closed"]
    with pytest.raises(DataError) as caught:
        fetch(urls, tmp_path / "file", None, "sha256", QUICK)
    message = str(caught.value)
    assert all(url in message for url in urls)
    assert "503" in message
    assert "404" in message
    assert "refused" in message
    with pytest.raises(DataError, match="no address"):
        fetch([], tmp_path / "file", None, "sha256", QUICK)


def test_folder_that_cannot_be_made_is_a_clear_error(web: Web, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(DataError, match=r"cannot write .*occupied"):
        get(web, ["a"], tmp_path / "occupied" / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_a_clear_error_and_no_reason_to_try_again(web: Web, tmp_path: Path) -> None:
    web.files["a"] = Served(BODY)
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left"):
        get(web, ["a", "a"], tmp_path / "file")
    assert len(web.requests) == 1
