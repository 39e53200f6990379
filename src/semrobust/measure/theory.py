"""What theory says of every attacked image: slopes of a differentiable receiver, decision boundaries of a coded one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from semrobust.attacks.base import Target
from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.words import words_of
from semrobust.config.params import Params
from semrobust.config.settings import LEVELS
from semrobust.data.splits import load_split
from semrobust.measure.attack import aim
from semrobust.measure.slopes import slopes
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore
from semrobust.theory.boundary import codeword_power, stopping_power
from semrobust.theory.certificates import certificate
from semrobust.theory.jacobian import steepest_on_path

Columns = dict[str, npt.NDArray[np.float64]]
_EMPTY = ("certified", "spectral", "converged", "frobenius_squared", "path", "codeword_power", "stopping_power")


def run(params: Params, name: str, command: list[str]) -> None:
    """Write one row per SNR and attacked image: clean distortion, slopes or boundary distances; NaN where unknown.

    Columns: `clean_mse` D₀ per value, of this transmission; `certified` G, `spectral` and `converged` (0 or 1), the
    local norm at what is received; `frobenius_squared` there; `path`, the steepest piece of the way to the weakest
    successful attack; `codeword_power` and `stopping_power`, see `theory.boundary`.
    """
    layout = Layout(params.run)
    making = Making(jobs.limits(params, name), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    weakest = _weakest(params, name, making)
    test = load_split(dataset.parent, "test").images[: params.evaluation.attack_images]
    structure = None
    if "soft_bits" in system.capabilities:
        structure = stored.load(params, params.same_code(name), making)
    constant = certificate(system)
    batch, parts = params.evaluation.batch, []
    for start in range(0, len(test), batch):
        images = torch.from_numpy(test[start : start + batch].copy()).float() / LEVELS
        sent = system.encode(images)
        for snr_db in tqdm(params.link.snr_db, desc=f"limits of {name}", disable=None):
            target = aim(params, system, images, sent, start, snr_db, structure)
            numbers = {"image": range(start, start + len(images)), "snr_db": snr_db}
            columns = dict.fromkeys(_EMPTY, np.full(len(images), np.nan))
            columns["clean_mse"] = target.distortion(torch.zeros_like(target.received)).double().numpy()
            if "gradient" in system.capabilities:
                columns |= slopes(params, target, start, snr_db)
                columns["path"] = _path(params, target, weakest[snr_db][start : start + batch])
            if structure is not None:
                columns |= _boundaries(target)
            if constant is not None:
                columns["certified"] = np.full(len(images), constant.value)
            parts.append(pd.DataFrame(numbers | columns))
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    output = layout.limits(name)
    with files.replacing(output) as temporary:
        table.to_parquet(temporary, index=False)
    making.finish(output, [output], {"certificate": constant.method} if constant else {})


def _weakest(params: Params, name: str, making: Making) -> dict[float, torch.Tensor]:
    """By SNR, per image the successful perturbation of least power over all attacks on the system; NaN without any."""
    layout = Layout(params.run)
    least: dict[float, torch.Tensor] = {}
    vectors: dict[float, torch.Tensor] = {}
    for system, attack in params.pairs():
        if system != name:
            continue
        path = making.uses(layout.attack(system, attack), jobs.attack(params, system, attack))
        table, found = pd.read_parquet(path), load_file(layout.perturbations(system, attack))
        for snr_db in params.link.snr_db:
            rows = table[table["snr_db"] == snr_db].sort_values("image")
            power = torch.from_numpy(np.where(rows["success"], rows["power_total"], np.inf))
            tried = found[f"snr_db={snr_db:g}"]
            before = least.get(snr_db, torch.full_like(power, torch.inf))
            kept = vectors.get(snr_db, torch.full_like(tried, torch.nan))
            vectors[snr_db] = torch.where((power < before)[:, None], tried, kept)
            least[snr_db] = torch.minimum(power, before)
    return vectors


def _path(params: Params, target: Target, weakest: torch.Tensor) -> npt.NDArray[np.float64]:
    """The steepest piece of the way to `weakest` (B, N), NaN where no attack succeeded."""

    def decode(received: torch.Tensor) -> torch.Tensor:
        return target.system.decode_differentiably(received, target.noise_variance)

    known = ~weakest.isnan().any(dim=1)
    path = torch.full((len(target),), torch.nan, dtype=torch.float64)
    path[known] = steepest_on_path(decode, target.received[known], weakest[known], params.theory.path_points)
    return np.asarray(path.numpy())


def _boundaries(target: Target) -> Columns:
    """The cheapest block of each image; NaN where the code has no such set, or the image does not fit."""
    words, images = words_of(target), len(target)
    feasible = target.sent.feasible.numpy()

    def cheapest(powers: torch.Tensor) -> npt.NDArray[np.float64]:
        least = powers.reshape(images, -1).min(dim=1).values.numpy()
        return np.where(feasible & np.isfinite(least), least, np.nan)

    return {"codeword_power": cheapest(codeword_power(words)), "stopping_power": cheapest(stopping_power(words))}
