"""The search for the least power that breaks images, on any transceiver."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import torch

from semrobust.attacks.base import Attack, attack_of
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.instanton.search import search as search_instantons
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.attacks.code.structure.sets import Structure
from semrobust.config.registry import ATTACKS
from semrobust.config.searches import InstantonSettings, StructureSettings
from semrobust.config.settings import Plain, Settings
from semrobust.errors import UsageError, similar
from semrobust.library import arguments, defaults
from semrobust.library.outcome import AttackOutcome
from semrobust.measure.attack import search
from semrobust.measure.vectors import at
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.pipeline import seeds, select
from semrobust.systems.base import System
from semrobust.systems.distortion import mse_from_psnr_db

S = TypeVar("S", bound=Settings)


def attack(
    transceiver: System,
    images: torch.Tensor,
    snr_db: float | Sequence[float],
    attack: str | Attack = "minimum_norm",
    *,
    success_psnr_db: float | None = None,
    seed: int | None = None,
    batch: int | None = None,
    structure: Mapping[str, Any] | None = None,
    instantons: Mapping[str, Any] | None = None,
    training_images: torch.Tensor | None = None,
    **settings: Any,
) -> AttackOutcome:
    """Search for each image the least ||s||² of a vector s, added to what is received, that breaks the image.

    The attacker knows image, codeword, noise and receiver. The attack succeeds, and the image is broken, when the
    reconstruction has a PSNR of at most `success_psnr_db`. What is not given is as in `params.yaml`: the numbers stand
    beside the tables'.

    Args:
        transceiver: `Transceiver`, `load(...)`, `chain(...)`, or any `systems.base.System` that reconstructs images.
        images: (B,C,H,W) float in [0,1], on any device. Noise and random starts belong to an image's place in them.
        snr_db: SNR per real channel use, σ² = 10^(-snr_db/10), or several.
        attack: a name in the `attacks` of params.yaml, a kind of attack, or an `Attack`.
        success_psnr_db: the PSNR at or below which an attack succeeds.
        seed: root of all randomness.
        batch: images side by side, which changes no result but needs memory.
        structure: how far a code's graph is searched, for attacks that know it: settings over those of `structure` in
            params.yaml. It is searched once per code, which takes minutes as it stands there.
        instantons: how long patterns that a code fails on are searched, for attacks that know them: settings over those
            of `instantons` in params.yaml. Searched once per decoder, in minutes.
        training_images: (b,C,H,W) as `images`, and others than those: what an attack such as "universal" learns from.
        settings: of the attack, over those of params.yaml; `fitting_attacks` lists them, and the page on the API says
            what each means.

    Raises UsageError for what cannot be, and ResultError where the transceiver does not keep what it must.

    >>> import semrobust
    >>> chain = semrobust.chain("hevc", real_uses=768)
    >>> outcome = semrobust.attack(chain, semrobust.example_images(4), snr_db=10, attack="random", step_db=4.0)
    >>> outcome.vectors.shape
    torch.Size([4, 768])
    >>> bool((outcome.power_total / 768 == outcome.power_per_use).all())
    True
    """
    system, pictures = arguments.transceiver(transceiver), arguments.images(images)
    asked, params = arguments.snr_db(snr_db), defaults.params()
    snrs = arguments.each(asked)
    name, method = _method(attack, settings, system)
    limit = params.evaluation.success_psnr_db if success_psnr_db is None else arguments.psnr_db(success_psnr_db)
    root = arguments.whole("seed", seed, params.seed, least=0)
    seen = None if training_images is None else arguments.images(training_images)
    if method.learns and seen is None:
        raise UsageError(f"attack {name!r} learns from other images than it attacks: give them as training_images")
    of_structure = _searched("structure", StructureSettings, structure)
    of_instantons = _searched("instantons", InstantonSettings, instantons)
    arguments.checked(system, pictures, snrs[0], "gradient" in method.requires)
    rows, vectors = search(
        system,
        method,
        pictures,
        snrs,
        threshold=mse_from_psnr_db(limit),
        seed=root,
        batch=arguments.whole("batch", batch, params.evaluation.batch),
        seen=seen,
        structure=_structure(system, of_structure, root) if method.knows_structure else None,
        patterns=_patterns(system, of_instantons, root) if method.knows_instantons else None,
    )
    found = [vectors[at(snr)] for snr in snrs]
    return AttackOutcome(
        system=system.name or system.settings.kind,
        attack=name,
        real_uses=system.real_uses,
        success_psnr_db=limit,
        seed=root,
        snr_db=asked,
        rows=rows,
        vectors=(torch.stack(found) if isinstance(asked, tuple) else found[0]).to(images.device),
    )


def _method(chosen: str | Attack, given: Mapping[str, Any], system: System) -> tuple[str, Attack]:
    """Name of an attack, and the attack with its settings."""
    if isinstance(chosen, Attack):
        if given:
            raise UsageError(f"{', '.join(given)}: an attack that is given whole has its settings already")
        name, method, kind = chosen.settings.kind, chosen, type(chosen)
    else:
        described = _described(chosen)
        kind = cast("type[Attack]", ATTACKS[described["kind"]])
        what = f"attack {chosen!r}"
        method = attack_of(defaults.overridden(what, kind.Settings, described, given))
        name = chosen
    lacking = sorted(kind.requires - system.capabilities)
    if lacking or not _searches(method):
        which = system.name or system.settings.kind
        reason = (
            f"needs {' and '.join(map(repr, lacking))}, which {which} does not offer"
            if lacking
            else "tries vectors that were made elsewhere, on a surrogate or by somebody who sent them in"
        )
        raise UsageError(f"attack {name!r} {reason}. Attacks that fit: {', '.join(fitting_attacks(system))}")
    return name, method


def fitting_attacks(transceiver: System) -> dict[str, Plain]:
    """The attacks of params.yaml that can be run on a transceiver, each with the settings that it has there.

    Raises UsageError for what `attack` takes no vector against.

    >>> import semrobust
    >>> semrobust.fitting_attacks(semrobust.chain("jpeg"))["least_reliable_bits"]
    {'margins': [0.7, 1.0], 'grid': 12, 'bisections': 6}
    """
    system, params = arguments.transceiver(transceiver), defaults.params()
    plain = {name: params.section("attacks", name) for name in params.attacks}
    methods = {name: attack_of(select.without(described, "label")) for name, described in plain.items()}
    return {
        name: select.without(plain[name], "kind", "label", *_ARGUMENTS)
        for name, method in methods.items()
        if method.requires <= system.capabilities and _searches(method)
    }


_ARGUMENTS = tuple(inspect.signature(attack).parameters)
"""Of `attack` itself: a setting of such a name is about a run, such as how many of its images an attack learns from."""


def _searches(method: Attack) -> bool:
    """Whether an attack finds its vectors by itself."""
    return not method.transfers and method.settings.only_on is None


def _described(chosen: str) -> Plain:
    """Settings of an attack: by its name in the params, or as the first there of its kind."""
    arguments.text("attack", chosen)
    params = defaults.params()
    named = next((name for name, entry in params.attacks.items() if entry.kind == chosen), None)
    if chosen in params.attacks or named is not None:
        found: Plain = params.section("attacks", chosen if chosen in params.attacks else str(named))
        return found
    if chosen in ATTACKS:
        return {"kind": chosen, "label": chosen}
    known = list(dict.fromkeys([*params.attacks, *ATTACKS]))
    raise UsageError(f"unknown attack {chosen!r}{similar(chosen, known)}; known: {', '.join(known)}")


def _searched(section: str, schema: type[S], given: Mapping[str, Any] | None) -> S:
    """Settings of a search over those of params.yaml; raises UsageError for others, also where nothing is searched."""
    if not isinstance(given, Mapping | None):
        raise UsageError(f"{section}: {given!r}, must be a dict of settings")
    return schema.model_validate(defaults.overridden(section, schema, defaults.params().section(section), given or {}))


def _structure(system: System, settings: StructureSettings, seed: int) -> Structure:
    """What is known of the code, searched once."""
    own = seeds.integer(seed, "structure", system.name)
    return _analysed(system.soft_bits().decoder.code, settings, own)


@lru_cache(maxsize=8)
def _analysed(code: LdpcCode, settings: StructureSettings, seed: int) -> Structure:
    return analyse(code, settings, seed)


def _patterns(system: System, settings: InstantonSettings, seed: int) -> Patterns:
    """What the decoder of the code fails on, searched once."""
    own = seeds.integer(seed, "instantons", system.name)
    return _failing(system.soft_bits().decoder, settings.model_dump_json(), own)


@lru_cache(maxsize=8)
def _failing(decoder: Decoder, settings: str, seed: int) -> Patterns:
    return search_instantons(decoder, InstantonSettings.model_validate_json(settings), seed)
