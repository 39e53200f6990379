"""Short cycles, trapping sets and low-weight codewords of the LDPC code of one system."""

from __future__ import annotations

from dataclasses import asdict

from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.config.params import Params
from semrobust.phy.ldpc import LdpcCode
from semrobust.pipeline import jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore


def run(params: Params, system: str, command: list[str]) -> None:
    """Analyse the code of `system`; write the sets, and into the record how many there are and what was searched."""
    making = Making(jobs.structure(params, system), command)
    code = getattr(restore(params, system, making), "code", None)
    assert isinstance(code, LdpcCode), f"{system} offers soft bits but has no code"
    structure = analyse(code, params.structure, seeds.integer(params.seed, "structure", system))
    output = Layout(params.run).structure(system)
    stored.save(structure, output)
    summary = {
        "girth": structure.girth,
        "sets": len(structure.sets),
        "spectrum": [asdict(tally) for tally in structure.spectrum],
        "scope": structure.scope,
    }
    making.finish(output, [output], summary)
