"""What somebody sends in who found weaker vectors: a small JSON file, and a safetensors file with the vectors.

The JSON says against what the vectors were made (`against`), for which test images, and what is claimed. Nothing in it
is believed: `measure.verification` decodes the vectors again. An accepted one lies in `SUBMISSIONS`, and an attack of
kind `submitted` under its name tries it in the run (`measure.attack`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, StringConstraints, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from semrobust.config.problems import problems_of, show
from semrobust.config.settings import Decibel, Plain, Positive, Settings, Sha256, Url
from semrobust.errors import ArtifactError, ChecksumError, SubmissionError
from semrobust.measure.vectors import VECTORS, at
from semrobust.pipeline import files

SUBMISSIONS = Path("submissions")
"""Folder of accepted submissions, in the project's root."""

FORMAT = 1

_MOST_BYTES = 2**20  # of the JSON, measured before it is read
_LARGEST = 1e6  # of one value: 120 dB above the signal

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]+$")]
"""Without control characters: a terminal shows them, too."""


class Against(Settings):
    """What the vectors were made for, and what must be the same where they are decoded again.

    Attributes:
        run, system: names.
        settings: of the system, all that a result depends on.
        checkpoint_sha256: of its file in `data/RUN/models`, weights or LDPC code.
        dataset_digest: of the dataset, as in every record.
        real_uses: N.
        seed: the root seed, from which the channel's noise follows.
        success_psnr_db: an attack succeeds at this PSNR or less.
    """

    run: Line
    system: Line
    settings: Plain
    checkpoint_sha256: Sha256
    dataset_digest: Sha256
    real_uses: Positive
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    success_psnr_db: Decibel


class Claim(Settings):
    """At one SNR: how many of the images are broken, those among them that noise alone breaks at power 0, and the mean
    ||s||² over all of the images, where one that is not broken counts with its vector, the largest tried."""

    snr_db: Decibel
    broken: Annotated[int, Field(ge=0)]
    power_total_mean: Annotated[float, Field(ge=0)]


class Submission(Settings):
    """The JSON file. `images` are numbers of test images; row i of every tensor belongs to the i-th of them."""

    format: Literal[1]
    title: Line
    author: Line
    date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    links: Annotated[list[Url], Field(max_length=10)]
    method: Text
    against: Against
    images: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1, max_length=10_000)]
    claims: Annotated[list[Claim], Field(min_length=1, max_length=100)]
    vectors_sha256: Sha256

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        snrs = [claim.snr_db for claim in self.claims]
        for what, values in (("images", self.images), ("claims", snrs)):
            if sorted(set(values)) != values:
                raise ValueError(f"{what} must rise, each once")
        return self

    @property
    def snr_db(self) -> list[float]:
        return [claim.snr_db for claim in self.claims]


Vectors = dict[float, torch.Tensor]
"""Perturbations (images, N) by SNR."""


def read(path: Path) -> tuple[Submission, Vectors]:
    """A submission and its vectors; raises SubmissionError, which says what of the files is wrong."""
    submission = _described(path)
    beside = path.with_suffix(VECTORS)
    found = vectors(beside, submission.snr_db, (len(submission.images), submission.against.real_uses))
    if (sha256 := files.sha256(beside)) != submission.vectors_sha256:
        text = f"its SHA-256 is {sha256}, and {path.name} names {submission.vectors_sha256}"
        raise SubmissionError(f"{beside}: not the vectors of this submission: {text}")
    return submission, found


def _described(path: Path) -> Submission:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SubmissionError(f"{path}: {path.stat().st_size} bytes, must be at most {_MOST_BYTES}")
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{path}: no JSON: {error}") from error
    return _checked(path, content)


def _object(pairs: list[tuple[str, Any]]) -> Plain:
    """An object whose keys are words, each once: messages name keys as they are."""
    content: Plain = {}
    for key, value in pairs:
        if key in content or not re.fullmatch(r"\w{1,40}", key):
            raise ValueError(f"the key {show(key)} stands twice, or is no word")
        content[key] = value
    return content


def _checked(path: Path, content: Any) -> Submission:
    if not isinstance(content, dict):
        raise SubmissionError(f"{path}: must be a JSON object")
    if problems := problems_of(Submission, content):
        raise SubmissionError(f"{path}: " + "; ".join(problem.below("") for problem in problems))
    return Submission.model_validate(content)


@contextmanager
def _stored(path: Path) -> Iterator[Any]:
    """A safetensors file, opened; of its tensors only names, types and shapes are read."""
    try:
        with safe_open(path, framework="pt") as stored:
            yield stored
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise SubmissionError(f"{path}: no whole safetensors file: {show(str(error))}") from error


def offered(path: Path, snr_db: Sequence[float]) -> tuple[list[float], int]:
    """Which of these SNRs a file has vectors for, and for how many images; raises SubmissionError."""
    with _stored(path) as stored:
        names = list(stored.keys())
        found = [snr for snr in snr_db if at(snr) in names]
        shape = stored.get_slice(at(found[0])).get_shape() if found else []
    if len(shape) != 2:
        wanted = ", ".join(map(at, snr_db))
        raise SubmissionError(f"{path}: has the tensors {show(names)}, must have some of {wanted}, each (images, N)")
    return found, shape[0]


def vectors(path: Path, snr_db: Sequence[float], shape: tuple[int, int]) -> Vectors:
    """The vectors of a safetensors file: float32, finite, of this shape, one tensor per SNR.

    Types and shapes are compared before any tensor is read. Raises SubmissionError.
    """
    wanted = sorted(map(at, snr_db))
    with _stored(path) as stored:
        if (names := sorted(stored.keys())) != wanted:
            raise SubmissionError(f"{path}: has the tensors {show(names)}, must have {', '.join(wanted)}")
        for name in names:
            part = stored.get_slice(name)
            if (is_of := (part.get_dtype(), tuple(part.get_shape()))) != ("F32", shape):
                raise SubmissionError(f"{path}: {name} is {is_of[0]} of shape {is_of[1]}, must be F32 of {shape}")
        found = {snr: stored.get_tensor(at(snr)) for snr in snr_db}
    for snr, tensor in found.items():
        if not bool((tensor.abs() <= _LARGEST).all()):
            raise SubmissionError(f"{path}: {at(snr)} has values that are not finite, or beyond {_LARGEST:g}")
    return found


def write(path: Path, described: Plain, found: Vectors) -> Submission:
    """Write a submission: `described` is the JSON without its format and the hash of the vectors."""
    stored = save({at(snr): tensor.contiguous() for snr, tensor in found.items()})
    content = {"format": FORMAT, **described, "vectors_sha256": hashlib.sha256(stored).hexdigest()}
    submission = _checked(path, content)
    with files.replacing(path.with_suffix(VECTORS)) as temporary:
        temporary.write_bytes(stored)
    files.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return submission


def dense(
    submission: Submission, found: Vectors, snr_db: Sequence[float], shape: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """The vectors as attacks store them, (first test images, N) at every SNR: zeros where nothing was sent in."""
    whole = {at(snr): torch.zeros(shape) for snr in snr_db}
    if submission.against.real_uses == shape[1]:
        rows = torch.tensor(submission.images)
        for snr in set(found) & set(snr_db):
            whole[at(snr)][rows[rows < shape[0]]] = found[snr][rows < shape[0]]
    return whole


def accepted(name: str, sha256: str) -> tuple[Submission, Vectors]:
    """The accepted submission of this name.

    Raises ArtifactError where it is missing, ChecksumError where it is not the one that was accepted.
    """
    path = SUBMISSIONS / f"{name}.json"
    remedy = f"Restore it (`git checkout {SUBMISSIONS}`), or take attacks.{name} out of the params."
    if not path.exists():
        raise ArtifactError(f"{path} is missing. {remedy}")
    if (found := files.sha256(path)) != sha256:
        raise ChecksumError(str(path), sha256, found, remedy)
    return read(path)
