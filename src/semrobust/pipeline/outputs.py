"""What each table and each figure depends on, as `core.jobs` says it of the samples behind them."""

from __future__ import annotations

from pathlib import Path

from semrobust.config.params import Params
from semrobust.config.registry import FIGURES, SYSTEMS
from semrobust.config.roles import recognition_roles
from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.pipeline import captions, files
from semrobust.pipeline.jobs import Job, seed_of, settings_of, without

IMAGE_TABLES = ("clean", "link_adaptation", "attack_power", "power_ratio", "fading", "code_structure")
KNOWLEDGE = "attacker_knowledge"
"""The table of attackers who know less than everything (`evaluation.knowledge`), made as `attack_power` is."""

LIMIT_TABLES = ("lipschitz", "bounds")
"""Tables of what theory says of the least attack power (`evaluation.limit_tables`)."""

CRITERIA_TABLES = ("criteria", "criteria_ratio")
"""Tables of the least attack power under other criteria of ruin (`evaluation.criteria_tables`)."""

RECOGNITION_TABLES = ("accuracy", "overhead", "index_flips", "attack_sanity")
"""Tables of how well receivers name the class of an image (`evaluation.recognition_tables`)."""

COMPARISON = "paper_vs_ours"
"""The table of the papers' claims, made from the other tables alone (`evaluation.paper_vs_ours`)."""

MODULES = {
    **dict.fromkeys(IMAGE_TABLES, "tables"),
    KNOWLEDGE: "knowledge",
    **dict.fromkeys(LIMIT_TABLES, "limit_tables"),
    **dict.fromkeys(CRITERIA_TABLES, "criteria_tables"),
    **dict.fromkeys(RECOGNITION_TABLES, "recognition_tables"),
    COMPARISON: "paper_vs_ours",
}
"""The module of `semrobust.evaluation` that makes each table, by its function `run`."""

JUDGED = (
    "clean", "attack_power", "power_ratio", "lipschitz", "bounds", "criteria", "criteria_ratio", "attacker_knowledge",
    "accuracy", "overhead", "attack_sanity",
)  # fmt: skip
"""The tables that it is made from."""

HEADLINED = ("clean", "attack_power", "power_ratio", "accuracy", COMPARISON)
"""The tables that headline numbers (`evaluation.metrics`) are taken from."""

TABLES = tuple(MODULES)
OF_CLEAN_SAMPLES = IMAGE_TABLES[:2]
"""Tables of what happens without an attack, on all systems; the others are over all pairs of system and attack."""

OF_FADING = "fading"
"""The table of what happens over other channels than AWGN, without an attack, on all attacked systems."""

OF_STRUCTURES = "code_structure"
"""The table of what the codes of attacked systems are like, whatever the channel and the attack."""


def table(params: Params, table: str) -> Job:
    """A tidy table of results."""
    if table not in TABLES:
        raise UsageError(f"unknown table '{table}'; known: {', '.join(TABLES)}")
    if table in RECOGNITION_TABLES:
        return _recognition_table(params, table)
    if table == COMPARISON:
        return _comparison(params)
    if table in CRITERIA_TABLES:
        return _criteria_table(params, table)
    systems, pairs = params.attacked(), [".".join(pair) for pair in params.pairs()]
    if table in OF_CLEAN_SAMPLES:
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
    if table == KNOWLEDGE:
        settings["kinds"] = {name: attack.kind for name, attack in params.attacks.items()}
    return Job("table", table, settings | seed_of(params), (_maker(table),))


def _maker(table: str) -> str:
    return f"semrobust.evaluation.{MODULES[table]}"


def _criteria_table(params: Params, table: str) -> Job:
    """The settings of its systems count whole: those with equal ones are trainings of one thing."""
    given = params.section("criteria")
    settings = {
        "run": params.run,
        "dataset": params.data.source,
        "systems": {name: settings_of(params, name) for name in params.by_criteria()},
        "order": params.by_criteria(),
        "snr_db": given["snr_db"],
        "ruined": {name: without(criterion, "label") for name, criterion in given["ruined"].items()},
        "bootstrap_samples": params.evaluation.bootstrap_samples,
        "real_uses": params.link.real_uses,
    }
    return Job("table", table, settings | seed_of(params), (_maker(table),))


_WAYS = ("train_snr_db", "penalty_snr_db")


def _comparison(params: Params) -> Job:
    """Claims are judged from tables; of the params it counts only which system stands for which scheme."""
    systems, given = params.section("systems"), params.recognition
    trainings = params.trainings()
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
        "trainings": trainings,
        "trained": {
            group: {key: value for key, value in (systems[of[0]].get("training") or {}).items() if key in _WAYS}
            for group, of in trainings.items()
        },
        "ruined": [without(rule, "label") for rule in params.section("criteria", "ruined").values()],
        "channels": {
            name: [channel.fading, channel.transmit, channel.receive, channel.csi_error == 0]
            for name, channel in params.channels.items()
        },
        "recognition": [given.default_noise, given.default_level, given.channel, given.at_snr_db],
        "levels": given.noise[given.default_noise].epsilon_levels,
    }
    return Job("table", COMPARISON, settings | seed_of(params), (_maker(COMPARISON),))


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
    return Job("table", table, settings | seed_of(params), (_maker(table),))


def metrics(params: Params) -> Job:
    """Headline numbers of the run: which systems they are about, and at which SNRs."""
    snr_db, given = sorted(params.link.snr_db), params.recognition
    settings = {
        "attacked": params.attacked(),
        "classifiers": params.of_task("class"),
        "snr_db": sorted({snr_db[0], snr_db[len(snr_db) // 2], snr_db[-1]}),  # a few tell the curve
        "recognition": {
            "default_noise": given.default_noise,
            "default_level": given.default_level,
            "channel": given.channel,
            "at_snr_db": given.at_snr_db,
        },
    }
    return Job("metrics", "metrics", settings | seed_of(params), ("semrobust.tables.metrics",))


def figure(params: Params, figure: str) -> Job:
    """A figure, from tables alone. It depends on what its tables are about: systems that show images, or name classes.

    Colours follow the order of the params, which sorted keys would hide: `order` keeps it.
    """
    of_classes = bool(set(FIGURES[figure].tables) & set(RECOGNITION_TABLES))
    shown = _shown_classes(params) if of_classes else _shown_images(params)
    if set(FIGURES[figure].tables) & set(CRITERIA_TABLES):
        shown["criteria"] = _shown_criteria(params)
    channels = {name: channel.label for name, channel in params.channels.items()}
    if of_classes or OF_FADING in FIGURES[figure].tables:
        shown["labels"]["channels"], shown["order"]["channels"] = channels, list(channels)
    return Job("figure", figure, {"plot": params.section("plot"), **shown}, (FIGURES[figure].module,))


REPORT = Path("workflow") / "notebooks" / "report.ipynb"
"""The notebook that becomes the report; its page template lies beside it."""

PAGE = REPORT.with_suffix(".html.j2")


def report(params: Params) -> Job:
    """The report of the run: all tables and figures, their captions, and the params that it shows.

    Raises UsageError for a caption, and ArtifactError for a notebook or template, that cannot be read.
    """
    shown = without(params.section(), "plot")
    shown["data"] = without(shown["data"], "path", "mirrors", "hub")
    said = [captions.figure(params, name).rst for name in FIGURES] + [
        captions.table(params, name).rst for name in TABLES
    ]
    settings = {
        "params": shown,
        "captions": files.digest(said),
        "pages": {path.as_posix(): files.sha256(path) for path in (REPORT, PAGE)},
    }
    return Job(
        "report", "report", settings | seed_of(params), ("semrobust.figures.publish", "semrobust.figures.report")
    )


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
                "code": settings_of(params, name).get("code"),
            }
            for name in params.rungs()
        },
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


def _shown_criteria(params: Params) -> Plain:
    """What figures say of systems that are tried under criteria of ruin, in the order of the params."""
    return {
        "order": params.by_criteria(),
        "labels": {name: params.systems[name].label for name in params.by_criteria()},
        "systems": {name: settings_of(params, name) for name in params.by_criteria()},
        "trainings": params.trainings(),
        "rules": {name: without(rule, "label") for name, rule in params.section("criteria", "ruined").items()},
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
        "recognition": without(params.section("recognition"), "noise", "batch"),
        "classifiers": {name: settings_of(params, name) for name in systems},
    }


def _recognition(params: Params) -> Plain:
    """The section without labels, which only figures show."""
    given: Plain = params.section("recognition")
    return given | {"noise": {name: without(noise, "label") for name, noise in given["noise"].items()}}


def _static(params: Params, system: str) -> Plain:
    """What a table says about a system without running it."""
    kind = SYSTEMS[params.systems[system].kind]
    texts = {key: value for key, value in settings_of(params, system).items() if isinstance(value, str)}
    return {"side": kind.side, "source": kind.codec_name, **texts}
