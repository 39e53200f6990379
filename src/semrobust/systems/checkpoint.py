"""Checkpoints: safetensors files of a system's state, and the settings beside it that say what the system is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from safetensors.torch import load_file, save_file

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.pipeline.work import Input
from semrobust.systems.base import System
from semrobust.systems.classification import ClassifyingSystem


def kind_of(described: Plain) -> type[System[Any]]:
    """The class of a system with these settings."""
    return cast("type[System[Any]]", SYSTEMS[described["kind"]])


def save(system: System[Any], path: Path) -> None:
    """Write the state of a system."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in system.state().items()}, path)


def restore(model: Input) -> System[Any]:
    """Load a ready system from the artifact of the step `train`."""
    described = model.settings["system"]
    kind = kind_of(described)
    system = kind.restore(kind.parse(described), model.settings["real_uses"], load_file(model.path()))
    system.name = model.name
    return system


def restore_classifier(model: Input) -> ClassifyingSystem[Any]:
    """As `restore`, of a classifying system; raises UsageError for another."""
    system = restore(model)
    if not isinstance(system, ClassifyingSystem):
        raise UsageError(f"'{model.name}' is no classifier")
    return system
