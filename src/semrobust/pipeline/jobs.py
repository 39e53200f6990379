"""What each job of the pipeline depends on: its own params and its own code, and nothing else.

A job's `key` decides staleness. The workflow passes it to the command, the command writes it into the artifact's
record (`core.provenance`), and an artifact whose record names another key is rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

from semrobust.config.params import NO_RESULT, Params
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.pipeline import files
from semrobust.pipeline.code import code_digest


@dataclass(frozen=True)
class Job:
    """One unit of work: what it makes (`kind`, `name`), from which settings, by which modules."""

    kind: str
    name: str
    settings: Plain
    modules: tuple[str, ...]

    @property
    def code(self) -> str:
        """Digest of the code that makes the artifact."""
        return code_digest(self.modules)

    @property
    def key(self) -> str:
        """Digest of settings and code; input files add their own hashes in the record."""
        return files.digest([self.kind, self.name, self.settings, self.code])


def dataset(params: Params) -> Job:
    """The dataset of the run. Where the raw files are found (`data.path`, URLs) does not count: their content does."""
    data = params.section("data")
    settings = {"data": {key: data[key] for key in data if key not in ("path", "mirrors", "hub")}}
    return Job("dataset", params.data.source, settings | seed_of(params), ("semrobust.data.dataset",))


def model(params: Params, system: str) -> Job:
    """A trained or constructed system."""
    if system in params.systems and params.task(system) != "image":
        return _recognition_model(params, system)
    settings = {
        "system": settings_of(params, system),
        "real_uses": params.link.real_uses,
        "threads": params.compute.train_threads,
    }
    build = "build" if params.systems[system].starts_from is None else "build_surrogate"
    return Job("model", system, settings | seed_of(params), (_module(params, system), f"semrobust.training.{build}"))


def _recognition_model(params: Params, system: str) -> Job:
    """A network of hu2022. Its length follows from its own settings; the channel in its training counts."""
    channel = params.systems[system].train_channel
    settings = {
        "system": settings_of(params, system),
        "channel": None if channel is None else _channel(params, channel),
        "threads": params.compute.recognition_threads,
    }
    modules = (_module(params, system), "semrobust.training.build_recognition")
    return Job("model", system, settings | seed_of(params), modules)


def noise(params: Params, system: str) -> Job:
    """Semantic noise on the test images against one system."""
    _of_task(params, system, "class")
    given = params.recognition
    named = params.section("recognition", "noise")
    chosen = {name: without(named[name], "label") for name in params.noise_against(system)}
    through = {noise["through"] for noise in chosen.values() if noise["through"] is not None}
    settings = {
        "system": settings_of(params, system),
        "noise": chosen,
        "through": {name: _channel(params, name) for name in sorted(through)},
        "at_snr_db": given.at_snr_db if through else None,
        "images": given.images,
        "batch": given.batch,
        "threads": params.compute.job_threads,
    }
    return Job("noise", system, settings | seed_of(params), (_module(params, system), "semrobust.measure.noise"))


def accuracy(params: Params, system: str) -> Job:
    """Per-image results of one system that names classes: over channels, SNRs, and its own and others' noise."""
    _of_task(params, system, "class")
    given = params.section("recognition")
    settings = {
        "system": settings_of(params, system),
        "channels": {name: _channel(params, name) for name in params.channels},
        "recognition": {key: value for key, value in given.items() if key != "noise"},
        "noise": params.noise_against(system),
        # whose default noise is tried on it, in this order
        "sources": [name for name in params.of_task("class") if given["default_noise"] in params.noise_against(name)],
        "threads": params.compute.job_threads,
    }
    modules = (_module(params, system), "semrobust.measure.accuracy")
    return Job("accuracy", system, settings | seed_of(params), modules)


def clean(params: Params, system: str) -> Job:
    """Per-image results of one system without an attacker, over all SNRs."""
    _of_task(params, system, "image")
    settings = {
        "link": params.section("link"),
        "system": settings_of(params, system),
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    return Job("clean", system, settings | seed_of(params), (_module(params, system), "semrobust.measure.clean"))


def fading(params: Params, system: str) -> Job:
    """Per-image results of one system without an attacker, over all channels."""
    _of_task(params, system, "image")
    settings = {
        "link": params.section("link"),
        "channels": {name: _channel(params, name) for name in params.channels},
        "system": settings_of(params, system),
        "images": params.recognition.images,
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    return Job("fading", system, settings | seed_of(params), (_module(params, system), "semrobust.measure.fading"))


def attack(params: Params, system: str, name: str) -> Job:
    """Per-image results of one attack on one system, over all SNRs."""
    if name not in params.attacks:
        raise UsageError(f"unknown attack '{name}'; params have: {', '.join(params.attacks)}")
    settings_of(params, system)
    if (system, name) not in params.pairs():
        raise UsageError(f"the attack '{name}' cannot be run on '{system}': the system lacks what it needs")
    settings = {
        "link": params.section("link"),
        "system": settings_of(params, system),
        "attack": _unlabelled(params, "attacks", name),
        "images": params.evaluation.attack_images,
        "success_psnr_db": params.evaluation.success_psnr_db,
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    kind = ATTACKS[params.attacks[name].kind]
    if kind.knows_structure:
        settings["structure"] = structure(params, params.same_code(system)).settings
    modules = [_module(params, system), kind.__module__, "semrobust.measure.attack"]
    if kind.transfers:
        settings["crafted"] = attack(params, *params.crafted(system, name)).settings
        modules.append("semrobust.measure.transferred")
    return Job("attack", f"{system}.{name}", settings | seed_of(params), tuple(modules))


def criteria(params: Params, system: str) -> Job:
    """Per-image results of one system under every criterion of ruin."""
    settings_of(params, system)
    if system not in params.by_criteria():
        raise UsageError(
            f"'{system}' is not tried under criteria of ruin; those are: {', '.join(params.by_criteria())}"
        )
    given = params.section("criteria")
    attacks = params.criterion_attacks(system)
    settings = {
        "real_uses": params.link.real_uses,
        "system": settings_of(params, system),
        "criteria": {
            "images": given["images"],
            "snr_db": given["snr_db"],
            "attacks": {name: without(given["attacks"][name], "label") for name in attacks},
            "ruined": {name: without(criterion, "label") for name, criterion in given["ruined"].items()},
        },
        "theory": without(params.section("theory"), "path_points"),
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    kinds = [ATTACKS[params.criteria.attacks[name].kind] for name in attacks]
    if any(kind.knows_structure for kind in kinds):
        settings["structure"] = structure(params, params.same_code(system)).settings
    modules = (_module(params, system), *(kind.__module__ for kind in kinds), "semrobust.measure.criteria")
    return Job("criteria", system, settings | seed_of(params), modules)


def limits(params: Params, system: str) -> Job:
    """What theory says of the least attack power of each image on one system."""
    settings_of(params, system)
    if system not in params.attacked():
        raise UsageError(f"theory has nothing to say of '{system}'; it speaks of: {', '.join(params.attacked())}")
    settings = {
        "link": params.section("link"),
        "system": settings_of(params, system),
        "attacks": [attack for attacked, attack in params.pairs() if attacked == system],
        "theory": params.section("theory"),
        "images": params.evaluation.attack_images,
        "threads": params.compute.job_threads,
    }
    if params.systems[system].code_identity(params.link) is not None:
        settings["structure"] = structure(params, params.same_code(system)).settings
    modules = (_module(params, system), "semrobust.measure.theory")
    return Job("limits", system, settings | seed_of(params), modules)


def structure(params: Params, system: str) -> Job:
    """The structure of the LDPC code of an attacked system. Nothing but the code counts: systems may share it."""
    settings_of(params, system)
    if system not in params.coded():
        raise UsageError(
            f"the system '{system}' is not the first attacked one with its code, or has no code to analyse"
        )
    settings = {
        "code": params.systems[system].code_identity(params.link),
        "structure": params.section("structure"),
    }
    modules = (_module(params, system), "semrobust.measure.structure")
    return Job("structure", system, settings | seed_of(params), modules)


def gallery(params: Params) -> Job:
    """A few images under rising attack power, for all systems that are attacked."""
    evaluation = params.section("evaluation")
    attacked = params.attacked()
    settings = {
        "link": params.section("link"),
        "systems": {name: _unlabelled(params, "systems", name) for name in attacked},
        "attacks": {name: _unlabelled(params, "attacks", name) for name in params.attacks},
        "pairs": [".".join(pair) for pair in params.pairs()],
        "success_psnr_db": params.evaluation.success_psnr_db,
        "threads": params.compute.job_threads,
        **{key: value for key, value in evaluation.items() if key.startswith("gallery_")},
    }
    modules = {_module(params, name) for name in attacked}
    modules |= {ATTACKS[method.kind].__module__ for method in params.attacks.values()}
    return Job("gallery", "gallery", settings | seed_of(params), (*sorted(modules), "semrobust.measure.gallery"))


def without(section: Plain, *keys: str) -> Plain:
    return {key: value for key, value in section.items() if key not in keys}


def _channel(params: Params, channel: str) -> Plain:
    return without(params.section("channels", channel), "label")


def seed_of(params: Params) -> Plain:
    return {"seed": params.seed}


def _unlabelled(params: Params, section: str, name: str) -> Plain:
    """Settings of a system or an attack that results depend on.

    Left out are the label, which only figures show, and the attacks and the study, which say where it is shown.
    """
    return {key: value for key, value in params.section(section, name).items() if key not in NO_RESULT}


def settings_of(params: Params, system: str) -> Plain:
    if system not in params.systems:
        raise UsageError(f"unknown system '{system}'; params have: {', '.join(params.systems)}")
    return _unlabelled(params, "systems", system)


def _of_task(params: Params, system: str, task: str) -> None:
    """Raise UsageError for a system whose receiver gives something else."""
    settings_of(params, system)
    if params.task(system) != task:
        raise UsageError(
            f"'{system}' is a system of task '{params.task(system)}', not '{task}'; params have: "
            + ", ".join(params.of_task(task))
        )


def _module(params: Params, system: str) -> str:
    settings_of(params, system)
    return SYSTEMS[params.systems[system].kind].__module__
