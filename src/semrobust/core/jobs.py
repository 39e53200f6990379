"""What each job of the pipeline depends on: its own params and its own code, and nothing else.

A job's `key` decides staleness. The workflow passes it to the command, the command writes it into the artifact's
record (`core.provenance`), and an artifact whose record names another key is rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

from semrobust.core import files
from semrobust.core.codehash import code_digest
from semrobust.core.errors import UsageError
from semrobust.core.params import Params
from semrobust.core.registry import ATTACKS, FIGURES, SYSTEMS
from semrobust.core.roles import recognition_roles
from semrobust.core.settings import Plain

IMAGE_TABLES = ("clean", "link_adaptation", "attack_power", "power_ratio", "fading", "code_structure")
LIMIT_TABLES = ("lipschitz", "bounds")
"""Tables of what theory says of the least attack power (`evaluation.limit_tables`)."""

RECOGNITION_TABLES = ("accuracy", "overhead", "index_flips", "attack_sanity")
"""Tables of how well receivers name the class of an image (`evaluation.recognition_tables`)."""

COMPARISON = "paper_vs_ours"
"""The table of the papers' claims, made from the other tables alone (`evaluation.paper_vs_ours`)."""

JUDGED = ("clean", "attack_power", "power_ratio", "lipschitz", "bounds", "accuracy", "overhead", "attack_sanity")
"""The tables that it is made from."""

TABLES = (*IMAGE_TABLES, *LIMIT_TABLES, *RECOGNITION_TABLES, COMPARISON)
OF_CLEAN_SAMPLES = IMAGE_TABLES[:2]
"""Tables of what happens without an attack, on all systems; the others are over all pairs of system and attack."""

OF_FADING = "fading"
"""The table of what happens over other channels than AWGN, without an attack, on all attacked systems."""

OF_STRUCTURES = "code_structure"
"""The table of what the codes of attacked systems are like, whatever the channel and the attack."""


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
    return Job("dataset", params.data.source, settings | _seed(params), ("semrobust.data.dataset",))


def model(params: Params, system: str) -> Job:
    """A trained or constructed system."""
    if system in params.systems and params.task(system) != "image":
        return _recognition_model(params, system)
    settings = {
        "system": _system(params, system),
        "real_uses": params.link.real_uses,
        "threads": params.compute.train_threads,
    }
    return Job("model", system, settings | _seed(params), (_module(params, system), "semrobust.training.build"))


def _recognition_model(params: Params, system: str) -> Job:
    """A network of hu2022. Its length follows from its own settings; the channel in its training counts."""
    channel = params.systems[system].train_channel
    settings = {
        "system": _system(params, system),
        "channel": None if channel is None else _channel(params, channel),
        "threads": params.compute.recognition_threads,
    }
    modules = (_module(params, system), "semrobust.training.build_recognition")
    return Job("model", system, settings | _seed(params), modules)


def noise(params: Params, system: str) -> Job:
    """Semantic noise on the test images against one system."""
    _of_task(params, system, "class")
    given = params.recognition
    named = params.section("recognition", "noise")
    chosen = {name: _without(named[name], "label") for name in params.noise_against(system)}
    through = {noise["through"] for noise in chosen.values() if noise["through"] is not None}
    settings = {
        "system": _system(params, system),
        "noise": chosen,
        "through": {name: _channel(params, name) for name in sorted(through)},
        "at_snr_db": given.at_snr_db if through else None,
        "images": given.images,
        "batch": given.batch,
        "threads": params.compute.job_threads,
    }
    return Job("noise", system, settings | _seed(params), (_module(params, system), "semrobust.evaluation.noise"))


def accuracy(params: Params, system: str) -> Job:
    """Per-image results of one system that names classes: over channels, SNRs, and its own and others' noise."""
    _of_task(params, system, "class")
    given = params.section("recognition")
    settings = {
        "system": _system(params, system),
        "channels": {name: _channel(params, name) for name in params.channels},
        "recognition": {key: value for key, value in given.items() if key != "noise"},
        "noise": params.noise_against(system),
        # whose default noise is tried on it, in this order
        "sources": [name for name in params.of_task("class") if given["default_noise"] in params.noise_against(name)],
        "threads": params.compute.job_threads,
    }
    modules = (_module(params, system), "semrobust.evaluation.recognition")
    return Job("accuracy", system, settings | _seed(params), modules)


def clean(params: Params, system: str) -> Job:
    """Per-image results of one system without an attacker, over all SNRs."""
    _of_task(params, system, "image")
    settings = {
        "link": params.section("link"),
        "system": _system(params, system),
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    return Job("clean", system, settings | _seed(params), (_module(params, system), "semrobust.evaluation.clean"))


def fading(params: Params, system: str) -> Job:
    """Per-image results of one system without an attacker, over all channels."""
    _of_task(params, system, "image")
    settings = {
        "link": params.section("link"),
        "channels": {name: _channel(params, name) for name in params.channels},
        "system": _system(params, system),
        "images": params.recognition.images,
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    return Job("fading", system, settings | _seed(params), (_module(params, system), "semrobust.evaluation.fading"))


def attack(params: Params, system: str, attack: str) -> Job:
    """Per-image results of one attack on one system, over all SNRs."""
    if attack not in params.attacks:
        raise UsageError(f"unknown attack '{attack}'; params have: {', '.join(params.attacks)}")
    _system(params, system)
    if (system, attack) not in params.pairs():
        raise UsageError(f"the attack '{attack}' cannot be run on '{system}': the system lacks what it needs")
    settings = {
        "link": params.section("link"),
        "system": _system(params, system),
        "attack": _unlabelled(params, "attacks", attack),
        "images": params.evaluation.attack_images,
        "success_psnr_db": params.evaluation.success_psnr_db,
        "batch": params.evaluation.batch,
        "threads": params.compute.job_threads,
    }
    if ATTACKS[params.attacks[attack].kind].knows_structure:
        settings["structure"] = structure(params, params.same_code(system)).settings
    method = ATTACKS[params.attacks[attack].kind].__module__
    modules = (_module(params, system), method, "semrobust.evaluation.attacked")
    return Job("attack", f"{system}.{attack}", settings | _seed(params), modules)


def limits(params: Params, system: str) -> Job:
    """What theory says of the least attack power of each image on one system."""
    _system(params, system)
    if system not in params.limited():
        raise UsageError(f"theory has nothing to say of '{system}'; it speaks of: {', '.join(params.limited())}")
    settings = {
        "link": params.section("link"),
        "system": _system(params, system),
        "attacks": [attack for attacked, attack in params.pairs() if attacked == system],
        "theory": params.section("theory"),
        "images": params.evaluation.attack_images,
        "threads": params.compute.job_threads,
    }
    if params.systems[system].code_identity(params.link) is not None:
        settings["structure"] = structure(params, params.same_code(system)).settings
    modules = (_module(params, system), "semrobust.evaluation.limits")
    return Job("limits", system, settings | _seed(params), modules)


def structure(params: Params, system: str) -> Job:
    """The structure of the LDPC code of an attacked system. Nothing but the code counts: systems may share it."""
    _system(params, system)
    if system not in params.coded():
        raise UsageError(
            f"the system '{system}' is not the first attacked one with its code, or has no code to analyse"
        )
    settings = {
        "code": params.systems[system].code_identity(params.link),
        "structure": params.section("structure"),
    }
    modules = (_module(params, system), "semrobust.evaluation.structure")
    return Job("structure", system, settings | _seed(params), modules)


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
    return Job("gallery", "gallery", settings | _seed(params), (*sorted(modules), "semrobust.evaluation.gallery"))


def table(params: Params, table: str) -> Job:
    """A tidy table of results."""
    if table not in TABLES:
        raise UsageError(f"unknown table '{table}'; known: {', '.join(TABLES)}")
    if table in RECOGNITION_TABLES:
        return _recognition_table(params, table)
    if table == COMPARISON:
        return _comparison(params)
    module = "semrobust.evaluation.tables"
    systems, pairs = params.attacked(), [".".join(pair) for pair in params.pairs()]
    if table in LIMIT_TABLES:
        systems, module = params.limited(), "semrobust.evaluation.limit_tables"
    elif table in OF_CLEAN_SAMPLES:
        systems, pairs = list(params.of_task("image") if table == "clean" else params.rungs()), []
    elif table == OF_STRUCTURES:
        systems, pairs = params.coded(), []
    elif table == OF_FADING:
        pairs = list(params.channels)
    settings = {
        "run": params.run,
        "dataset": params.data.source,
        "systems": {name: _static(params, name) for name in systems},
        "order": systems,
        "pairs": pairs,
        "success_psnr_db": params.evaluation.success_psnr_db,
        "bootstrap_samples": params.evaluation.bootstrap_samples,
        "real_uses": params.link.real_uses,
    }
    return Job("table", table, settings | _seed(params), (module,))


def _comparison(params: Params) -> Job:
    """Claims are judged from tables; of the params it counts only which system stands for which scheme."""
    systems, given = params.section("systems"), params.recognition
    settings = {
        "run": params.run,
        "dataset": params.data.source,
        "roles": recognition_roles(systems),
        "attacked": params.attacked(),
        "trained_with_noise": {
            name: systems[name]["training"]["train_snr_db"] is not None
            for name in params.attacked()
            if "train_snr_db" in (systems[name].get("training") or {})
        },
        "attacks": {name: attack.kind for name, attack in params.attacks.items()},
        "channels": {
            name: [channel.fading, channel.transmit, channel.receive, channel.csi_error == 0]
            for name, channel in params.channels.items()
        },
        "recognition": [given.default_noise, given.default_level, given.channel, given.at_snr_db],
        "levels": given.noise[given.default_noise].epsilon_levels,
    }
    return Job("table", COMPARISON, settings | _seed(params), ("semrobust.evaluation.paper_vs_ours",))


def _recognition_table(params: Params, table: str) -> Job:
    systems = params.of_task("class")
    settings = {
        "run": params.run,
        "dataset": params.data.source,
        "systems": {name: _static(params, name) for name in systems},
        "order": systems,
        "recognition": _recognition(params),
        "channels": list(params.channels),
        "bootstrap_samples": params.evaluation.bootstrap_samples,
    }
    return Job("table", table, settings | _seed(params), ("semrobust.evaluation.recognition_tables",))


def figure(params: Params, figure: str) -> Job:
    """A figure, from tables alone. It depends on what its tables are about: systems that show images, or name classes.

    Colours follow the order of the params, which sorted keys would hide: `order` keeps it.
    """
    of_classes = bool(set(FIGURES[figure].tables) & set(RECOGNITION_TABLES))
    shown = _shown_classes(params) if of_classes else _shown_images(params)
    channels = {name: channel.label for name, channel in params.channels.items()}
    if of_classes or OF_FADING in FIGURES[figure].tables:
        shown["labels"]["channels"], shown["order"]["channels"] = channels, list(channels)
    return Job("figure", figure, {"plot": params.section("plot"), **shown}, (FIGURES[figure].module,))


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
        "rungs": {
            name: {
                "label": params.systems[name].label,
                **_static(params, name),
                "code": _system(params, name).get("code"),
            }
            for name in params.rungs()
        },
        "success_psnr_db": params.evaluation.success_psnr_db,
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
        "recognition": _without(params.section("recognition"), "noise", "batch"),
        "classifiers": {name: _system(params, name) for name in systems},
    }


def _recognition(params: Params) -> Plain:
    """The section without labels, which only figures show."""
    given: Plain = params.section("recognition")
    return given | {"noise": {name: _without(noise, "label") for name, noise in given["noise"].items()}}


def _without(section: Plain, *keys: str) -> Plain:
    return {key: value for key, value in section.items() if key not in keys}


def _channel(params: Params, channel: str) -> Plain:
    return _without(params.section("channels", channel), "label")


def _seed(params: Params) -> Plain:
    return {"seed": params.seed}


_NO_RESULT = ("label", "attacks", "study")


def _unlabelled(params: Params, section: str, name: str) -> Plain:
    """Settings of a system or an attack that results depend on.

    Left out are the label, which only figures show, and the attacks and the study, which say where it is shown.
    """
    return {key: value for key, value in params.section(section, name).items() if key not in _NO_RESULT}


def _system(params: Params, system: str) -> Plain:
    if system not in params.systems:
        raise UsageError(f"unknown system '{system}'; params have: {', '.join(params.systems)}")
    return _unlabelled(params, "systems", system)


def _of_task(params: Params, system: str, task: str) -> None:
    """Raise UsageError for a system whose receiver gives something else."""
    _system(params, system)
    if params.task(system) != task:
        raise UsageError(
            f"'{system}' is a system of task '{params.task(system)}', not '{task}'; params have: "
            + ", ".join(params.of_task(task))
        )


def _static(params: Params, system: str) -> Plain:
    """What a table says about a system without running it."""
    kind = SYSTEMS[params.systems[system].kind]
    texts = {key: value for key, value in _system(params, system).items() if isinstance(value, str)}
    return {"side": kind.side, "source": kind.source, **texts}


def _module(params: Params, system: str) -> str:
    _system(params, system)
    return SYSTEMS[params.systems[system].kind].__module__
