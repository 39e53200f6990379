"""Search the LDPC code of SYSTEM for short cycles, trapping sets and codewords of low weight."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.config.searches import StructureSettings
from semrobust.config.settings import Plain
from semrobust.pipeline import seeds
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore

if TYPE_CHECKING:
    from semrobust.config.params import Params


def settings(params: Params, _: str) -> Plain:
    return {"structure": params.section("structure"), "seed": params.seed}


def make(work: Work) -> None:
    """Write the sets, and into the record how many there are and what was searched."""
    code = restore(work.input("train")).soft_bits().decoder.code
    given = StructureSettings.model_validate(work.settings["structure"])
    structure = analyse(code, given, seeds.integer(work.seed, "structure", work.artifact.name))
    with work.output() as path:
        stored.save(structure, path)
    work.details |= {
        "girth": structure.girth,
        "sets": len(structure.sets),
        "spectrum": [asdict(tally) for tally in structure.spectrum],
        "scope": structure.scope,
    }


STEP = Step(
    kind="structure",
    stage="samples",
    folder="samples/structure",
    files=(".safetensors",),
    names=lambda params: params.coded(),
    needs=lambda _, name: [("train", name)],
    settings=settings,
    versions=lambda *_: {"structure": 1},
    make=make,
    memory_mb=9000,
    minutes=45,
)
