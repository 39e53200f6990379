"""Checkpoints: safetensors files whose record says what made them."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.base import System


def save(system: System, checkpoint: Path) -> None:
    """Write the state of a system atomically."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in system.state().items()}
    with files.replacing(checkpoint) as temporary:
        save_file(state, temporary)


def restore(params: Params, name: str, making: Making) -> System:
    """Load the ready system `name` as an input of `making`.

    Raises ArtifactError for a checkpoint that other params or other code made, or whose bytes changed.
    """
    checkpoint = making.uses(Layout(params.run).model(name), jobs.model(params, name))
    settings = params.systems[name]
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, System)
    return kind.restore(settings, params.link.real_uses, load_file(checkpoint))
