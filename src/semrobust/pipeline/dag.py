"""The jobs of a run and which wait for which, as the workflow's rules say it; for estimates, nothing is run by it.

A job goes by (rule, name), as its log file does: `data/RUN/logs/RULE/NAME.log`.
"""

from __future__ import annotations

from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS, FIGURES, SYSTEMS
from semrobust.pipeline import outputs

Node = tuple[str, str]
DATASET, GALLERY = ("dataset", "dataset"), ("gallery", "gallery")
METRICS, REPORT = ("metrics", "metrics"), ("report", "report")


def nodes(params: Params) -> dict[Node, list[Node]]:
    """Every job of `snakemake all`, in an order in which they can run, with the jobs whose outputs it reads."""
    found: dict[Node, list[Node]] = {DATASET: []}
    for system in _by_start(params):
        start = params.systems[system].starts_from
        learns = SYSTEMS[params.systems[system].kind].trainable
        found["train", system] = [DATASET] * learns + ([("train", start)] if start else [])
    for system in params.coded():
        found["structure", system] = [("train", system)]
    for system in params.of_task("image"):
        found["clean", system] = _trained(system)
    for system in params.attacked():
        found["fading", system] = _trained(system)
    for system, attack in sorted(params.pairs(), key=lambda pair: _transfers(params, pair[1])):
        found["attack", f"{system}.{attack}"] = _attack(params, system, attack)
    for system in params.attacked():
        found["limits", system] = _trained(system) + _attacks(params, system) + _structure(params, system)
    for system in params.by_criteria():
        found["criteria", system] = _trained(system) + _structure_under_criteria(params, system)
    classifiers = params.of_task("class")
    found |= {("noise", system): _trained(system) for system in classifiers}
    noise: list[Node] = [("noise", system) for system in classifiers]
    found |= {("accuracy", system): [*_trained(system), *noise] for system in classifiers}
    models: list[Node] = [("train", system) for system in params.attacked()]
    found[GALLERY] = [DATASET, *models, *_attacks(params)]
    found |= {("table", table): _samples(params, found, table) for table in outputs.TABLES}
    for figure in FIGURES:
        tables: list[Node] = [("table", table) for table in FIGURES[figure].tables]
        found["figure", figure] = tables + [GALLERY] * FIGURES[figure].gallery
    found[METRICS] = [("table", table) for table in outputs.HEADLINED]
    found[REPORT] = [("table", table) for table in outputs.TABLES] + [("figure", figure) for figure in FIGURES]
    return found


def _by_start(params: Params) -> list[str]:
    """Systems, those that others start from first."""
    ordered: dict[str, None] = {}

    def add(system: str) -> None:
        start = params.systems[system].starts_from
        if start:
            add(start)
        ordered[system] = None

    for system in params.systems:
        add(system)
    return list(ordered)


def _trained(system: str) -> list[Node]:
    return [DATASET, ("train", system)]


def _transfers(params: Params, attack: str) -> bool:
    return ATTACKS[params.attacks[attack].kind].transfers


def _attack(params: Params, system: str, attack: str) -> list[Node]:
    needs = _trained(system)
    if ATTACKS[params.attacks[attack].kind].knows_structure:
        needs.append(("structure", params.same_code(system)))
    if _transfers(params, attack):
        needs.append(("attack", ".".join(params.crafted(system, attack))))
    return needs


def _attacks(params: Params, system: str | None = None) -> list[Node]:
    return [("attack", ".".join(pair)) for pair in params.pairs() if system in (None, pair[0])]


def _structure(params: Params, system: str) -> list[Node]:
    coded = params.systems[system].code_identity(params.link) is not None
    return [("structure", params.same_code(system))] if coded else []


def _structure_under_criteria(params: Params, system: str) -> list[Node]:
    kinds = [ATTACKS[params.criteria.attacks[name].kind] for name in params.criterion_attacks(system)]
    return _structure(params, system) if any(kind.knows_structure for kind in kinds) else []


def _samples(params: Params, found: dict[Node, list[Node]], table: str) -> list[Node]:
    """What a table is made from."""

    if table == outputs.COMPARISON:
        return [("table", judged) for judged in outputs.JUDGED]
    rules: dict[str, tuple[str, ...]] = {outputs.OF_FADING: ("fading",), outputs.OF_STRUCTURES: ("structure",)}
    rules |= dict.fromkeys(outputs.OF_CLEAN_SAMPLES, ("clean",))
    rules |= dict.fromkeys(outputs.LIMIT_TABLES, ("limits", "attack"))
    rules |= dict.fromkeys(outputs.CRITERIA_TABLES, ("criteria",))
    rules |= dict.fromkeys(outputs.RECOGNITION_TABLES, ("accuracy",))
    return [node for node in found if node[0] in rules.get(table, ("attack",))]
