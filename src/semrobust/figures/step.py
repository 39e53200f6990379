"""Draw FIGURE as PDF and PNG from the tables, with the record of where it came from."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Plain
from semrobust.figures import base, canvas
from semrobust.pipeline import select, step
from semrobust.pipeline.captions import caption
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work

if TYPE_CHECKING:
    from semrobust.config.params import Params

_OF_CLASSES = {"accuracy", "overhead", "index_flips", "attack_sanity"}
_OF_CRITERIA = {"criteria", "criteria_ratio"}
_OF_CHANNELS = {"fading"}
"""Tables that are about systems that name classes, about criteria of ruin, and about several channels."""


@cache
def names() -> tuple[str, ...]:
    """Names of all figures; nothing is imported."""
    return tuple(step.named("semrobust.figures", "FIGURE"))


def figure(name: str) -> base.Figure:
    """A figure by its name; imports its file alone."""
    found: base.Figure = importlib.import_module(step.named("semrobust.figures", "FIGURE")[name]).FIGURE
    return found


def needs(_: Params, name: str) -> list[Need]:
    gallery = [("gallery", "gallery")] if figure(name).gallery else []
    return [*(("table", table) for table in figure(name).tables), *gallery]


def settings(params: Params, name: str) -> Plain:
    """What the figure says beside its tables: it depends on what they are about.

    Colours follow the order of the params, which sorted keys would hide: `order` keeps it.
    """
    tables = set(figure(name).tables)
    shown = _shown_classes(params) if tables & _OF_CLASSES else _shown_images(params)
    if tables & _OF_CRITERIA:
        shown["criteria"] = _shown_criteria(params)
    if tables & (_OF_CLASSES | _OF_CHANNELS):
        channels = {channel: given.label for channel, given in params.channels.items()}
        shown["labels"]["channels"], shown["order"]["channels"] = channels, list(channels)
    return {
        "run": params.run,
        "plot": params.section("plot"),
        "caption": caption(params, name, figure(name).template),
        **shown,
    }


def make(work: Work) -> None:
    """Draw the figure and write its PDF and PNG, which carry the record of where it came from."""
    name, given = work.artifact.name, work.settings
    with canvas.style(given["plot"]):
        inputs = base.FigureInputs(
            tables={table: pd.read_csv(found.path()) for table, found in work.inputs("table").items()},
            gallery=next((found.path() for found in work.inputs("gallery").values()), None),
            settings=given,
            dataset=work.dataset,
            run=given["run"],
            id=work.id,
        )
        drawn = figure(name).draw(inputs)
        # of the record, what is the same whoever draws the figure, and the command without the params' files
        record = work.determined | {"command": ["semrobust", "figure", name]}
        for suffix in work.artifact.suffixes:
            with work.output(suffix) as path:
                path.write_bytes(canvas.rendered(drawn, suffix, name, work.id, given["plot"]["dpi"], record))


def _shown_images(params: Params) -> Plain:
    """What figures say of attacked systems, attacks, and the `rungs` of link adaptation (`Params.rungs`)."""
    attacked = params.attacked()
    return {
        "order": {"systems": attacked, "attacks": list(params.attacks), "rungs": list(params.rungs())},
        "labels": {
            "systems": {name: params.systems[name].label for name in attacked},
            "studies": {
                study: {name: params.systems[name].label for name in params.studied(study)}
                for study in params.studies()
            },
            "attacks": {name: attack.label for name, attack in params.attacks.items()},
        },
        "rungs": {name: _rung(params, name) for name in params.rungs()},
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


def _rung(params: Params, name: str) -> Plain:
    kind, described = SYSTEMS[params.systems[name].kind], select.system(params, name)
    texts = {key: value for key, value in described.items() if isinstance(value, str)}
    about = {"label": params.systems[name].label, "side": kind.side, "source": kind.codec_name}
    return {**about, **texts, "code": described.get("code")}


def _shown_criteria(params: Params) -> Plain:
    """What figures say of systems that are tried under criteria of ruin, in the order of the params."""
    return {
        "order": params.by_criteria(),
        "labels": {name: params.systems[name].label for name in params.by_criteria()},
        "systems": {name: select.system(params, name) for name in params.by_criteria()},
        "trainings": params.trainings(),
        "rules": {name: select.without(rule, "label") for name, rule in params.section("criteria", "ruined").items()},
        "labels_of_rules": {name: rule.label for name, rule in params.criteria.ruined.items()},
        "attacks": {
            name: [params.criteria.attacks[attack].label for attack in params.criterion_attacks(name)]
            for name in params.by_criteria()
        },
    }


def _shown_classes(params: Params) -> Plain:
    """What figures say of systems that name classes, and of semantic noise."""
    systems, noise = params.of_task("class"), params.recognition.noise
    return {
        "order": {"classifiers": systems, "noise": list(noise)},
        "labels": {
            "classifiers": {name: params.systems[name].label for name in systems},
            "noise": {name: given.label for name, given in noise.items()},
        },
        "recognition": select.without(params.section("recognition"), "noise", "batch"),
        "classifiers": {name: select.system(params, name) for name in systems},
    }


STEP = Step(
    kind="figure",
    stage="figures",
    folder="figures",
    files=(".pdf", ".png"),
    names=lambda _: names(),
    needs=needs,
    settings=settings,
    modules=lambda _, name: [__name__, f"semrobust.figures.{name}"],
    make=make,
    published="figures/RUN",
    memory_mb=1000,
)
