"""Recover the LDPC code of SYSTEM from traffic, as an attacker who hears it does whom nobody tells the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from semrobust.attacks.code.recovery import NOT, recover
from semrobust.config.settings import Plain
from semrobust.phy import mapping
from semrobust.phy.channel import awgn
from semrobust.phy.ldpc import Bits, LdpcCode
from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


def settings(params: Params, _: str) -> Plain:
    return {"recovery": params.section("recovery"), "seed": params.seed}


def make(work: Work) -> None:
    """Write one row: what was heard, and what was found.

    `by` as in `attacks.code.recovery`; `dimension` of what the words span, k where none has an error; `known_rate`: the
    share of the true checks among the `checks` that were found, empty for a standard's code.
    """
    bits, given = restore(work.input("train")).soft_bits(), work.settings["recovery"]
    code, modulation = bits.decoder.code, bits.modulation
    own = seeds.integer(work.seed, "recovery", work.artifact.name)
    stream = seeds.generator(own, "words")
    sent = code.encode(stream.integers(2, size=(given["words"], code.k), dtype=np.uint8))
    symbols = mapping.map_bits(torch.from_numpy(sent), modulation)
    noise = torch.from_numpy(stream.standard_normal(tuple(symbols.shape), dtype=np.float32))
    received = awgn(symbols, given["snr_db"], noise)
    heard = (mapping.llr(received, noise_variance(given["snr_db"]), modulation) < 0).to(torch.uint8).numpy()
    found = recover(heard, given["batches"], own)
    row = {
        "words": len(sent),
        "heard_at_snr_db": given["snr_db"],
        "bit_error_rate": float((heard != sent).mean()),
        "recovered": found.by != NOT,
        "by": found.by,
        "dimension": found.dimension,
        "checks": len(found.checks),
        "known_rate": known(code, found.checks),
        "eliminations": found.eliminations,
    }
    with work.output() as path:
        pd.DataFrame([row]).to_parquet(path, index=False)


def known(code: LdpcCode, checks: Bits) -> float:
    """Share of the rows of H among `checks` (c, n); NaN without any, or where bits of the graph are not sent."""
    if not len(checks) or code.nodes > code.n:
        return float("nan")
    found = {row.tobytes() for row in checks}
    true = code.parity_check.toarray().astype(np.uint8)
    return float(np.mean([row.tobytes() in found for row in true]))


def says(artifact: Artifact) -> str:
    """Whether the code was recovered, and from how many words."""
    (row,) = pd.read_parquet(artifact.path()).to_dict("records")
    found = f"the code ({row['by']})" if row["recovered"] else "nothing"
    return f"{found} from {row['words']} words, {row['eliminations']} eliminations"


STEP = Step(
    kind="recovery",
    stage="samples",
    folder="samples/recovery",
    files=(".parquet",),
    names=lambda params: params.coded("image"),
    needs=lambda _, name: [("train", name)],
    settings=settings,
    versions=lambda *_: {"recovery": 1},
    make=make,
    says=says,
    minutes=5,
)
