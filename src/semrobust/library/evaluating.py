"""The quality of images without an attacker, on any transceiver."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from semrobust.library import arguments, defaults
from semrobust.library.outcome import CleanOutcome
from semrobust.measure.clean import measure
from semrobust.systems.base import System


def evaluate(
    transceiver: System,
    images: torch.Tensor,
    snr_db: float | Sequence[float],
    *,
    seed: int | None = None,
    batch: int | None = None,
) -> CleanOutcome:
    """Send images over AWGN without an attacker, and measure what the receiver reconstructs.

    Arguments as those of `attack`; an image meets the same noise here and there. Raises UsageError and ResultError as
    it does.

    >>> import semrobust
    >>> quality = semrobust.evaluate(semrobust.chain("jpeg"), semrobust.example_images(4), snr_db=[5, 10])
    >>> quality.psnr_db.shape
    torch.Size([2, 4])
    >>> list(quality.to_frame().columns)
    ['image', 'snr_db', 'psnr_db', 'ssim', 'block_error', 'failed', 'infeasible']
    """
    system, pictures = arguments.transceiver(transceiver), arguments.images(images)
    asked, params = arguments.snr_db(snr_db), defaults.params()
    snrs = arguments.each(asked)
    root = arguments.whole("seed", seed, params.seed, least=0)
    arguments.checked(system, pictures, snrs[0], gradient=False)
    batches = torch.split(torch.arange(len(pictures)), arguments.whole("batch", batch, params.evaluation.batch))
    parts = [measure(system, pictures[numbers], int(numbers[0]), snrs, root) for numbers in batches]
    return CleanOutcome(
        system=system.name or system.settings.kind,
        real_uses=system.real_uses,
        seed=root,
        snr_db=asked,
        rows=pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True),
    )
