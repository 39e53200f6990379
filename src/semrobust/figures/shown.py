"""What figures say beside their tables: parts of the params, of which each figure names those that it shows.

All keep the order of the params, which colours follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from semrobust.config.settings import Plain, Task
from semrobust.pipeline import select

if TYPE_CHECKING:
    from semrobust.config.params import Params

Part = Callable[["Params"], Plain]


def together(params: Params, parts: Iterable[Part]) -> Plain:
    """The parts in one. Sorted keys would hide the order of labels: `order` keeps it."""
    shown: Plain = {"labels": {}}
    for part in parts:
        found = part(params)
        shown["labels"] |= found.pop("labels", {})
        shown |= found
    return shown | {"order": {section: list(labels) for section, labels in shown["labels"].items()}}


def systems(params: Params, task: Task = "image") -> Plain:
    """Attacked systems that belong to no study."""
    return {"labels": {"systems": _labels(params, params.attacked(task))}}


def studies(params: Params, task: Task = "image") -> Plain:
    """Attacked systems of each study that changes a baseline."""
    found = {study: _labels(params, params.studied(study, task)) for study in params.studies(task)}
    return {"labels": {"studies": found}}


def compared(params: Params) -> Plain:
    """Systems of the headline beside the main ones, and why others are left out of it."""
    studied = [name for name in params.compared() if params.systems[name].study is not None]
    left_out = {params.systems[name].label: reason for name, reason in params.left_out().items()}
    return {"labels": {"studied": _labels(params, studied)}, "left_out": left_out}


def sides(params: Params) -> Plain:
    """All systems of the headline, studies among them."""
    return {"labels": {"compared": _labels(params, params.compared())}}


def attacks(params: Params) -> Plain:
    return {
        "labels": {"attacks": {name: attack.label for name, attack in params.attacks.items()}},
        "attack_kinds": {name: attack.kind for name, attack in params.attacks.items()},
    }


def channels(params: Params) -> Plain:
    return {"labels": {"channels": {name: channel.label for name, channel in params.channels.items()}}}


def rungs(params: Params, task: Task = "image") -> Plain:
    """Baselines that link adaptation chooses from (`Params.rungs`), and what each is."""
    found = {}
    for name, source in params.rungs(task).items():
        made = select.system(params, name)
        found[name] = {"source": source, "modulation": made.get("modulation"), "code": made.get("code")}
    return {"labels": {"rungs": _labels(params, found)}, "rungs": found}


def success(params: Params) -> Plain:
    """When an attack on an image succeeds, and N, against which the power is held."""
    return {"success_psnr_db": params.evaluation.success_psnr_db, "real_uses": params.link.real_uses}


def csi(params: Params) -> Plain:
    """The same of systems that feed channel states back: main ones, studies, baselines, forms, N, criteria."""
    parts = [partial(part, task="csi") for part in (systems, studies, rungs)]
    found = together(params, parts)
    del found["order"]
    found["labels"] |= {
        "states": _labels(params, params.of_task("csi")),
        "criteria": {name: rule.label for name, rule in params.csi.broken.items()},
    }
    return found | {
        "forms": params.forms(),
        "uses": {name: params.link_of(name).real_uses for name in params.of_task("csi")},
        "criteria": list(params.csi.broken),
        "source": params.csi.source,
    }


def criteria(params: Params) -> Plain:
    """Systems that are tried under other criteria of success, and these criteria."""
    names = params.by_criteria()
    found = {
        "order": names,
        "labels": _labels(params, names),
        "systems": {name: select.system(params, name) for name in names},
        "trainings": params.trainings(),
        "rules": {name: select.without(rule, "label") for name, rule in params.section("criteria", "broken").items()},
        "labels_of_rules": {name: rule.label for name, rule in params.criteria.broken.items()},
        "attacks": {
            name: [params.criteria.attacks[attack].label for attack in params.criterion_attacks(name)] for name in names
        },
    }
    return {"criteria": found}


def classifiers(params: Params) -> Plain:
    """Classifying systems."""
    return {"labels": {"classifiers": _labels(params, params.of_task("class"))}}


def recognition(params: Params) -> Plain:
    """How these were made, and the semantic noise that they meet."""
    return {
        "labels": {"noise": {name: noise.label for name, noise in params.recognition.noise.items()}},
        "recognition": select.without(params.section("recognition"), "noise", "adaptive", "batch"),
        "classifiers": {name: select.system(params, name) for name in params.of_task("class")},
    }


def adaptive(params: Params) -> Plain:
    """Semantic noise that knows the defence."""
    given = params.recognition.adaptive
    return {"labels": {"adaptive": {name: noise.label for name, noise in given.noise.items()}}}


def threats(params: Params) -> Plain:
    """Systems that are tried under both threats, by what their receivers give."""
    return {"labels": {"threatened": {task: _labels(params, params.threatened(task)) for task in ("image", "class")}}}


def _labels(params: Params, names: Iterable[str]) -> dict[str, str]:
    return {name: params.systems[name].label for name in names}
