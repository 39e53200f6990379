"""Budgets of all systems, computed from real shapes rather than from formulas in a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semrobust.core import seeds
from semrobust.core.lazy import LazyModule
from semrobust.core.params import Params
from semrobust.core.registry import SYSTEMS
from semrobust.phy.power import bandwidth_ratio, channel_bandwidth_ratio
from semrobust.systems.base import System

if TYPE_CHECKING:
    import torch
else:
    torch = LazyModule("torch")

_HEADER = ("system", "real uses", "symbols", "CBR", "bandwidth ratio", "coded bits", "message bits", "source bytes")


def rows(params: Params) -> list[tuple[str, ...]]:
    """One row per system: its real codeword's length and what that carries; `-` where there are no bits."""
    table = []
    for name, settings in params.systems.items():
        kind = SYSTEMS[settings.kind]
        assert issubclass(kind, System)
        system = kind.create(settings, params.link.real_uses, seeds.integer(params.seed, "create", name))
        uses = system.encode(torch.full((1, 3, 32, 32), 0.5)).codewords.shape[1]
        bits = system.budget()
        numbers = [bits[key] for key in ("coded_bits", "information_bits", "payload_bytes")]
        ratios = (f"{channel_bandwidth_ratio(uses):.4f}", f"{bandwidth_ratio(uses):.4f}")
        table.append(
            (name, str(uses), str(uses // 2), *ratios, *("-" if value is None else str(value) for value in numbers))
        )
    return table


def table(params: Params) -> str:
    """The budgets as aligned text."""
    lines = [_HEADER, *rows(params)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)
