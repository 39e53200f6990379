"""Search for SYSTEM the least power at which ATTACK breaks what it sends, over all SNRs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
from semrobust.measure.aim import aim, named
from semrobust.measure.images import TestImages, training_images
from semrobust.measure.names import split
from semrobust.measure.success import under
from semrobust.measure.vectors import VECTORS, at
from semrobust.pipeline import memory, seeds, select
from semrobust.pipeline.numbers import span
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import System, device
from semrobust.systems.checkpoint import restore
from semrobust.systems.classification import ClassifyingSystem

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


Found = tuple[pd.DataFrame, dict[str, torch.Tensor]]


def rows(
    target: Target, result: AttackResult, numbers: Sequence[int], snr_db: float, vanished: torch.Tensor | None = None
) -> pd.DataFrame:
    """Per-image table of a result on the images of these `numbers`.

    `breakable`: a failed decode alone breaks the image, which the image decides and not the attack. The measure of
    quality (`psnr_db`) under the attack and without it is that of what is sent. `vanished`: 1 where the gradient that
    the attack follows is exactly 0 at what is received, NaN if it follows none.
    """
    clean = target.distortion(torch.zeros_like(result.perturbation))
    quality_name = target.system.source.quality_name
    columns = {
        "success": result.success,
        "power_total": result.power_total,
        quality_name: target.quality(result.mse),
        f"clean_{quality_name}": target.quality(clean),
        "breakable": target.breakable(),
        "infeasible": ~target.sent.feasible,
        "steps": result.steps,
        "vanished": torch.full_like(clean, torch.nan, dtype=torch.float64) if vanished is None else vanished.double(),
    }
    where = {"image": numbers, "snr_db": snr_db}
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
    attack_seed: int | None = None,
    done: Callable[[], object] = lambda: None,
) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    """Per-image table of `rows` for all SNRs, and the perturbations (images, N) by `at`.

    `images` (B,3,H,W) are the test images from number 0 on, attacked `batch` side by side. `seen` (b,3,H,W): training
    images, sent over noise of their own, for an attack that learns. `made_elsewhere`:
    perturbations from a surrogate, or sent in, that are tried in place of random directions. A `criterion` of success
    takes the place of the `threshold`. `attack_seed` as in `aim`. `done` is called after each batch.
    """

    def judged(target: Target) -> Target:
        return target if criterion is None else under(criterion, target)

    batches = torch.split(torch.arange(len(images)), batch)
    sent = [system.send(images[numbers]) for numbers in batches]
    sends = any(bool(part.feasible.any()) for part in sent)  # else there is nothing to attack
    taught = None if seen is None else (seen, system.send(seen), seeds.integer(seed, "seen by an attack"))

    def aimed(snr_db: float) -> list[Target]:
        targets = []
        lesson = None if taught is None else judged(aim(system, *taught[:2], 0, snr_db, threshold, taught[2]))
        for numbers, part in zip(batches, sent, strict=True):
            pictures, start = images[numbers], int(numbers[0])
            target = aim(system, pictures, part, start, snr_db, threshold, seed, structure, patterns, attack_seed)
            for perturbations in made_elsewhere:  # on a surrogate, or sent in: tried here, if it is anything
                made = perturbations[at(snr_db)][numbers].to(images.device)
                directions = torch.where((made != 0).any(dim=1, keepdim=True), made, target.directions)
                target = replace(target, directions=directions)
            target = judged(replace(target, seen=lesson))
            targets.append(target)
        return targets

    found = _searched(method, batches, aimed, snrs_db, done, sends)
    return found[0], {snr: torch.cat(vectors) for snr, vectors in found[1].items()}


def search_names(
    system: ClassifyingSystem[Any],
    method: Attack,
    test: TestImages,
    snrs_db: Sequence[float],
    *,
    seed: int,
    batch: int,
    done: Callable[[], object] = lambda: None,
) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    """As `search`, of a classifying system: the attack succeeds where the image is misclassified.

    The table has the column `real_uses`, N of each image, too. Images of equal length are attacked side by side;
    perturbations are filled up with zeros behind their own N.
    """
    groups = [
        (part, view) for rows, view in system.by_length(test.images) for part in torch.split(rows, batch) if len(part)
    ]
    batches = [numbers for numbers, _ in groups]

    def aimed(snr_db: float) -> list[Target]:
        return [named(view, test, numbers, snr_db, seed) for numbers, view in groups]

    table, found = _searched(method, batches, aimed, snrs_db, done)
    lengths = torch.zeros(len(test), dtype=torch.int64)
    for numbers, view in groups:
        lengths[numbers] = view.real_uses
    vectors = {snr: torch.zeros(len(test), int(lengths.max())) for snr in found}
    for snr, parts in found.items():
        for numbers, part in zip(batches, parts, strict=True):
            vectors[snr][numbers, : part.shape[1]] = part
    return table.assign(real_uses=lengths.numpy()[table["image"]]), vectors


def _searched(
    method: Attack,
    batches: Sequence[torch.Tensor],
    aimed: Callable[[float], list[Target]],
    snrs_db: Sequence[float],
    done: Callable[[], object],
    sends: bool = True,
) -> tuple[pd.DataFrame, dict[str, list[torch.Tensor]]]:
    """Per-image table and perturbations, batch after batch, of what `aimed` gives at each SNR."""
    parts: list[pd.DataFrame] = []
    vectors: dict[str, list[torch.Tensor]] = {}
    for snr_db in snrs_db:
        targets = aimed(snr_db)
        results = attacked(method, targets) if sends else map(untouched, targets)
        for numbers, target, result in zip(batches, targets, results, strict=True):
            parts.append(rows(target, result, numbers.tolist(), snr_db, method.vanished(target)))
            vectors.setdefault(at(snr_db), []).append(result.perturbation)
            done()
    return pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True), vectors


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
    found = [("dataset", params.dataset(system)), ("train", system)]
    if params.task(system) == "class":
        return found  # what is known of codes is searched for systems that reconstruct what was sent
    found += known(params, system, [kind])
    if kind.transfers:
        found.append(("attack", ".".join(params.crafted(system, attack))))
    return found


def why_not(params: Params, name: str) -> str:
    """What a system lacks for an attack, and the attacks that fit it."""
    system, attack = split(name)
    if system not in params.systems:
        return f"unknown system '{system}'{similar(system, params.systems)}; params have: {', '.join(params.systems)}"
    fit = [found for found in params.attacks if params.can_run(system, found)]
    if params.task(system) == "class":
        fit = [found for of, found in params.named_pairs() if of == system]
    fits = f"attacks that fit {system}: {', '.join(fit)}" if fit else f"no attack fits {system}"
    if not attack:
        return f"name an attack, too; {fits}"
    if attack not in params.attacks:
        return f"unknown attack '{attack}'{similar(attack, params.attacks)}; {fits}"
    if attack in fit:
        return f"systems.{system}.attacks leaves {attack} out: name it there"
    kind = ATTACKS[params.attacks[attack].kind]
    lacking = sorted(kind.requires - params.offers(system))
    if lacking:
        return f"{attack} needs a receiver with {' and '.join(lacking)}, which {system} does not offer; {fits}"
    if params.task(system) not in SHOWN:
        return (
            f"{system} reconstructs no image: threats names the systems that are made to misclassify, and by which "
            f"attacks; semantic noise is made by semrobust noise {system}; {fits}"
        )
    return f"{attack} tries what was made on a surrogate, and no system starts from {system}; {fits}"


def broken(params: Params, system: str) -> Plain:
    """When an attack on a system succeeds: of images at one PSNR, of channel states under criteria by name."""
    if params.task(system) == "image":
        return {"success_psnr_db": params.evaluation.success_psnr_db}
    rules = params.section("csi", "broken")
    return {"broken": {name: select.without(rule, "label") for name, rule in rules.items()}, "order": list(rules)}


def settings(params: Params, name: str) -> Plain:
    system, attack = split(name)
    shared = {
        "attack": select.attack(params, attack),
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }
    if params.task(system) == "class":
        return shared | {"snr_db": [params.threat_snr_db()], "images": params.threat_images()}
    return shared | {
        "snr_db": params.attack_snr_db(),
        "images": params.attack_images(system, attack),
        **broken(params, system),
    }


def make(work: Work) -> None:
    """Write the table of `rows` for all SNRs, and the perturbations themselves.

    Under several criteria the table has a column `criterion`, and the perturbations are those under the first.
    """
    torch.set_num_threads(work.threads)
    memory.keep()
    system, method = restore(work.input("train")), attack_of(work.settings["attack"])
    against = _against_names if isinstance(system, ClassifyingSystem) else against_images
    table, vectors = against(work, system, method)
    with work.output() as path:
        table.to_parquet(path, index=False)
    with work.output(VECTORS) as path:
        save_file({snr: found.cpu() for snr, found in vectors.items()}, path)


def _against_names(work: Work, system: System, method: Attack) -> Found:
    assert isinstance(system, ClassifyingSystem)
    given, test = work.settings, TestImages.of(work, work.settings["images"])
    return search_names(system, method, test, given["snr_db"], seed=work.seed, batch=given["batch"])


def against_images(work: Work, system: System, method: Attack, attack_seed: int | None = None) -> Found:
    """What `make` writes, of a system that reconstructs what was sent; `attack_seed` as in `aim`."""
    given, (name, attack) = work.settings, split(work.artifact.name)
    structure = structure_of(work)
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
                attack_seed=attack_seed,
                done=progress.update,
            )
            for criterion in criteria.values()
        ]
    tables = [
        table if not label else table.assign(criterion=label) for label, (table, _) in zip(criteria, found, strict=True)
    ]
    return pd.concat(tables, ignore_index=True), found[0][1]


def criteria_of(given: Plain) -> dict[str, CriterionSettings]:
    """The criteria of the settings `broken` by name; the one of images has none."""
    if "success_psnr_db" in given:
        return {"": CriterionSettings(label="broken", psnr_db=given["success_psnr_db"])}
    return {name: CriterionSettings.model_validate({"label": name, **given["broken"][name]}) for name in given["order"]}


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
    names=lambda params: [".".join(pair) for pair in (*params.pairs(), *params.named_pairs())],
    needs=needs,
    settings=settings,
    versions=lambda params, name: {
        "attack": 2,
        **({"names": 1} if params.task(split(name)[0]) == "class" else {}),
        "kind": ATTACKS[params.attacks[split(name)[1]].kind].version,
    },
    modules=lambda params, name: [__name__, ATTACKS[params.attacks[split(name)[1]].kind].__module__],
    make=make,
    says=says,
    why_not=why_not,
    gpu=lambda params, name: "gradient" in SYSTEMS[params.systems[split(name)[0]].kind].capabilities,
    memory_mb=2750,
    minutes=120,
)
