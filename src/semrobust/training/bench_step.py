"""A training step as in the first edition, as it is now, and that of a public network beside it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from semrobust.config.params import Params
from semrobust.errors import UsageError
from semrobust.pipeline import memory
from semrobust.pipeline.race import Prepare, Step, race
from semrobust.training.bench import PRECISIONS, fresh_trainer

FIRST, BESIDE = "first edition", "beside"
_SPARE = 20  # steps before the first round


def compare(
    params: Params,
    name: str,
    rounds: int,
    steps: int,
    beside: Path | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Steps of the system `name` on random images by way, each as in `pipeline.race`, with `images_per_second`.

    First edition: eager, memory given back to the system. Now: compiled, at each precision. Beside: the network in
    `beside`, a checkout of github.com/chunbaobao/Deep-JSCC-PyTorch, with as many channel uses, the same batch and our
    optimizer, eager.
    """
    _, batch = fresh_trainer(params, name, 1)
    count = rounds * steps + _SPARE
    ways: dict[str, Prepare] = {
        FIRST: partial(_ours, params, name, count, kept=False, quick=False),
        "memory kept": partial(_ours, params, name, count, kept=True, quick=False),
    }
    for precision in PRECISIONS:
        ways[f"now, {precision}"] = partial(_ours, params, name, count, kept=True, quick=True, precision=precision)
    if beside is not None:
        if not (beside / "model.py").is_file():
            raise UsageError(f"{beside} has no model.py: --beside takes a checkout of Deep-JSCC-PyTorch")
        ways[BESIDE] = partial(_theirs, beside, params.link.real_uses, batch, params.compute.train_threads)
    found = race(ways, rounds, steps, tell)
    return {way: one | {"images_per_second": batch / one["seconds"]} for way, one in found.items()}


def _ours(params: Params, name: str, count: int, *, kept: bool, quick: bool, precision: str | None = None) -> Step:
    if kept:
        memory.keep()
    trainer, batch = fresh_trainer(params, name, count, precision)
    trainer.module.train()
    if quick:
        trainer.compile_from = 0
        trainer.prepare()
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(count * batch, generator=generator)
    numbers = iter(range(count))
    return lambda: trainer.step(order, next(numbers), generator)


def _theirs(folder: Path, real_uses: int, batch: int, threads: int) -> Step:
    torch.set_num_threads(threads)
    sys.path.insert(0, str(folder.resolve()))
    # two of its filters are one complex symbol at each of 8x8 places
    network = importlib.import_module("model").DeepJSCC(c=real_uses // 128, channel_type="AWGN", snr=10)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, fused=True)
    images = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def step() -> None:
        optimizer.zero_grad()
        network.loss(network(images), images).backward()
        optimizer.step()

    return step
