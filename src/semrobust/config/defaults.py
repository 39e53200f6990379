"""Defaults: what systems, attacks or semantic noise of some kinds share is said once, and an entry says what differs.

    defaults:
      systems:
        chains: { kinds: [hevc_ldpc, jpeg_ldpc], blocks: 1, decoder: { rule: sum-product, iterations: 50 } }
        vit: { patch: 4 } # without `kinds` the name is the kind

Groups hold in their order, the later over the earlier, and each entry over all of them, key by key as an overlay does.
An entry's null is null. They hold for a system inside another one too (the `chain` of a `chain_vit`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from semrobust.config.overlay import merge
from semrobust.config.problems import Problem, problems_of, show
from semrobust.config.settings import Plain, Settings


class Defaults:
    """The groups of one section, by the kinds that they are for.

    Parameters: `path` names the section in messages, `settings` are those of every kind that there is. `problems` holds
    what is wrong with the groups themselves.
    """

    def __init__(self, groups: Any, path: str, settings: Mapping[str, type[Settings]]) -> None:
        self.problems: list[str] = []
        self._of: dict[str, Plain] = {}
        self._wrong: set[tuple[str, Problem]] = set()
        if not isinstance(groups, Mapping):
            self.problems.append(f"{path}: {show(groups)}, must be a section with one entry per group of kinds")
            return
        for name, group in groups.items():
            if group is not None:
                self._add(f"{path}.{name}", name, group, settings)

    def _add(self, path: str, name: Any, group: Any, settings: Mapping[str, type[Settings]]) -> None:
        if not isinstance(group, Mapping):
            self.problems.append(f"{path}: {show(group)}, must be a section of settings")
            return
        kinds = group.get("kinds", [name])
        if not isinstance(kinds, list) or not kinds or not all(kind in list(settings) for kind in kinds):
            where = f"{path}.kinds" if "kinds" in group else path
            self.problems.append(f"{where}: {show(kinds)}, must be of {', '.join(settings)}")
            return
        if "kind" in group:
            self.problems.append(f"{path}.kind: {show(group['kind'])}, unknown key: an entry says its kind")
        shared = {key: value for key, value in group.items() if key not in ("kind", "kinds")}
        refused: dict[Problem, list[str]] = {}
        for kind in kinds:
            self._of[kind] = merge(self._of.get(kind, {}), shared)
            for problem in problems_of(settings[kind], shared | {"kind": kind}):
                if not problem.missing:
                    refused.setdefault(problem, []).append(kind)
                    self._wrong.add((kind, problem))
        for problem, of in refused.items():
            which = "" if len(of) == len(kinds) else f" for kind {' and '.join(of)}"
            self.problems.append(problem.below(path) + which)

    def under(self, entry: Mapping[str, Any]) -> Plain:
        """The entry over the defaults of its kind."""
        kind = entry.get("kind")
        whole = merge(self._of.get(kind, {}), entry) if isinstance(kind, str) else dict(entry)
        return {key: self.under(value) if isinstance(value, Mapping) else value for key, value in whole.items()}

    def blamed(self, kind: str, problem: Problem) -> bool:
        """Whether what is wrong with an entry is wrong with the defaults of its kind, where it was reported."""
        inside = f".{kind}.{problem.path}"  # the path in an entry; one inside it is named by its kind there too
        return any(
            replace(problem, path="") == replace(wrong, path="") and inside.endswith(f".{of}.{wrong.path}")
            for of, wrong in self._wrong
        )
