"""Search for SYSTEM the patterns of least energy on which the decoder of its LDPC code fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from semrobust.attacks.code.instanton import patterns
from semrobust.attacks.code.instanton.search import search
from semrobust.config.searches import InstantonSettings
from semrobust.config.settings import Plain
from semrobust.pipeline import seeds
from semrobust.pipeline.numbers import span
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


def settings(params: Params, _: str) -> Plain:
    return {
        "instantons": params.section("instantons"),
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write the patterns, and into the record what the decoder makes of the best."""
    torch.set_num_threads(work.threads)
    decoder = restore(work.input("train")).soft_bits().decoder
    given = InstantonSettings.model_validate(work.settings["instantons"])
    found = search(decoder, given, seeds.integer(work.seed, "instantons", work.artifact.name))
    with work.output() as path:
        patterns.save(found, path)
    work.details |= patterns.summary(found)


def says(artifact: Artifact) -> str:
    """How many patterns there are, and of which energies."""
    found = patterns.load(artifact.path())
    return f"{len(found)} patterns, ||push||² {span(found.energies)}"


STEP = Step(
    kind="instantons",
    stage="samples",
    folder="samples/instantons",
    files=(".safetensors",),
    names=lambda params: params.decoded(),
    needs=lambda _, name: [("train", name)],
    settings=settings,
    versions=lambda *_: {"instantons": 1},
    make=make,
    says=says,
    minutes=30,
)
