"""Checks of params that show only across keys: what a single field's type cannot say. They run before any job."""

from __future__ import annotations

from collections.abc import Iterator

from semrobust.config import recognition_checks
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.schema import Params
from semrobust.config.settings import SHOWN, TEST_IMAGES, TRAIN_IMAGES, VALIDATION_IMAGES


def problems(params: Params) -> list[str]:
    """Return "key's path: value, what is allowed" for everything that cannot work together."""
    found = [*_link(params), *_images(params), *_systems(params), *_names(params), *_never_attacked(params)]
    found += _threats(params)
    found += [f"{key}.{problem}" for key, given in params.weights().items() if (problem := given.problem())]
    return list(dict.fromkeys([*found, *recognition_checks.problems(params)]))


def _link(params: Params) -> Iterator[str]:
    """SNRs out of order, and images at one that is not among them."""
    snr_db = params.link.snr_db
    if sorted(set(snr_db)) != snr_db:
        yield f"link.snr_db: {snr_db}, must rise strictly"
    if params.evaluation.gallery_snr_db not in (attacked := params.attack_snr_db()):
        shown = params.evaluation.gallery_snr_db
        yield f"evaluation.gallery_snr_db: {shown}, must be one of those that are attacked: {attacked}"


def _images(params: Params) -> Iterator[str]:
    """More images asked for than there are."""
    data, attacked = params.data, params.evaluation.attack_images
    if data.source in VALIDATION_IMAGES and data.validation_images > (most := VALIDATION_IMAGES[data.source]):
        yield f"data.validation_images: {data.validation_images}, must not exceed the {most} of {data.source}"
    if data.left < 1:
        most = TRAIN_IMAGES[data.source]
        yield f"data.validation_images: {data.validation_images}, must be less than the {most} to train on"
    elif data.trained > data.left:
        yield f"data.train_images: {data.trained}, must not exceed the {data.left} that {data.source} has for training"
    if data.tested > TEST_IMAGES[data.source]:
        yield f"data.test_images: {data.tested}, must not exceed the {TEST_IMAGES[data.source]} of {data.source}"
    asked = {"evaluation.attack_images": attacked, "evaluation.fading_images": params.evaluation.fading_images}
    asked |= {"evaluation.main.images": params.evaluation.main.images}
    asked |= {"criteria.images": params.criteria.images, "recognition.images": params.recognition.images}
    asked |= {f"certificates.at.{place}.images": part.images for place, part in enumerate(params.certificates.at)}
    for key, images in asked.items():
        if images > data.tested:
            yield f"{key}: {images}, must not exceed {data.said('test_images', data.tested)}"
    if params.of_task("csi") and attacked > (most := params.csi.samples.test):
        yield f"evaluation.attack_images: {attacked}, must not exceed csi.samples.test = {most}"
    learning = {f"systems.{name}.training": getattr(entry, "training", None) for name, entry in params.systems.items()}
    learning |= {f"attacks.{name}": entry for name, entry in params.attacks.items() if ATTACKS[entry.kind].learns}
    for key, given in learning.items():
        wanted = getattr(given, "images", None)
        if wanted is not None and wanted > data.trained > 0:
            yield f"{key}.images: {wanted}, must not exceed {data.said('train_images', data.trained)}"
    if params.evaluation.gallery_images > attacked:
        shown = params.evaluation.gallery_images
        yield f"evaluation.gallery_images: {shown}, must not exceed evaluation.attack_images = {attacked}"


def _threats(params: Params) -> Iterator[str]:
    """Systems and attacks that both threats cannot be tried with, and noise that would find no least budget."""
    given, path = params.threats, "threats"
    for name in given.systems:
        if name in params.systems and params.task(name) == "pretraining":
            yield f"{path}.systems: {name!r}, must be a system that reconstructs or classifies images"
    for name in given.attacks:
        kind = ATTACKS[params.attacks[name].kind] if name in params.attacks else None
        if kind is not None and (kind.transfers or kind.learns):
            yield f"{path}.attacks: {name!r}, learns from training images or a surrogate, which no such system has"
    for name, noise in given.noise.items():
        if sorted(set(noise.epsilon_levels)) != noise.epsilon_levels:
            yield f"{path}.noise.{name}.epsilon_levels: {noise.epsilon_levels}, must rise strictly"
        if noise.loss != "margin":
            yield f"{path}.noise.{name}.loss: {noise.loss!r}, must be margin: a broken image has no other"
        if noise.through is not None:
            yield f"{path}.noise.{name}.through: {noise.through!r}, must be null"


def _systems(params: Params) -> Iterator[str]:
    """What cannot work on this link, and surrogates of what none can be trained for."""
    for name, system in params.systems.items():
        if (form := params.forms().get(name)) is not None and form not in params.csi.real_uses:
            yield f"systems.{name}.form: {form!r}, must be of {', '.join(params.csi.real_uses)} (csi.real_uses)"
            continue
        yield from (f"systems.{name}.{problem}" for problem in system.problems(params.link_of(name)))
        if params.task(name) == "image" and system.starts_from is not None:
            started = params.systems.get(system.starts_from)
            if started is not None and started.kind != "deepjscc":
                yield f"systems.{name}.start: {system.starts_from!r}, must be a system of kind 'deepjscc'"


def _names(params: Params) -> Iterator[str]:
    """Systems that wait for an attack in vain, and names of attacks and noise that are none."""
    attacked = {system for system, _ in params.pairs()}
    for name, system in params.systems.items():
        shows = params.task(name) in SHOWN
        if shows and system.attacks is None and name not in attacked:
            yield f"systems.{name}.kind: {system.kind!r}, no attack in params can be run on it"
        known = params.attacks if shows else params.recognition.noise
        for wanted in system.attacks or []:
            if wanted not in known:
                yield f"systems.{name}.attacks: {wanted!r}, must be of {', '.join(known)}"
            elif shows and not params.can_run(name, wanted):
                yield f"systems.{name}.attacks: {wanted!r}, cannot be run on kind {system.kind!r}"


def _on_images(attack: str) -> bool:
    """Whether some kind of system that reconstructs images offers what an attack of this kind requires."""
    kinds = (SYSTEMS[name] for name in SYSTEMS)
    return any(kind.task == "image" and ATTACKS[attack].requires <= kind.capabilities for kind in kinds)


def _never_attacked(params: Params) -> Iterator[str]:
    """Attacks that no system runs, and those that take over from one that is not run."""
    pairs = params.pairs()
    for victim, name in pairs:
        if ATTACKS[params.attacks[name].kind].transfers and params.crafted(victim, name) not in pairs:
            surrogate, crafted_by = params.crafted(victim, name)
            yield f"attacks.{name}.crafted_by: {crafted_by!r}, must be an attack that {surrogate!r} runs"
    used = {attack for _, attack in (*pairs, *params.named_pairs())}
    # a run need not have anything for what is tried on receivers of classes alone
    used |= {name for name, attack in params.attacks.items() if not _on_images(attack.kind)}
    for name, attack in params.attacks.items():
        if attack.only_on is not None:
            run, system = attack.only_on
            if run == params.run and name not in used:
                yield f"attacks.{name}.system: {system!r}, must be a system of this run that reconstructs images"
        elif name not in used:
            required = ", ".join(sorted(ATTACKS[attack.kind].requires)) or "nothing"
            yield f"attacks.{name}.kind: {attack.kind!r}, no system with what it needs ({required}) runs it"
