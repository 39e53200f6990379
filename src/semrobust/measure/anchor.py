"""Measure how well channel states of one FORM arrive without a system: largest coefficients, best linear code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from semrobust.codecs.karhunen_loeve import KarhunenLoeve
from semrobust.codecs.top_k import approximated
from semrobust.config.settings import Plain
from semrobust.measure.images import TestImages, training_images
from semrobust.measure.names import LINEAR, top
from semrobust.phy.channel import channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.channel_state import ChannelStates
from semrobust.systems.distortion import mean_squared_error

if TYPE_CHECKING:
    from semrobust.config.params import Params

KEPT = (32, 64, 128)
"""Of 1024 coefficients."""


def settings(params: Params, name: str) -> Plain:
    return {
        "form": name,
        "real_uses": params.section("csi", "real_uses")[name],
        "snr_db": params.link.snr_db,
        "kept": list(KEPT),
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write one row per anchor, SNR and test sample, with the measures of `systems.channel_state`.

    Coefficients that arrive without a channel are the same at every SNR. The linear code is fitted to the training set.
    """
    torch.set_num_threads(work.threads)
    given = work.settings
    source = ChannelStates(given["form"])
    test = TestImages.of(work, source=source).images
    parts: list[pd.DataFrame] = []

    def measured(anchor: str, shown: torch.Tensor, snr_db: list[float]) -> None:
        found = source.measures(shown, test, mean_squared_error(shown, test))
        columns = {name: values.double().numpy() for name, values in found.items()}
        parts.extend(
            pd.DataFrame({"image": range(len(test)), "snr_db": snr, "anchor": anchor, **columns}) for snr in snr_db
        )

    coefficients = (test - source.zero).flatten(2).numpy()
    for kept in given["kept"]:
        largest = torch.from_numpy(approximated(coefficients, kept)).reshape(test.shape) + source.zero
        measured(top(kept), largest, given["snr_db"])
    train = training_images(work, None, source).flatten(1).double().numpy()
    code = KarhunenLoeve.fitted(train, given["real_uses"])
    for snr in given["snr_db"]:
        noise = channel_noise(work.seed, snr, 0, len(test), given["real_uses"]).double().numpy()
        shown = code.transmitted(test.flatten(1).double().numpy(), noise, noise_variance(snr))
        measured(LINEAR, torch.from_numpy(shown.astype(np.float32)).reshape(test.shape), [snr])
    with work.output() as path:
        pd.concat(parts, ignore_index=True).to_parquet(path, index=False)


STEP = Step(
    kind="anchor",
    stage="samples",
    folder="samples/anchor",
    files=(".parquet",),
    names=lambda params: dict.fromkeys(params.forms().values()),
    needs=lambda params, _: [("dataset", params.csi.source)],
    settings=settings,
    versions=lambda *_: {"anchor": 1},
    make=make,
    minutes=15,
)
