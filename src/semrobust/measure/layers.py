"""Follow the attack on SYSTEM, trained for one of several lengths, through the layers of its decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.config.searches import TheorySettings
from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.measure.aim import aim
from semrobust.measure.images import TestImages
from semrobust.measure.slopes import slopes
from semrobust.measure.vectors import weakest
from semrobust.pipeline.select import without
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import device
from semrobust.systems.checkpoint import restore

if TYPE_CHECKING:
    from semrobust.config.params import Params


def needs(params: Params, name: str) -> list[Need]:
    attacks = [("attack", f"{name}.{attack}") for attack in params.length_attacks()]
    return [("dataset", params.data.source), ("train", name), *attacks]


def settings(params: Params, _: str) -> Plain:
    return {
        "snr_db": params.frontier_snr_db(),
        "theory": without(params.section("theory"), "path_points"),
        "images": params.evaluation.attack_images,
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def changes(layers: torch.nn.Sequential, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """‖h(after) − h(before)‖ ÷ ‖h(before)‖ of the output h of each layer, (B, layers), of inputs (B, …)."""
    found = []
    with torch.no_grad():
        for layer in layers:
            before, after = layer(before), layer(after)
            norms = ((after - before).flatten(1).norm(dim=1), before.flatten(1).norm(dim=1))
            found.append(norms[0] / norms[1].clamp_min(torch.finfo(norms[1].dtype).tiny))
    return torch.stack(found, dim=1).cpu()


def make(work: Work) -> None:
    """Write one row per SNR, image and layer of the decoder: how far the attack and a random vector reach.

    Columns: `layer` from 0, `layer_kind`; `attack`, `random`: relative change of its output, by the weakest successful
    perturbation and by a random one of the same norm, NaN where none succeeded; and those of `measure.slopes`, the same
    for all layers. Raises UsageError for a decoder that is no plain sequence of layers.
    """
    torch.set_num_threads(work.threads)
    given = work.settings
    theory = TheorySettings.model_validate({**given["theory"], "path_points": 1})
    system, test, vectors = restore(work.input("train")), TestImages.of(work, given["images"]), weakest(work)
    inside, parts = system.decoder_layers(), []
    if inside is None:
        raise UsageError(f"'{work.artifact.name}' has a decoder that is no plain sequence of layers")
    for numbers in test.batches(given["batch"]):
        start, images = int(numbers[0]), test.images[numbers]
        sent = system.send(images)
        for snr_db in tqdm(given["snr_db"], desc=f"layers of {work.artifact.name}", disable=None):
            target = aim(system, images, sent, start, snr_db, 0.0, work.seed)
            steep = slopes(theory, work.seed, target, start, snr_db)
            found = vectors[snr_db][numbers]
            alike = torch.nn.functional.normalize(target.directions) * found.norm(dim=1, keepdim=True)
            layers, shape = inside
            reached = {
                name: changes(layers, *((target.received + shift).to(device()).reshape(-1, *shape) for shift in (0, s)))
                for name, s in (("attack", found), ("random", alike))
            }
            for place, layer in enumerate(layers):
                of_layer = {name: change[:, place].numpy() for name, change in reached.items()}
                about = {"snr_db": snr_db, "layer": place, "layer_kind": type(layer).__name__}
                parts.append(pd.DataFrame({"image": numbers.numpy(), **of_layer, **steep}).assign(**about))
    table = pd.concat(parts).sort_values(["snr_db", "image", "layer"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)


STEP = Step(
    kind="layers",
    stage="samples",
    folder="samples/layers",
    files=(".parquet",),
    names=lambda params: list(params.lengths()),
    needs=needs,
    settings=settings,
    versions=lambda *_: {"layers": 1},
    modules=lambda *_: [__name__],
    make=make,
    gpu=lambda *_: True,
    minutes=30,
)
