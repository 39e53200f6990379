"""Search for SYSTEM the least power at which ATTACK ruins what it sends, over all SNRs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from semrobust.attacks.base import Attack, AttackResult, Target, attack_of, untouched
from semrobust.attacks.code.instanton import patterns as stored_patterns
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.search import attacked
from semrobust.config.criteria import CriterionSettings
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.settings import SHOWN, AttackKind, Plain
from semrobust.errors import similar
from semrobust.measure import submission
from semrobust.measure.images import TestImages, training_images
from semrobust.measure.names import split
from semrobust.measure.ruin import under
from semrobust.measure.vectors import VECTORS, at
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline import memory, seeds, select
from semrobust.pipeline.numbers import span
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import Sent, System, device
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


def aim(
    system: System,
    images: torch.Tensor,
    sent: Sent,
    start: int,
    snr_db: float,
    threshold: float,
    seed: int,
    structure: Structure | None = None,
    patterns: Patterns | None = None,
) -> Target:
    """The batch of test images from number `start` on, sent over the same noise as when nobody attacks."""
    stop = start + len(images)
    noise = channel_noise(seed, snr_db, start, stop, system.real_uses)
    directions = seeds.gaussian_rows(seed, "attack", snr_db, start=start, stop=stop, width=system.real_uses)
    return Target(
        system,
        images,
        sent,
        awgn(sent.codewords, snr_db, noise.to(images.device)),
        noise_variance(snr_db),
        threshold,
        torch.from_numpy(directions).to(images.device),
        seed,
        structure,
        patterns,
    )


def rows(
    target: Target, result: AttackResult, start: int, snr_db: float, vanished: torch.Tensor | None = None
) -> pd.DataFrame:
    """Per-image table of a result.

    `ruinable`: a failed decode (mid-grey, no channel) alone reaches D*, which the image decides and not the attack.
    The measure of quality (`psnr_db`) under the attack and without it is that of what is sent. `vanished`: 1
    where the gradient that the attack follows is exactly 0 at what is received, NaN if it follows none.
    """
    source, unit = target.system.source, 1.0 if target.unit is None else target.unit
    clean = target.distortion(torch.zeros_like(result.perturbation))
    nothing = target.measured(mean_squared_error(source.nothing(target.images), target.images))
    columns = {
        "success": result.success,
        "power_total": result.power_total,
        source.quality_name: source.quality(result.mse * unit, target.images).double(),
        f"clean_{source.quality_name}": source.quality(clean * unit, target.images).double(),
        "ruinable": nothing >= target.threshold,
        "infeasible": ~target.sent.feasible,
        "steps": result.steps,
        "vanished": torch.full_like(clean, torch.nan, dtype=torch.float64) if vanished is None else vanished.double(),
    }
    where = {"image": range(start, start + len(target)), "snr_db": snr_db}
    return pd.DataFrame(where | {name: values.cpu() for name, values in columns.items()})


def search(
    system: System,
    method: Attack,
    images: torch.Tensor,
    snrs_db: Sequence[float],
    *,
    threshold: float,
    seed: int,
    batch: int,
    structure: Structure | None = None,
    patterns: Patterns | None = None,
    seen: torch.Tensor | None = None,
    made_elsewhere: Sequence[Mapping[str, torch.Tensor]] = (),
    criterion: CriterionSettings | None = None,
    done: Callable[[], object] = lambda: None,
) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    """Per-image table of `rows` for all SNRs, and the perturbations (images, N) by `at`.

    `images` (B,3,H,W) are the test images from number 0 on, attacked `batch` side by side. `seen` (b,3,H,W): training
    images, sent over noise of their own, for an attack that learns. `made_elsewhere`:
    perturbations from a surrogate, or sent in, that are tried in place of random directions. A `criterion` of ruin
    takes the place of the `threshold`. `done` is called after each batch.
    """

    def judged(target: Target) -> Target:
        return target if criterion is None else under(criterion, target)

    batches = torch.split(torch.arange(len(images)), batch)
    sent = [system.send(images[numbers]) for numbers in batches]
    sends = any(bool(part.feasible.any()) for part in sent)  # else there is nothing to attack
    parts: list[pd.DataFrame] = []
    vectors: dict[str, list[torch.Tensor]] = {}
    taught = None if seen is None else (seen, system.send(seen), seeds.integer(seed, "seen by an attack"))
    for snr_db in snrs_db:
        targets = []
        lesson = None if taught is None else judged(aim(system, *taught[:2], 0, snr_db, threshold, taught[2]))
        for numbers, part in zip(batches, sent, strict=True):
            target = aim(system, images[numbers], part, int(numbers[0]), snr_db, threshold, seed, structure, patterns)
            for perturbations in made_elsewhere:  # on a surrogate, or sent in: tried here, if it is anything
                made = perturbations[at(snr_db)][numbers].to(images.device)
                directions = torch.where((made != 0).any(dim=1, keepdim=True), made, target.directions)
                target = replace(target, directions=directions)
            target = judged(replace(target, seen=lesson))
            targets.append(target)
        results = attacked(method, targets) if sends else map(untouched, targets)
        for numbers, target, result in zip(batches, targets, results, strict=True):
            parts.append(rows(target, result, int(numbers[0]), snr_db, method.vanished(target)))
            vectors.setdefault(at(snr_db), []).append(result.perturbation)
            done()
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    return table, {snr: torch.cat(found) for snr, found in vectors.items()}


def structure_of(work: Work) -> Structure | None:
    """What is known of the code of the system, if that is an input."""
    found = work.inputs("structure")
    return stored.load(next(iter(found.values())).path()) if found else None


def patterns_of(work: Work) -> Patterns | None:
    """What the decoder of the system fails on, if that is an input."""
    found = work.inputs("instantons")
    return stored_patterns.load(next(iter(found.values())).path()) if found else None


def known(params: Params, system: str, kinds: Sequence[type[AttackKind]]) -> list[Need]:
    """What was searched before and attacks of these kinds know of a system."""
    found = []
    if any(kind.knows_structure for kind in kinds):
        found.append(("structure", params.same_code(system)))
    if any(kind.knows_instantons for kind in kinds):
        found.append(("instantons", params.same_decoder(system)))
    return found


def needs(params: Params, name: str) -> list[Need]:
    system, attack = split(name)
    kind = ATTACKS[params.attacks[attack].kind]
    found = [("dataset", params.dataset(system)), ("train", system), *known(params, system, [kind])]
    if kind.transfers:
        found.append(("attack", ".".join(params.crafted(system, attack))))
    return found


def why_not(params: Params, name: str) -> str:
    """What a system lacks for an attack, and the attacks that fit it."""
    system, attack = split(name)
    if system not in params.systems:
        return f"unknown system '{system}'{similar(system, params.systems)}; params have: {', '.join(params.systems)}"
    fit = [found for found in params.attacks if params.can_run(system, found)]
    fits = f"attacks that fit {system}: {', '.join(fit)}" if fit else f"no attack fits {system}"
    if not attack:
        return f"name an attack, too; {fits}"
    if attack not in params.attacks:
        return f"unknown attack '{attack}'{similar(attack, params.attacks)}; {fits}"
    if attack in fit:
        return f"systems.{system}.attacks leaves {attack} out: name it there"
    kind = ATTACKS[params.attacks[attack].kind]
    lacking = sorted(kind.requires - SYSTEMS[params.systems[system].kind].capabilities)
    if lacking:
        return f"{attack} needs a receiver with {' and '.join(lacking)}, which {system} does not offer; {fits}"
    if params.task(system) not in SHOWN:
        return f"{system} shows no image to ruin; semantic noise is made against it instead: semrobust noise {system}"
    return f"{attack} tries what was made on a surrogate, and no system starts from {system}; {fits}"


def ruined(params: Params, system: str) -> Plain:
    """When what the system sends counts as ruined: of images at one PSNR, of channel states under criteria by name."""
    if params.task(system) == "image":
        return {"success_psnr_db": params.evaluation.success_psnr_db}
    rules = params.section("csi", "ruined")
    return {"ruined": {name: select.without(rule, "label") for name, rule in rules.items()}, "order": list(rules)}


def settings(params: Params, name: str) -> Plain:
    return {
        "snr_db": params.link.snr_db,
        "attack": select.attack(params, split(name)[1]),
        "images": params.evaluation.attack_images,
        **ruined(params, split(name)[0]),
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write the table of `rows` for all SNRs, and the perturbations themselves.

    Under several criteria the table has a column `criterion`, and the perturbations are those under the first.
    """
    torch.set_num_threads(work.threads)
    memory.keep()
    given, (name, attack) = work.settings, split(work.artifact.name)
    system, structure = restore(work.input("train")), structure_of(work)
    method = attack_of(given["attack"])
    made_elsewhere = [load_file(source.path(VECTORS)) for source in work.inputs("attack").values()]
    test = TestImages.of(work, given["images"], system.source)
    images = test.images.to(device()) if "gradient" in system.capabilities else test.images
    seen = None
    if method.learns:
        seen = training_images(work, given["attack"]["images"], system.source).to(images.device)
    if method.settings.only_on is not None:
        sent_in = submission.accepted(attack, method.settings.sha256)
        made_elsewhere.append(submission.dense(*sent_in, given["snr_db"], (len(test), system.real_uses)))
    criteria = criteria_of(given)
    total = -(-len(test) // given["batch"]) * len(given["snr_db"]) * len(criteria)
    with tqdm(total=total, desc=f"{attack} on {name}", disable=None) as progress:
        found = [
            search(
                system,
                method,
                images,
                given["snr_db"],
                threshold=0.0,
                criterion=criterion,
                seed=work.seed,
                batch=given["batch"],
                structure=structure,
                patterns=patterns_of(work),
                seen=seen,
                made_elsewhere=made_elsewhere,
                done=progress.update,
            )
            for criterion in criteria.values()
        ]
    tables = [
        table if not label else table.assign(criterion=label) for label, (table, _) in zip(criteria, found, strict=True)
    ]
    with work.output() as path:
        pd.concat(tables, ignore_index=True).to_parquet(path, index=False)
    with work.output(VECTORS) as path:
        save_file({snr: vectors.cpu() for snr, vectors in found[0][1].items()}, path)


def criteria_of(given: Plain) -> dict[str, CriterionSettings]:
    """The criteria of the settings `ruined` by name; the one of images has none."""
    if "success_psnr_db" in given:
        return {"": CriterionSettings(label="ruined", psnr_db=given["success_psnr_db"])}
    return {name: CriterionSettings.model_validate({"label": name, **given["ruined"][name]}) for name in given["order"]}


def says(artifact: Artifact) -> str:
    """How often the attack succeeded, and at which power."""
    table = pd.read_parquet(artifact.path())
    rates = 100 * table.groupby("snr_db")["success"].mean()
    power = table["power_total"].where(table["success"], np.inf).groupby(table["snr_db"]).median()
    images = f"{table['image'].nunique()} samples at {len(rates)} SNRs"
    return f"{images}, success {span(rates)}%, median ‖s‖² {span(power)}"


STEP = Step(
    kind="attack",
    stage="samples",
    folder="samples/attack",
    files=(".parquet", VECTORS),
    names=lambda params: [".".join(pair) for pair in params.pairs()],
    needs=needs,
    settings=settings,
    versions=lambda params, name: {"attack": 2, "kind": ATTACKS[params.attacks[split(name)[1]].kind].version},
    modules=lambda params, name: [__name__, ATTACKS[params.attacks[split(name)[1]].kind].__module__],
    make=make,
    says=says,
    why_not=why_not,
    gpu=lambda params, name: "gradient" in SYSTEMS[params.systems[split(name)[0]].kind].capabilities,
    memory_mb=1750,
    minutes=120,
)
