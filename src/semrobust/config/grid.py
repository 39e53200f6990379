"""Grids and seeds: one entry of params.yaml that stands for several systems, every combination of a few choices.

    ladder:
      label: "{source} + {modulation}"
      stream: payload
      grid:
        source: { jpeg: { label: JPEG, kind: jpeg_ldpc }, hevc: { label: HEVC, kind: hevc_ldpc } }
        modulation: { qpsk: { label: QPSK, modulation: qpsk }, 16qam: { label: 16-QAM, modulation: 16qam } }

becomes the four systems `ladder_jpeg_qpsk`, `ladder_jpeg_16qam`, `ladder_hevc_qpsk` and `ladder_hevc_16qam`. Each holds
the entry's own keys, overlaid by one choice per axis in the order of the axes. What the entry says it says of all its
choices, also of one that names another kind. The entry's label is a template with one `{axis}` for every axis; a
choice's label takes its place (its name, if it has none).

`seeds: 3` in an entry or a choice stands for three trainings of one thing, NAME, NAME_seed_2 and NAME_seed_3: the seed
of a training follows from the system's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # completion reads names of systems, and does not wait for pydantic
    from semrobust.config.settings import Plain

_SLUG = re.compile(r"[a-z0-9_]+\Z")

Merge = Callable[[Mapping[str, Any], Mapping[str, Any]], "Plain"]


def expand(entries: Mapping[str, Any], section: str, merge: Merge, problems: list[str]) -> Plain:
    """Replace each entry of a section by its combinations and seeds, in place; one without either stays as it is.

    A choice that is null, as an overlay may set it, is left out. What is wrong goes to `problems` with its path, and
    an entry that cannot be expanded is left out too.
    """
    expanded: Plain = {}
    for name, entry in entries.items():
        systems = {name: entry}
        if isinstance(entry, Mapping) and "grid" in entry:
            found: list[str] = []
            systems = _combinations(str(name), entry, merge, found)
            problems += [f"{section}.{name}.{problem}" for problem in found]
        systems = _seeded(systems, section, problems)
        for taken in sorted((set(systems) - {name}) & (set(expanded) | set(entries))):
            problems.append(f"{section}.{name}.grid: {taken!r}, is the name of another entry too")
        expanded |= systems
    return expanded


def _combinations(name: str, entry: Mapping[str, Any], merge: Merge, problems: list[str]) -> Plain:
    """The systems of one entry; none if anything is wrong with its grid."""
    axes = _axes(entry["grid"], problems)
    template = entry.get("label")
    if not isinstance(template, str):
        problems.append(f"label: {template!r}, must be a text with {{axis}} for every axis of the grid")
    elif not problems and set(re.findall(r"\{(.*?)\}", template)) != set(axes):
        problems.append(f"label: {template!r}, must hold {' and '.join(f'{{{axis}}}' for axis in axes)}")
    if problems or not isinstance(template, str):
        return {}
    systems: Plain = {}
    for slugs in product(*axes.values()):
        system = {key: value for key, value in entry.items() if key != "grid"}
        label = template
        for (axis, choices), slug in zip(axes.items(), slugs, strict=True):
            choice = choices[slug]
            of_its_kind = {"kind": choice["kind"]} if "kind" in choice else {}
            system = merge(system | of_its_kind, choice)
            label = label.replace(f"{{{axis}}}", str(choice.get("label", slug)))
        systems["_".join((name, *slugs))] = system | {"label": label}
    return systems


def _seeded(systems: Mapping[str, Any], section: str, problems: list[str]) -> Plain:
    """Each system as often as its `seeds` say."""
    seeded: Plain = {}
    for name, system in systems.items():
        if not isinstance(system, Mapping) or "seeds" not in system:
            seeded[name] = system
            continue
        count, plain = system["seeds"], {key: value for key, value in system.items() if key != "seeds"}
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            problems.append(f"{section}.{name}.seeds: {count!r}, must be a whole number, at least 1")
            count = 1
        seeded[name] = plain
        for seed in range(2, count + 1):
            seeded[f"{name}_seed_{seed}"] = plain | {"label": f"{plain.get('label')}, seed {seed}"}
    return seeded


def _axes(grid: Any, problems: list[str]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Choices per axis, the null ones left out."""
    if not isinstance(grid, Mapping) or not grid:
        problems.append(f"grid: {grid!r}, must be a section with one entry per axis")
        return {}
    axes: dict[str, dict[str, Mapping[str, Any]]] = {}
    for axis, choices in grid.items():
        path = f"grid.{axis}"
        if not isinstance(choices, Mapping) or all(choice is None for choice in choices.values()):
            problems.append(f"{path}: {choices!r}, must be a section with one entry per choice")
            continue
        axes[str(axis)] = {}
        for slug, choice in choices.items():
            if not isinstance(slug, str) or not _SLUG.match(slug):
                problems.append(f"{path}.{slug}: the name must be lower case letters, digits and _")
            elif choice is not None and not isinstance(choice, Mapping):
                problems.append(f"{path}.{slug}: {choice!r}, must be a section of settings")
            elif choice is not None:
                axes[str(axis)][slug] = choice
    return axes
