"""Atomic writing: a file is the old one or the new one, whatever happens, and nothing else is left behind."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from semrobust.errors import ArtifactError
from semrobust.pipeline import files


class Interrupted(BaseException):
    """As a KeyboardInterrupt, which pytest would take for its own."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_new_content_takes_the_name(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "table.csv"
    for text in ("first", "second"):
        with files.replacing(target) as temporary:
            assert temporary.parent == target.parent
            assert temporary.suffix == ".csv"
            assert temporary != target
            temporary.write_text(text)
        assert target.read_text() == text
    assert names(target.parent) == ["table.csv"]
    assert target.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("failure", [ValueError("bad"), Interrupted()])
def test_an_exception_leaves_the_old_file_and_no_litter(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "model.safetensors"
    target.write_text("old")

    def write() -> None:
        with files.replacing(target) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["model.safetensors"]


def test_nothing_appears_under_the_name_before_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with files.replacing(target) as temporary:
        temporary.write_text("all")
        assert not target.exists()


def test_a_full_disk_is_reported_and_harmless(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write() -> None:
        with files.replacing(target), Path("/dev/full").open("w", buffering=1) as device:
            device.write("much\n")

    with pytest.raises(ArtifactError, match=r"cannot write .*a\.txt: No space left on device.*run the same command"):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["open", "fsync", "replace", "mkdir"])
def test_an_error_at_any_step_is_reported_and_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    target = tmp_path / "a.txt"
    target.write_text("old")
    owner = {"open": os, "fsync": os, "replace": Path, "mkdir": Path}[step]
    monkeypatch.setattr(owner, step, fails)
    with pytest.raises(ArtifactError, match=r"cannot write .*a\.txt: Permission denied"):
        files.write_text(target, "new")
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_who_may_read_a_file_is_for_the_umask_to_say(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "a.txt", "new")
        with files.replacing(tmp_path / "a.safetensors") as temporary:
            save_file({"a": np.zeros(2)}, temporary)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o666 & ~umask}


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ArtifactError, match="cannot write"):
        files.write_text(tmp_path / "data" / "a.txt", "new")


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "σ²\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xcf\x83\xc2\xb2\n"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=10,
)


def turned(value: Any) -> Any:
    """The same value with the keys of all sections in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


@given(value=JSON)
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    assert files.canonical_json(value) == files.canonical_json(turned(value))
    assert files.digest(value) == files.digest(turned(value))


def test_canonical_json_depends_on_everything_else() -> None:
    values: list[Any] = [{}, [], None, 0, 0.5, "0", [1, 2], [2, 1], {"a": 1}, {"a": "1"}, {"b": 1}, {"a": {"a": 1}}, ""]
    assert len({files.digest(value) for value in values}) == len(values)


def test_canonical_json_is_known() -> None:
    assert files.canonical_json({"b": [1, 2.5, None, True], "a": "σ"}) == '{"a":"σ","b":[1,2.5,null,true]}'
    assert files.digest({}) == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.canonical_json({"a": [value]})


def test_sha256_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    assert files.sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    file.write_bytes(b"abd")
    assert files.sha256(file) == hashlib.sha256(b"abd").hexdigest()
    with pytest.raises(ArtifactError, match=r"cannot read .*none: No such file"):
        files.sha256(tmp_path / "none")
