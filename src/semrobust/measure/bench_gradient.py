"""The step that attacks on differentiable receivers repeat: the squared error of a batch, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.errors import UsageError
from semrobust.measure.aim import aim
from semrobust.pipeline import memory
from semrobust.pipeline.race import Prepare, Step, race
from semrobust.systems.base import System

_SNR_DB = 10.0


def compare(params: Params, name: str, rounds: int, steps: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """That step on as many images as attacks have, by way, each as in `pipeline.race`.

    First edition: eager, memory given back to the system. Compiled for one number of images, or for any, as attacks
    need that leave images alone which they have broken. The network is untrained, which changes no time.
    """
    if "gradient" not in SYSTEMS[params.systems[name].kind].capabilities:
        raise UsageError(f"the receiver of '{name}' has no gradient that an attack could follow")
    ways: dict[str, Prepare] = {
        "first edition": partial(_step, params, name, kept=False),
        "now": partial(_step, params, name, kept=True),
        "compiled": partial(_step, params, name, kept=True, compiled=True),
        "compiled for any batch": partial(_step, params, name, kept=True, compiled=True, dynamic=True),
    }
    return race(ways, rounds, steps, tell)


def _step(params: Params, name: str, *, kept: bool, compiled: bool = False, dynamic: bool = False) -> Step:
    if kept:
        memory.keep()
    torch.set_num_threads(params.compute.job_threads)
    described = params.systems[name]
    kind = cast("type[System[Any]]", SYSTEMS[described.kind])
    system = kind.create(described, params.link.real_uses, 0)
    system = kind.restore(described, params.link.real_uses, system.state())
    images = torch.rand(params.evaluation.attack_images, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    target = aim(system, images, system.send(images), 0, _SNR_DB, 0.0, params.seed)
    if compiled:
        target = replace(target, system=_Compiled(system, dynamic))
    nothing = torch.zeros_like(target.received)
    batches = [(target, nothing)]
    if dynamic:  # as if some images were broken
        fewer = torch.arange(len(images) * 3 // 4)
        batches.append((target.take(fewer), nothing[fewer]))
        for batch, vectors in batches:
            batch.gradient(vectors)
    return lambda: target.gradient(nothing)


class _Compiled(System[Any]):
    """A system whose decoder is compiled."""

    def __init__(self, system: System[Any], dynamic: bool) -> None:
        self.decode_differentiably = torch.compile(system.decode_differentiably, dynamic=dynamic)  # type: ignore[method-assign]
