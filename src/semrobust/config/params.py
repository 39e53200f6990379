"""Load, overlay and validate params.yaml: one message with every wrong key's path before anything runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, SerializeAsAny, ValidationError, field_validator

from semrobust.config import checks as recognition
from semrobust.config.criteria import CriteriaSettings
from semrobust.config.grid import expand
from semrobust.config.overlay import merge as merge
from semrobust.config.registry import ATTACKS, SYSTEMS, Registry
from semrobust.config.settings import (
    AttackSettings,
    ChannelSettings,
    DataSettings,
    LinkSettings,
    Plain,
    Positive,
    RecognitionSettings,
    Settings,
    StructureSettings,
    SystemSettings,
    TheorySettings,
)
from semrobust.errors import ParamsError

_S = TypeVar("_S", bound=Settings)
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")  # names become file names and wildcards; '.' separates pairs there


NO_RESULT = ("label", "attacks", "study")
"""Keys of a system or an attack that no result depends on: the label in figures, and where it is shown."""


class EvaluationSettings(Settings):
    """Shared by all tables: how many images each sweep uses and how intervals are made."""

    batch: Positive
    attack_images: Positive
    success_psnr_db: Annotated[float, Field(gt=0, lt=60)]
    bootstrap_samples: Annotated[int, Field(ge=100)]
    gallery_images: Annotated[int, Field(ge=1, le=6)]
    gallery_snr_db: float
    gallery_psr_db: Annotated[list[float], Field(min_length=1, max_length=8)]


class ComputeSettings(Settings):
    """Threads per job. They are params since the order of floating-point sums depends on them."""

    train_threads: Positive
    job_threads: Positive
    recognition_threads: Positive


class PlotSettings(Settings):
    """How figures look; no number in any table depends on these."""

    context: Literal["paper", "notebook", "talk"]
    palette: str
    dpi: Annotated[int, Field(ge=50, le=600)]


class Params(Settings):
    """All parameters of a run, validated. `systems` and `attacks` hold the settings class of each kind."""

    run: str
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    data: DataSettings
    link: LinkSettings
    channels: dict[str, ChannelSettings]
    systems: Annotated[dict[str, SerializeAsAny[SystemSettings]], Field(min_length=1)]
    attacks: Annotated[dict[str, SerializeAsAny[AttackSettings]], Field(min_length=1)]
    structure: StructureSettings
    evaluation: EvaluationSettings
    criteria: CriteriaSettings
    theory: TheorySettings
    recognition: RecognitionSettings
    compute: ComputeSettings
    plot: PlotSettings

    @field_validator("run")
    @classmethod
    def _run_is_a_name(cls, run: str) -> str:
        if not _NAME.match(run):
            raise ValueError("must be lower case letters, digits and _, starting with a letter")
        return run

    def section(self, *path: str) -> Any:
        """Return one section as plain JSON values, for keys and records: a copy, to be changed at will."""
        value: Any = self._plain
        for key in path:
            value = value[key]
        return deepcopy(value)

    def pairs(self) -> list[tuple[str, str]]:
        """All (system, attack) pairs to run, in params order.

        The system offers what the attack requires, and its own list of attacks, if it has one, names the attack.
        """
        return list(self._pairs)

    # a run has hundreds of jobs, and each asks for these: found once per run
    @cached_property
    def _plain(self) -> Plain:
        return self.model_dump(mode="json")

    @cached_property
    def _pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (system, attack)
            for system, chosen in self.systems.items()
            for attack in self.attacks
            if (chosen.attacks is None or attack in chosen.attacks) and self.can_run(system, attack)
        )

    def can_run(self, system: str, attack: str) -> bool:
        """Whether the system shows images and offers what the attack requires."""
        if ATTACKS[self.attacks[attack].kind].transfers and self.surrogate(system) is None:
            return False
        return self._offers(system, self.attacks[attack])

    def _offers(self, system: str, attack: AttackSettings) -> bool:
        kind = SYSTEMS[self.systems[system].kind]
        return kind.task == "image" and ATTACKS[attack.kind].requires <= kind.capabilities

    def surrogate(self, system: str) -> str | None:
        """The first system that shows images and started from `system`: what an attacker trained in its place."""
        started = (name for name in self.of_task("image") if self.systems[name].starts_from == system)
        return next(started, None)

    def task(self, system: str) -> str:
        """What the system's receiver gives: "image", "class" or "pretraining"."""
        return SYSTEMS[self.systems[system].kind].task

    def noise_against(self, system: str) -> list[str]:
        """Names of the semantic noise that a system is tested under: all, or those that its `attacks` name."""
        chosen = self.systems[system].attacks
        return [name for name in self.recognition.noise if chosen is None or name in chosen]

    def of_task(self, task: str) -> list[str]:
        """Systems whose receiver gives this: "image", "class" or "pretraining"."""
        return [name for name in self.systems if self.task(name) == task]

    def crafted(self, system: str, attack: str) -> tuple[str, str]:
        """The (surrogate, attack) pair whose perturbations a transfer attack tries on the system."""
        surrogate, crafted_by = self.surrogate(system), getattr(self.attacks[attack], "crafted_by", None)
        assert surrogate is not None
        assert isinstance(crafted_by, str)
        return surrogate, crafted_by

    def attacked(self) -> list[str]:
        """Systems with at least one attack that belong to no study: those of the main tables and figures."""
        return [name for name in self._in_pairs() if self.systems[name].study is None]

    def studied(self, study: str) -> list[str]:
        """Attacked systems of one study."""
        return [name for name in self._in_pairs() if self.systems[name].study == study]

    def studies(self) -> list[str]:
        """Names of the studies that change a chain, in the order of the params."""
        named = (self.systems[name].study for name in self._in_pairs() if SYSTEMS[self.systems[name].kind].codec_name)
        return list(dict.fromkeys(study for study in named if study is not None))

    def rungs(self) -> dict[str, str]:
        """Source codec of each classical chain that belongs to no study: what link adaptation chooses from."""
        codecs = {name: SYSTEMS[chain.kind].codec_name for name, chain in self.systems.items() if chain.study is None}
        return {name: codec for name, codec in codecs.items() if codec is not None}

    def criterion_attacks(self, system: str) -> list[str]:
        """Names of the attacks of the section `criteria` that can be run on the system."""
        return [name for name, attack in self.criteria.attacks.items() if self._offers(system, attack)]

    def by_criteria(self) -> list[str]:
        """Systems that are tried under all criteria: the attacked ones, and those of the studies named there."""
        attacked = set(self.attacked())
        return [
            name
            for name in self.of_task("image")
            if (name in attacked or self.systems[name].study in self.criteria.studies) and self.criterion_attacks(name)
        ]

    def trainings(self) -> dict[str, list[str]]:
        """What is tried under criteria: each system alone, and systems that differ by their seed alone together.

        The seed of a training comes from the system's name, so systems with equal settings are trainings of one thing;
        together they go by the name of the first and "+".
        """
        equal: dict[str, list[str]] = {}
        for name in self.by_criteria():
            settings = self.section("systems", name)
            made_of = {key: value for key, value in settings.items() if key not in NO_RESULT}
            equal.setdefault(json.dumps(made_of, sort_keys=True), []).append(name)
        several = {f"{names[0]}+": names for names in equal.values() if len(names) > 1}
        return {name: [name] for name in self.by_criteria()} | several

    def _in_pairs(self) -> list[str]:
        return list(dict.fromkeys(system for system, _ in self.pairs()))

    def coded(self) -> list[str]:
        """Systems whose LDPC code is analysed: of attacked systems with the same code only the first."""
        coded = [name for name in self._in_pairs() if self.systems[name].code_identity(self.link) is not None]
        return [name for name in coded if self.same_code(name) == name]

    def same_code(self, system: str) -> str:
        """The first attacked system with the same LDPC code as `system`, whose structure serves both."""
        code = self.systems[system].code_identity(self.link)
        return next(name for name in self._in_pairs() if self.systems[name].code_identity(self.link) == code)


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML loader that refuses a key given twice instead of keeping the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.YAMLError(f"the key '{key}' stands twice (line {key_node.start_mark.line + 1})")
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.2, which DVC reads and writes (`dvc exp run -S`). For 1.1, PyYAML's default, 1e-4 is text and 4:2:0 a number.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\d[\d_]*\.\d*|\.\d+|\d[\d_]*(?=[eE]))(?:[eE][-+]?\d+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def read_yaml(path: Path) -> Plain:
    """Read one YAML file of sections; raises ParamsError if it is missing or not a mapping."""
    try:
        with path.open(encoding="utf-8") as stream:
            content = yaml.load(stream, Loader=_Loader)
    except OSError as error:
        raise ParamsError([f"{error.strerror}: give --params FILE or run in the project's root"], str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:  # TypeError: a key that is a list
        raise ParamsError([f"not readable as YAML: {error}"], str(path)) from error
    if not isinstance(content, dict):
        raise ParamsError(["the file must hold sections (key: value)"], str(path))
    return content


def load(paths: Sequence[Path]) -> Params:
    """Read params from files, later ones overlaying earlier ones, and validate the result."""
    merged: Plain = {}
    for path in paths:
        merged = merge(merged, read_yaml(path))
    return validate(merged, " + ".join(map(str, paths)))


def validate(raw: Mapping[str, Any], source: str = "params") -> Params:
    """Validate merged params; raises ParamsError listing each problem with the key's path and its value."""
    problems: list[str] = []
    content = dict(raw)
    if isinstance(raw.get("systems"), Mapping):
        content["systems"] = expand(raw["systems"], "systems", merge, problems)
    content["systems"] = _plugins(content, "systems", SYSTEMS, problems)
    content["attacks"] = _plugins(raw, "attacks", ATTACKS, problems)
    if isinstance(raw.get("criteria"), Mapping):
        attacks = {"criteria.attacks": raw["criteria"].get("attacks")}
        content["criteria"] = {**raw["criteria"], "attacks": _plugins(attacks, "criteria.attacks", ATTACKS, problems)}
        content["criteria"]["ruined"] = {
            name: criterion
            for name, criterion in (raw["criteria"].get("ruined") or {}).items()
            if criterion is not None
        }
    params = _checked(Params, content, "", problems, skip=("systems", "attacks"))
    if params is not None:
        problems += _inconsistent(params)
    if problems or params is None:
        raise ParamsError(problems, source)
    return params


def _plugins(raw: Mapping[str, Any], section: str, registry: Registry[Any], problems: list[str]) -> Plain:
    """Validate each entry of a section by the settings class of its kind."""
    entries = raw.get(section)
    if not isinstance(entries, Mapping):
        problems.append(f"{section}: {_show(entries)}, must be a section with one entry per {registry.what}")
        return {}
    valid: Plain = {}
    for name, entry in entries.items():
        path = f"{section}.{name}"
        if entry is None:
            continue
        kind = entry.get("kind") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping):
            problems.append(f"{path}: {_show(entry)}, must be a section")
        elif not isinstance(name, str) or not _NAME.match(name):
            problems.append(f"{path}: the name must be lower case letters, digits and _")
        elif not isinstance(kind, str) or kind not in registry:
            problems.append(f"{path}.kind: {_show(kind)}, must be one of {', '.join(registry)}")
        else:
            schema = registry[kind].Settings
            valid[name] = _checked(schema, entry, f"{path}.", problems)
    if not valid and not problems:
        problems.append(f"{section}: must have at least one entry")
    return valid


def _checked(
    schema: type[_S], entry: Mapping[str, Any], prefix: str, problems: list[str], skip: tuple[str, ...] = ()
) -> _S | None:
    try:
        return schema.model_validate(entry)
    except ValidationError as error:
        for item in error.errors():
            path = ".".join(map(str, item["loc"]))
            where = f"{prefix}{path}".rstrip(".")
            if path.split(".")[0] not in skip:  # those were reported entry by entry, with their full path
                missing = item["type"] == "missing"
                value = "missing" if missing else _show(item["input"])
                allowed = "the key is required" if missing else _allowed(item["type"], item["msg"])
                problems.append(f"{where}: {value}, {allowed}")
        return None


def _allowed(kind: str, message: str) -> str:
    return "unknown key" if kind == "extra_forbidden" else message[:1].lower() + message[1:]


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _inconsistent(params: Params) -> list[str]:
    """Problems that only show across keys: what a single field's type cannot say."""
    problems = []
    snr_db = params.link.snr_db
    if sorted(set(snr_db)) != snr_db:
        problems.append(f"link.snr_db: {snr_db}, must rise strictly")
    if params.evaluation.gallery_snr_db not in snr_db:
        problems.append(f"evaluation.gallery_snr_db: {params.evaluation.gallery_snr_db}, must be one of link.snr_db")
    test_images = params.data.test_images
    if test_images is not None and params.evaluation.attack_images > test_images:
        problems.append(
            f"evaluation.attack_images: {params.evaluation.attack_images}, must not exceed "
            f"data.test_images = {test_images}"
        )
    if params.evaluation.gallery_images > params.evaluation.attack_images:
        problems.append(
            f"evaluation.gallery_images: {params.evaluation.gallery_images}, must not exceed "
            f"evaluation.attack_images = {params.evaluation.attack_images}"
        )
    if test_images is not None and params.criteria.images > test_images:
        problems.append(f"criteria.images: {params.criteria.images}, must not exceed data.test_images = {test_images}")
    for name, system in params.systems.items():
        problems += [f"systems.{name}.{problem}" for problem in system.problems(params.link)]
        if params.task(name) == "image" and system.starts_from is not None:
            started = params.systems.get(system.starts_from)
            if started is not None and started.kind != "deepjscc":
                problems.append(f"systems.{name}.start: {system.starts_from!r}, must be a system of kind 'deepjscc'")
    return list(dict.fromkeys([*problems, *_never_attacked(params), *recognition.problems(params)]))


def _never_attacked(params: Params) -> list[str]:
    """Attacks that no system runs, systems that wait for an attack in vain, and names of attacks that are none."""
    problems, pairs = [], params.pairs()
    attacked = {system for system, _ in pairs}
    for name in params.of_task("image"):
        system = params.systems[name]
        if system.attacks is None and name not in attacked:
            problems.append(f"systems.{name}.kind: {system.kind!r}, no attack in params can be run on it")
    for name, system in params.systems.items():
        if params.task(name) != "image":
            problems += [
                f"systems.{name}.attacks: {wanted!r}, must be of {', '.join(params.recognition.noise)}"
                for wanted in system.attacks or []
                if wanted not in params.recognition.noise
            ]
            continue
        for wanted in system.attacks or []:
            if wanted not in params.attacks:
                problems.append(f"systems.{name}.attacks: {wanted!r}, must be of {', '.join(params.attacks)}")
            elif not params.can_run(name, wanted):
                problems.append(f"systems.{name}.attacks: {wanted!r}, cannot be run on kind {system.kind!r}")
    for victim, name in pairs:
        if ATTACKS[params.attacks[name].kind].transfers and params.crafted(victim, name) not in pairs:
            surrogate, crafted_by = params.crafted(victim, name)
            problems.append(f"attacks.{name}.crafted_by: {crafted_by!r}, must be an attack that {surrogate!r} runs")
    used = {attack for _, attack in pairs}
    for name, attack in params.attacks.items():
        if name not in used:
            required = ", ".join(sorted(ATTACKS[attack.kind].requires)) or "nothing"
            problems.append(f"attacks.{name}.kind: {attack.kind!r}, no system with what it needs ({required}) runs it")
    return problems
