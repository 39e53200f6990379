"""Submissions: what is written is read back, and whatever is wrong with a file is one clear line, before it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from semrobust.errors import ArtifactError, ChecksumError, SubmissionError
from semrobust.measure import submission
from semrobust.measure.vectors import at
from semrobust.pipeline import files
from tests.conftest import ROOT, raw_params

SNRS, IMAGES, USES = [5.0, 10.0], [0, 3, 4], 6
AGAINST: dict[str, Any] = {
    "run": "made",
    "system": "net",
    "settings": {"kind": "net", "width": 4},
    "checkpoint_sha256": "a" * 64,
    "dataset_digest": "b" * 64,
    "real_uses": USES,
    "seed": 7,
    "success_psnr_db": 15.0,
}
DESCRIBED: dict[str, Any] = {
    "title": "Less power",
    "author": "A. Name",
    "date": "2026-01-31",
    "links": ["https://example.org/paper"],
    "method": "Bisection\nof what was known.",
    "against": AGAINST,
    "images": IMAGES,
    "claims": [{"snr_db": snr_db, "broken": 3, "power_total_mean": 2.5} for snr_db in SNRS],
}


def vectors() -> submission.Vectors:
    return {snr_db: torch.full((3, USES), snr_db) + torch.arange(3.0)[:, None] for snr_db in SNRS}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "name.json"
    submission.write(path, DESCRIBED, vectors())
    return path


def test_what_is_written_is_read_back(file: Path) -> None:
    said, found = submission.read(file)
    assert said.model_dump(exclude={"format", "vectors_sha256"}) == DESCRIBED
    assert list(found) == SNRS
    assert all(torch.equal(found[snr_db], tensor) for snr_db, tensor in vectors().items())


def test_vectors_stand_at_their_images_and_zeros_at_the_others(file: Path) -> None:
    whole = submission.dense(*submission.read(file), [5.0, 10.0, 15.0], (4, USES))  # image 4 is not attacked here
    assert torch.equal(whole[at(10.0)], torch.stack([vectors()[10.0][0], *torch.zeros(2, USES), vectors()[10.0][1]]))
    assert not whole[at(15.0)].any()
    assert not any(tensor.any() for tensor in submission.dense(*submission.read(file), SNRS, (4, 8)).values())


def described(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], object]:
    def spoil(file: Path) -> None:
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return spoil


def stored(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], object]:
    def spoil(file: Path) -> None:
        tensors = {at(snr_db): tensor for snr_db, tensor in vectors().items()}
        change(tensors)
        save_file(tensors, file.with_suffix(".safetensors"))

    return spoil


def cut(file: Path) -> None:
    beside = file.with_suffix(".safetensors")
    beside.write_bytes(beside.read_bytes()[:-20])


AT = "snr_db=10"
SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "name.json: cannot be read: No such file"),
    "no JSON": (lambda file: file.write_text("{"), "name.json: no JSON"),
    "no text": (lambda file: file.write_bytes(b"\xff\xfe\x00"), "name.json: no JSON"),
    "deep": (lambda file: file.write_text("[" * 100_000), "name.json: no JSON"),
    "large": (lambda file: file.write_text(" " * 2**20 + "{}"), "name.json: 1048578 bytes, must be at most 1048576"),
    "a list": (lambda file: file.write_text("[]"), "must be a JSON object"),
    "another format": (described(lambda said: said.update(format=2)), "format: 2, input should be 1"),
    "a missing key": (described(lambda said: said.pop("author")), "author: missing, the key is required"),
    "an unknown key": (described(lambda said: said.update(power=3)), "power: 3, unknown key"),
    "a claim that is no number": (
        described(lambda said: said["claims"][0].update(power_total_mean=float("nan"))),
        "claims.0.power_total_mean: nan, input should be a finite number",
    ),
    "what a terminal obeys": (described(lambda said: said.update(title="\x1b[2J")), "title: '\\x1b[2J', "),
    "a key that a terminal obeys": (
        lambda file: file.write_text('{"\\u001b[2J": 1}'),
        "the key '\\x1b[2J' stands twice",
    ),
    "a key twice": (lambda file: file.write_text('{"format": 1, "format": 1}'), "the key 'format' stands twice"),
    "images out of order": (described(lambda said: said["images"].reverse()), "images must rise, each once"),
    "a path": (described(lambda said: said.update(links=["file:///etc/passwd"])), "links.0: 'file:///etc/passwd'"),
    "no vectors": (lambda file: file.with_suffix(".safetensors").unlink(), "name.safetensors: cannot be read"),
    "cut": (cut, "name.safetensors: no whole safetensors file"),
    "no safetensors": (lambda file: file.with_suffix(".safetensors").write_bytes(b"x" * 99), "no whole safetensors"),
    "an SNR less": (stored(lambda found: found.pop(AT)), "has the tensors ['snr_db=5'], must have snr_db=10, snr_db=5"),
    "another N": (
        stored(lambda found: found.update({AT: torch.ones(3, USES + 1)})),
        "snr_db=10 is F32 of shape (3, 7), must be F32 of (3, 6)",
    ),
    "other numbers": (
        stored(lambda found: found.update({AT: torch.ones(3, USES).double()})),
        "snr_db=10 is F64 of shape (3, 6), must be F32",
    ),
    "NaN": (stored(lambda found: found[AT].fill_(float("nan"))), "snr_db=10 has values that are not finite"),
    "huge": (stored(lambda found: found[AT].fill_(1e30)), "snr_db=10 has values that are not finite, or beyond"),
    "other vectors": (stored(lambda found: found[AT].mul_(0.5)), "not the vectors of this submission: its SHA-256 is"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_bad_file_is_one_clear_line(what: str, file: Path) -> None:
    spoil, message = SPOILT[what]
    spoil(file)
    with pytest.raises(SubmissionError) as caught:
        submission.read(file)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(file.with_suffix("")))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_nothing_is_written_of_what_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="author: '', string should have at least 1 character"):
        submission.write(tmp_path / "name.json", DESCRIBED | {"author": ""}, vectors())
    assert not list(tmp_path.iterdir())


def test_what_is_accepted_in_the_repository_is_whole_and_has_its_entry() -> None:
    given = {name: entry for name, entry in raw_params()["attacks"].items() if entry.get("kind") == "submitted"}
    found = sorted((ROOT / submission.SUBMISSIONS).glob("*.json"))
    assert {file.stem: files.sha256(file) for file in found} == {name: entry["sha256"] for name, entry in given.items()}
    for file in found:
        against = submission.read(file)[0].against
        assert (against.run, against.system) == (given[file.stem]["run"], given[file.stem]["system"])


def test_an_accepted_submission_is_the_one_that_was_accepted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "SUBMISSIONS", file.parent)
    assert submission.accepted("name", files.sha256(file))[0].title == "Less power"
    with pytest.raises(ChecksumError, match=r"name\.json: expected checksum c"):
        submission.accepted("name", "c" * 64)
    with pytest.raises(ArtifactError, match=r"other\.json is missing\. Restore it .* take attacks\.other out"):
        submission.accepted("other", "c" * 64)
