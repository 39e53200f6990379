"""Checkpoints: safetensors files of a system's state, and the settings beside it that say what the system is."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file

from semrobust.config.registry import SYSTEMS
from semrobust.pipeline.work import Input
from semrobust.systems.base import System


def save(system: System, path: Path) -> None:
    """Write the state of a system."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in system.state().items()}, path)


def restore(model: Input) -> System:
    """Load a ready system from the artifact of the step `train`."""
    given = model.settings["system"]
    kind = SYSTEMS[given["kind"]]
    return kind.restore(kind.parse(given), model.settings["real_uses"], load_file(model.path()))
