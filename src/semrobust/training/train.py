"""Train SYSTEM, or construct it if it does not learn. Goes on where an interrupted training stopped.

create -> take over the weights of the system that it starts from, if any -> train or fit, if it learns -> store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import SHOWN, ChannelSettings, Plain
from semrobust.data.splits import load_split
from semrobust.pipeline import memory, record, seeds, select
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import Fitted
from semrobust.systems.checkpoint import kind_of, save
from semrobust.training.trainers import trainer_for

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


def learns(params: Params, name: str) -> bool:
    """Whether a system is trained here: its kind learns, and the params do not tell it to keep the start's weights."""
    system = params.systems[name]
    return SYSTEMS[system.kind].trainable and getattr(system, "training", None) is not None


def needs(params: Params, name: str) -> list[Need]:
    start = params.systems[name].starts_from
    taught = learns(params, name) or SYSTEMS[params.systems[name].kind].fits
    found = [("dataset", params.dataset(name))] if taught else []
    return found + ([] if start is None else [("train", start)])


def settings(params: Params, name: str) -> Plain:
    channel = params.systems[name].train_channel
    shows = params.task(name) in SHOWN
    return {
        "system": select.system(params, name),
        "real_uses": params.link_of(name).real_uses if shows else 0,  # a classifier is as long as its own settings say
        "channel": None if channel is None else select.channel(params, channel),
        "seed": params.seed,
        "threads": params.compute.train_threads if learns(params, name) else 1,
    }


def make(work: Work, after_epoch: Callable[[int], None] = lambda _: None) -> None:
    """Write the checkpoint, and the history of its training into the record.

    The state after each finished epoch lies in scratch; `after_epoch` is called with their number.
    """
    torch.set_num_threads(work.threads)
    memory.keep()
    given, name = work.settings, work.artifact.name
    kind = kind_of(given["system"])
    described = kind.parse(given["system"])
    system = kind.create(described, given["real_uses"], seeds.integer(work.seed, "create", name))
    for start in work.inputs("train").values():
        system.adopt(load_file(start.path()), start.name)
    for dataset in work.inputs("dataset").values():
        train, validation = (load_split(dataset.artifact.stem, split) for split in ("train", "validation"))
        if isinstance(system, Fitted):
            work.details["fitted"] = system.fit(system.source.samples(torch.from_numpy(train.images.copy())))
            continue
        channel = None
        if given["channel"] is not None:
            channel = ChannelSettings.model_validate({"label": "in training", **given["channel"]})
        trainer = trainer_for(system, train, validation, channel, work.scratch, work.seed, name)
        work.details |= {"history": trainer.run(after_epoch), **trainer.trained()}
    with work.output() as path:
        save(system, path)


def says(artifact: Artifact) -> str:
    """How the training ended, of what was trained here."""
    history = record.read(artifact.record)["details"].get("history")
    return (
        f"{len(history)} epochs, validation loss {history[-1]['validation_loss']:.4g}" if history else "ready as it is"
    )


STEP = Step(
    kind="train",
    stage="models",
    folder="models",
    files=(".safetensors",),
    names=lambda params: params.systems,
    needs=needs,
    settings=settings,
    versions=lambda params, name: {"train": 1, "system": SYSTEMS[params.systems[name].kind].version},
    modules=lambda params, name: [__name__, SYSTEMS[params.systems[name].kind].__module__],
    make=make,
    says=says,
    gpu=learns,
    memory_mb=1750,
    minutes=240,
)
