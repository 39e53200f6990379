"""Budgets of all systems, computed from real shapes rather than from formulas in a text."""

from __future__ import annotations

import math

import torch

from semrobust.codecs.base import SIZE
from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.phy.power import bandwidth_ratio, channel_bandwidth_ratio
from semrobust.pipeline import seeds
from semrobust.systems.base import Fitted, System
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw

_HEADER = ("system", "real uses", "symbols", "CBR", "bandwidth ratio", "coded bits", "message bits", "source bytes")


def rows(params: Params) -> list[tuple[str, ...]]:
    """One row per system: its real codeword's length and what that carries; `-` where there are no bits.

    A system whose codewords are as long as the image asks for has a row of `by image`: `overhead.csv` has its mean. One
    that sends nothing over the air has none.
    """
    table = []
    for name, settings in params.systems.items():
        kind = SYSTEMS[settings.kind]
        assert issubclass(kind, System)
        if kind.task == "pretraining":
            continue
        system = kind.create(settings, params.link_of(name).real_uses, seeds.integer(params.seed, "create", name))
        if isinstance(system, ClassifyingSystem):
            table += _recognition(name, system, params.seed)
            continue
        sample = torch.full((1, system.source.planes, *SIZE), 0.5)
        if isinstance(system, Fitted):  # to anything: its budget does not depend on the data
            system.fit(torch.rand(8, *sample.shape[1:], generator=torch.Generator().manual_seed(0)))
        uses, values = system.send(sample).codewords.shape[1], sample.numel()
        bits = system.budget()
        numbers = [bits[key] for key in ("coded_bits", "information_bits", "payload_bytes")]
        ratios = (f"{channel_bandwidth_ratio(uses, values):.4f}", f"{bandwidth_ratio(uses, values):.4f}")
        table.append(
            (name, str(uses), str(uses // 2), *ratios, *("-" if value is None else str(value) for value in numbers))
        )
    return table


def _recognition(name: str, system: ClassifyingSystem, root_seed: int) -> list[tuple[str, ...]]:
    """The row of a classifying system, if it sends anything."""
    numbers = torch.arange(2)
    noisy = torch.from_numpy(seeds.generator(root_seed, "budget").random((3, 32, 32), dtype="float32"))
    overhead = system.overhead(torch.stack([torch.full((3, 32, 32), 0.5), noisy]), Draw(root_seed, numbers))
    if overhead is None:
        return []
    symbols, bits = overhead.symbols.tolist(), overhead.bits.tolist()
    if symbols[0] != symbols[1]:
        return [(name, *["by image"] * (len(_HEADER) - 1))]
    uses = int(2 * symbols[0])
    ratios = (f"{channel_bandwidth_ratio(uses):.4f}", f"{bandwidth_ratio(uses):.4f}")
    coded = "-" if system.code is None else str(system.code.n)
    message = "-" if math.isnan(bits[0]) else f"{bits[0]:.0f}"
    return [(name, str(uses), str(uses // 2), *ratios, coded, message, "-")]


def table(params: Params) -> str:
    """The budgets as aligned text."""
    lines = [_HEADER, *rows(params)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)
