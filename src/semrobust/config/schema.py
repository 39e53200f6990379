"""The params of a run, validated, and what they ask for: which pairs, which trainings, which codes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, field_validator

from semrobust.config.criteria import CriteriaSettings
from semrobust.config.csi import CsiSettings, Form
from semrobust.config.noise import RecognitionSettings
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.searches import (
    CertificateSettings,
    InstantonSettings,
    RecoverySettings,
    StructureSettings,
    TheorySettings,
)
from semrobust.config.settings import (
    AIR,
    QUANTIZER,
    SHOWN,
    AttackSettings,
    ChannelSettings,
    DataSettings,
    Decibel,
    LinkSettings,
    Plain,
    Positive,
    Settings,
    SystemSettings,
    Task,
)
from semrobust.config.threats import ThreatSettings
from semrobust.config.weights import WeightsFile, weights_in

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")  # names become file names and wildcards; '.' separates pairs there


NO_RESULT = ("label", "attacks", "study", "left_out")
"""Keys of a system or an attack that no result depends on: the label in figures, and where it is shown."""


def _nearest(values: Sequence[float], asked: float) -> float:
    """The lower of two that are equally near."""
    return min(values, key=lambda own: abs(own - asked))


class MainSettings(Settings):
    """On which systems, under which attacks, at least how many images are attacked, as claims rest on them most.

    `draws`: how often each of these attacks is searched anew with other random starts, for its spread.
    """

    images: Positive
    draws: Annotated[int, Field(ge=2, le=16)]
    systems: list[str]
    attacks: list[str]


class EvaluationSettings(Settings):
    """Shared by all tables: how many images each sweep uses and how intervals are made.

    A system works at an SNR if it loses at most the share `most_lost` of its images there without an attack. Attacks
    are tried at those SNRs of the link that are next to `attack_snr_db`, and of these the frontier is drawn at those
    next to `frontier_snr_db`.
    """

    batch: Positive
    attack_images: Positive
    attack_snr_db: Annotated[list[Decibel], Field(min_length=1)]
    main: MainSettings
    fading_images: Positive
    success_psnr_db: Annotated[float, Field(gt=0, lt=60)]
    most_lost: Annotated[float, Field(ge=0, lt=0.5)]
    bootstrap_samples: Annotated[int, Field(ge=100)]
    frontier_snr_db: Annotated[list[Decibel], Field(min_length=1, max_length=3)]
    gallery_images: Annotated[int, Field(ge=1, le=6)]
    gallery_snr_db: Decibel
    gallery_psr_db: Annotated[list[Decibel], Field(min_length=1, max_length=8)]


class ComputeSettings(Settings):
    """Threads per job. They are params since the order of floating-point sums depends on them."""

    train_threads: Annotated[int, Field(ge=1, le=1024)]
    job_threads: Annotated[int, Field(ge=1, le=1024)]


class PlotSettings(Settings):
    """How figures look; no number in any table depends on these. `notes`: whether they stand in the picture, too."""

    context: Literal["paper", "notebook", "talk"]
    palette: str
    dpi: Annotated[int, Field(ge=50, le=600)]
    notes: bool


class Params(Settings):
    """All parameters of a run, validated. `systems` and `attacks` hold the settings class of each kind.

    `plugins` names what of them is from outside this package (`config.plugins`).
    """

    run: str
    plugins: list[str] = Field(default_factory=list)
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    data: DataSettings
    csi: CsiSettings
    link: LinkSettings
    channels: dict[str, ChannelSettings]
    systems: Annotated[dict[str, SerializeAsAny[SystemSettings]], Field(min_length=1)]
    attacks: Annotated[dict[str, SerializeAsAny[AttackSettings]], Field(min_length=1)]
    structure: StructureSettings
    instantons: InstantonSettings
    recovery: RecoverySettings
    evaluation: EvaluationSettings
    criteria: CriteriaSettings
    theory: TheorySettings
    certificates: CertificateSettings
    recognition: RecognitionSettings
    threats: ThreatSettings
    compute: ComputeSettings
    plot: PlotSettings

    @field_validator("run")
    @classmethod
    def _run_is_a_name(cls, run: str) -> str:
        if not NAME.match(run):
            raise ValueError("must be lower case letters, digits and _, starting with a letter")
        return run

    def section(self, *path: str) -> Any:
        """Return one section as plain JSON values, for keys and records: a copy, to be changed at will."""
        value: Any = self.plain
        for key in path:
            value = value[key]
        return deepcopy(value)

    def pairs(self) -> list[tuple[str, str]]:
        """All (system, attack) pairs to run, in params order.

        The system offers what the attack requires, and its own list of attacks, if it has one, names the attack; one
        that was made for a run and a system alone needs no such list.
        """
        return list(self._pairs)

    # a run has hundreds of jobs, and each asks for these: found once per run
    @cached_property
    def plain(self) -> Plain:
        """All sections as plain JSON values, the same for all who ask: not to be changed."""
        return self.model_dump(mode="json")

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        return {name: SYSTEMS[system.kind].task for name, system in self.systems.items()}

    @cached_property
    def _codes(self) -> dict[str, Plain | None]:
        return {name: system.code_identity(self.link_of(name)) for name, system in self.systems.items()}

    @cached_property
    def _pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (system, attack)
            for system in self.systems
            for attack in self.attacks
            if self._meant(system, attack) and self.can_run(system, attack)
        )

    def _meant(self, system: str, attack: str) -> bool:
        only, chosen = self.attacks[attack].only_on, self.systems[system].attacks
        return chosen is None or attack in chosen if only is None else only == (self.run, system)

    def can_run(self, system: str, attack: str) -> bool:
        """Whether the system reconstructs what was sent and offers what the attack requires."""
        if ATTACKS[self.attacks[attack].kind].transfers and self.surrogate(system) is None:
            return False
        return self._offers(system, self.attacks[attack])

    def _offers(self, system: str, attack: AttackSettings) -> bool:
        return self.task(system) in SHOWN and ATTACKS[attack.kind].requires <= self.offers(system)

    def offers(self, system: str) -> frozenset[str]:
        """What the system offers to attacks on the air (`systems.base`)."""
        return SYSTEMS[self.systems[system].kind].offers(self.systems[system])

    def surrogate(self, system: str) -> str | None:
        """The first system of its task that started from `system`: what an attacker trained in its place."""
        started = (name for name in self.showing() if self.systems[name].starts_from == system)
        return next(started, None)

    def weights(self) -> dict[str, WeightsFile]:
        """Files of weights from elsewhere, by the path of their key."""
        entries: dict[str, Settings] = {f"systems.{name}": entry for name, entry in self.systems.items()}
        entries |= {f"attacks.{name}": entry for name, entry in self.attacks.items()}
        entries |= {f"criteria.attacks.{name}": entry for name, entry in self.criteria.attacks.items()}
        return {key: weights for path, entry in entries.items() for key, weights in weights_in(entry, path)}

    def task(self, system: str) -> Task:
        """What the system's receiver gives: "image", "csi", "class" or "pretraining"."""
        return self._tasks[system]

    def noise_against(self, system: str) -> list[str]:
        """Names of the semantic noise that a system is tested under: all, or those that its `attacks` name."""
        chosen = self.systems[system].attacks
        meant = (name for name in self.recognition.noise if chosen is None or name in chosen)
        return [name for name in meant if self.recognition.noise[name].parts <= self.systems[system].parts]

    def adaptive_pairs(self) -> list[tuple[str, str]]:
        """All (system, noise) pairs of `recognition.adaptive`."""
        given, default = self.recognition.adaptive, self.recognition.default_noise
        of_task = (name for name in self.of_task("class") if default in self.noise_against(name))
        return [
            (system, name)
            for system in of_task
            for name, noise in given.noise.items()
            if (given.systems is None or system in given.systems) and noise.parts <= self.systems[system].parts
        ]

    def named_pairs(self) -> list[tuple[str, str]]:
        """All (system, attack) pairs of `threats` on classifying systems that send something over the air."""
        return [
            (system, attack)
            for system in self.threatened("class")
            for attack in self.threats.attacks
            if attack in self.attacks
            and AIR in self.systems[system].parts
            and ATTACKS[self.attacks[attack].kind].requires <= self.offers(system)
        ]

    def threatened(self, *tasks: str) -> list[str]:
        """Systems of `threats` that the run has, of these tasks or of any, in their order there."""
        present = (name for name in self.threats.systems if name in self.systems)
        return [name for name in present if not tasks or self.task(name) in tasks]

    def threat_images(self) -> int:
        """How many images both threats are tried on."""
        return min(self.threats.images, self.evaluation.attack_images)

    def threat_snr_db(self) -> float:
        """The SNR that they are tried at."""
        return self._near(self.threats.snr_db)

    def least_noise(self, system: str) -> list[str]:
        """Names of the noise of `threats` that is tried on a system."""
        parts = self.systems[system].parts | {QUANTIZER}  # without one it is other noise by the start, or the same
        return [name for name, noise in self.threats.noise.items() if noise.parts <= parts]

    def of_task(self, *tasks: Task) -> list[str]:
        """Systems whose receiver gives one of these."""
        return [name for name, task in self._tasks.items() if task in tasks]

    def showing(self) -> list[str]:
        """Systems that reconstruct what was sent, whatever that is: those that attacks on the air are tried on."""
        return self.of_task(*SHOWN)

    def dataset(self, system: str) -> str:
        """Name of the dataset that the system is trained and tested on."""
        return self.csi.source if self.task(system) == "csi" else self.data.source

    def forms(self) -> dict[str, Form]:
        """By system that sends channel states what of them it sends (`config.csi.Form`)."""
        return {name: getattr(self.systems[name], "form") for name in self.of_task("csi")}  # noqa: B009

    def link_of(self, system: str) -> LinkSettings:
        """The link with as many channel uses as what the system sends has."""
        if self.task(system) != "csi":
            return self.link
        return self.link.model_copy(update={"real_uses": self.csi.real_uses[self.forms()[system]]})

    def attack_images(self, system: str, attack: str) -> int:
        """How many images of a system an attack is tried on; what was made on a surrogate is there for some only."""
        evaluation = self.evaluation
        if ATTACKS[self.attacks[attack].kind].transfers:
            return self.attack_images(*self.crafted(system, attack))
        is_main = system in evaluation.main.systems and attack in evaluation.main.attacks
        return max(evaluation.attack_images, evaluation.main.images if is_main else 0)

    def main_pairs(self) -> list[tuple[str, str]]:
        """The (system, attack) pairs of `evaluation.main` that the run has."""
        main = self.evaluation.main
        return [pair for pair in self.pairs() if pair[0] in main.systems and pair[1] in main.attacks]

    def crafted(self, system: str, attack: str) -> tuple[str, str]:
        """The (surrogate, attack) pair whose perturbations a transfer attack tries on the system."""
        surrogate, crafted_by = self.surrogate(system), getattr(self.attacks[attack], "crafted_by", None)
        assert surrogate is not None
        assert isinstance(crafted_by, str)
        return surrogate, crafted_by

    def attacked(self, task: Task = "image") -> list[str]:
        """Systems with at least one attack that belong to no study: those of the tables and figures of each system."""
        return [name for name in self.compared(task) if self.systems[name].study is None]

    def compared(self, task: Task = "image") -> list[str]:
        """Systems with at least one attack that take part in the headline: all but those that say why not."""
        return [name for name in self.in_pairs(task) if self.systems[name].left_out is None]

    def left_out(self) -> dict[str, str]:
        """Why the other attacked systems take no part in it."""
        reasons = {name: self.systems[name].left_out for name in self.in_pairs("image")}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def frontier_snr_db(self) -> list[float]:
        """SNRs of the frontier: of the attacks' those next to what is asked for."""
        return sorted({self._near(asked) for asked in self.evaluation.frontier_snr_db})

    def attack_snr_db(self) -> list[float]:
        """SNRs of attacks on reconstructions: of the link those next to what is asked for."""
        return sorted({_nearest(self.link.snr_db, asked) for asked in self.evaluation.attack_snr_db})

    def _near(self, snr_db: float) -> float:
        """The SNR of attacks next to this one."""
        return _nearest(self.attack_snr_db(), snr_db)

    def networks(self) -> list[str]:
        """Of those the systems whose receiver has a gradient: what single images are certified for."""
        return [name for name in self.attacked() if "gradient" in SYSTEMS[self.systems[name].kind].capabilities]

    def studied(self, study: str, task: Task = "image") -> list[str]:
        """Attacked systems of one study."""
        return [name for name in self.in_pairs(task) if self.systems[name].study == study]

    def studies(self, task: Task = "image") -> list[str]:
        """Names of the studies that change a baseline, in the order of the params."""
        chains = (name for name in self.in_pairs(task) if SYSTEMS[self.systems[name].kind].codec_name)
        named = (self.systems[name].study for name in chains)
        return list(dict.fromkeys(study for study in named if study is not None))

    def rungs(self, task: Task = "image") -> dict[str, str]:
        """Source codec of each baseline that belongs to no study: what link adaptation chooses from."""
        main = (name for name in self.of_task(task) if self.systems[name].study is None)
        sources = {name: SYSTEMS[self.systems[name].kind].codec_name for name in main}
        return {name: source for name, source in sources.items() if source is not None}

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
        """What is tried under criteria: each system alone, and systems that differ by their seed alone together."""
        several = {name: of for name, of in self.alike(self.by_criteria()).items() if len(of) > 1}
        return {name: [name] for name in self.by_criteria()} | several

    def alike(self, systems: list[str]) -> dict[str, list[str]]:
        """Those of the systems that differ by their seed alone together, the others alone under their own names.

        The seed of a training comes from the system's name, so systems with equal settings are trainings of one thing;
        together they go by the name of the first and "+".
        """
        equal: dict[str, list[str]] = {}
        for name in systems:
            settings = self.section("systems", name)
            made_of = {key: value for key, value in settings.items() if key not in NO_RESULT}
            equal.setdefault(json.dumps(made_of, sort_keys=True), []).append(name)
        return {names[0] + "+" * (len(names) > 1): names for names in equal.values()}

    def lengths(self) -> dict[str, int]:
        """Epochs of attacked systems of images that differ by these alone: the most that do, at least two.

        The learning rate may differ, too: the longer a training is, the lower the one that it survives.
        """
        groups: dict[str, dict[str, int]] = {}
        for name in self.in_pairs("image"):
            given = {key: value for key, value in self.section("systems", name).items() if key not in NO_RESULT}
            if given.get("training"):
                training = dict(given["training"])
                epochs, _ = training.pop("epochs"), training.pop("learning_rate")
                alike = json.dumps(given | {"training": training}, sort_keys=True)
                groups.setdefault(alike, {})[name] = epochs
        several = [found for found in groups.values() if len(set(found.values())) > 1]
        longest = max(several, key=len, default={})
        return dict(sorted(longest.items(), key=lambda item: item[1]))

    def length_attacks(self) -> list[str]:
        """Attacks that all of `lengths` are tried by: with others, attacks would be compared, and not trainings."""
        tried = [{attack for of, attack in self.pairs() if of == name} for name in self.lengths()]
        return [name for name in self.attacks if tried and all(name in one for one in tried)]

    def in_pairs(self, *tasks: Task) -> list[str]:
        """Systems of these tasks, of all by default, with at least one attack."""
        return [
            name
            for name in dict.fromkeys(system for system, _ in self.pairs())
            if self.task(name) in tasks or not tasks
        ]

    def _decoder(self, system: str) -> Plain | None:
        return self.systems[system].decoder_identity(self.link_of(system))

    def coded(self, *tasks: Task) -> list[str]:
        """Systems, of all tasks or these, whose LDPC code is analysed: of attacked ones with one code the first."""
        coded = [name for name in self.in_pairs(*tasks) if self._codes[name] is not None]
        return [name for name in coded if self.same_code(name) == name]

    def same_code(self, system: str) -> str:
        """The first attacked system with the same LDPC code as `system`, whose structure serves both."""
        code = self._codes[system]
        return next(name for name in self.in_pairs() if self._codes[name] == code)

    def decoded(self) -> list[str]:
        """Systems whose instantons are searched: of those attacked with them and the same decoder only the first."""
        return [name for name in self._by_instantons if self.same_decoder(name) == name]

    def same_decoder(self, system: str) -> str:
        """The first such system with the same LDPC code and decoder as `system`, whose instantons serve both."""
        decoder = self._decoder(system)
        return next(name for name in self._by_instantons if self._decoder(name) == decoder)

    @cached_property
    def _by_instantons(self) -> tuple[str, ...]:
        pairs = [(system, self.attacks[attack]) for system, attack in self.pairs()]
        pairs += [
            (system, self.criteria.attacks[attack])
            for system in self.by_criteria()
            for attack in self.criterion_attacks(system)
        ]
        return tuple(dict.fromkeys(system for system, attack in pairs if ATTACKS[attack.kind].knows_instantons))
