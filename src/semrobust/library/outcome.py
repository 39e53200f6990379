"""What came out of an attack or a clean measurement: numbers of each image, their summary, and a few lines to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
import torch

from semrobust.library import arguments, defaults
from semrobust.phy.power import power_per_use, psr_db
from semrobust.tables import attack_power, clean
from semrobust.tables.rows import emptied
from semrobust.tables.statistics import Bootstrap
from semrobust.tables.table import Row


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class _Outcome:
    """Rows of images at one or several SNRs."""

    system: str
    real_uses: int
    seed: int
    snr_db: float | tuple[float, ...]
    rows: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """One row per SNR (rising) and image, a copy."""
        return self.rows.copy()

    @property
    def n_images(self) -> int:
        """How many images."""
        return len(self._groups()[0][1])

    def _groups(self) -> list[tuple[float, pd.DataFrame]]:
        """SNRs as they were asked for, each with its rows."""
        return [(snr, self.rows[self.rows["snr_db"] == snr]) for snr in arguments.each(self.snr_db)]

    def _of(self, column: str) -> torch.Tensor:
        values = torch.stack([torch.from_numpy(group[column].to_numpy().copy()) for _, group in self._groups()])
        return values if isinstance(self.snr_db, tuple) else values[0]

    @cached_property
    def _resampled(self) -> Callable[[int], Bootstrap]:
        samples = defaults.params().evaluation.bootstrap_samples
        return cache(lambda images: Bootstrap(images, samples, self.seed))

    def _rows(self) -> Iterator[Row]:
        """One row per SNR."""
        raise NotImplementedError

    def summary(self) -> pd.DataFrame:
        """One row per SNR: means with the ends of their 95% bootstrap intervals over images, as the tables have them.

        Columns of an attack are those of attack_power.csv, without an attacker those of clean.csv.
        """
        return pd.DataFrame([emptied(row) for row in self._rows()])


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class AttackOutcome(_Outcome):
    """What an attack found. Powers are of the smallest vector that breaks the image; where `success` is False they are
    of the strongest one tried, so the image needs more.

    Values per image are tensors on the CPU: (B,) where `snr_db` was a number, (S,B) where it was several, as asked.

    Attributes:
        system, attack: names.
        real_uses: N; the signal has ||z||² = N.
        snr_db: what was asked for.
        success_psnr_db: an attack succeeds at a PSNR of at most this.
        seed: root of all randomness.
        vectors: the vectors s, float32 (B,N) or (S,B,N), on the device of the images.
        rows: one row per SNR and image; `to_frame` has more columns.

    >>> import semrobust
    >>> chain = semrobust.chain("jpeg", modulation="16qam")
    >>> outcome = semrobust.attack(chain, semrobust.example_images(8), snr_db=[8, 12], attack="pulse_jamming")
    >>> outcome.success.shape, outcome.vectors.shape, outcome.snr_db
    (torch.Size([2, 8]), torch.Size([2, 8, 768]), (8.0, 12.0))
    >>> len(outcome.to_frame()), len(outcome.summary())
    (16, 2)
    >>> outcome
    pulse_jamming on jpeg_ldpc_16qam: 8 images, N = 768 real channel uses, broken at PSNR <= 15 dB
      8 dB: ...
      12 dB: ...
    """

    attack: str
    success_psnr_db: float
    vectors: torch.Tensor

    @property
    def success(self) -> torch.Tensor:
        """Which images were broken, bool."""
        return self._of("success")

    @property
    def power_total(self) -> torch.Tensor:
        """||s||², float64."""
        return self._of("power_total")

    @property
    def power_per_use(self) -> torch.Tensor:
        """||s||²/N."""
        return self.power_total / self.real_uses

    @property
    def psr_db(self) -> torch.Tensor:
        """10 log10(||s||²/||z||²) in dB, with ||z||² = N; -inf where no attack was needed."""
        return 10.0 * self.power_per_use.log10()

    @property
    def psnr_db(self) -> torch.Tensor:
        """PSNR under the vector, dB."""
        return self._of("psnr_db")

    @property
    def clean_psnr_db(self) -> torch.Tensor:
        """PSNR over the same noise without it, dB."""
        return self._of("clean_psnr_db")

    @property
    def vanished(self) -> torch.Tensor:
        """1 where the gradient that the attack follows is exactly 0 at what is received; NaN if it follows none."""
        return self._of("vanished")

    def to_frame(self) -> pd.DataFrame:
        """One row per SNR and image: all of the above but the vectors, in columns of these names, beside `breakable`
        (mid-grey in place of the image would be broken), `infeasible` (it does not fit the bit budget) and `steps`."""
        power = self.rows["power_total"]
        frame = super().to_frame()
        place = frame.columns.get_loc("power_total")
        assert isinstance(place, int)
        frame.insert(place + 1, "power_per_use", power / self.real_uses)
        with np.errstate(divide="ignore"):
            frame.insert(place + 2, "psr_db", 10.0 * np.log10(power / self.real_uses))
        return frame

    def _rows(self) -> Iterator[Row]:
        for snr_db, group in self._groups():
            row = {"system": self.system, "attack": self.attack, "snr_db": snr_db, "n_images": self.n_images}
            yield row | attack_power.summary(group, self.real_uses, self._resampled)

    def __repr__(self) -> str:
        on = f"{self.attack} on {self.system}: {self.n_images} images, N = {self.real_uses} real channel uses"
        lines = [f"{on}, broken at PSNR <= {self.success_psnr_db:g} dB"]
        for (snr_db, group), row in zip(self._groups(), self._rows(), strict=True):
            lines.append(f"  {snr_db:g} dB: {self._said(group, row)}")
            lines += [f"    {note}" for note in _notes(group, row)]
        return "\n".join(lines)

    def _said(self, group: pd.DataFrame, row: Row) -> str:
        if row["status"] == "infeasible":
            return "no image fits the bit budget, so none is sent"
        power, most = row["power_total_mean"], group["power_total"].max()
        if not row["success_rate"]:
            over = psr_db(most, self.real_uses)
            return f"0% within the powers tried: up to ||s||² = {most:.4g} ({over:.1f} dB against the signal)"
        broken, quality = f"{row['success_rate']:.0%} broken", f"{group['psnr_db'].mean():.1f} dB"
        quality = f"PSNR {group['clean_psnr_db'].mean():.1f} -> {quality}"
        if row["n_censored"]:  # nobody knows what the others need, so there is no mean
            half = f"median ||s||² = {row['power_total_median']:.4g}"
            return f"{broken} within the powers tried, {half}, up to {most:.4g} tried; {quality}"
        low, high = row["power_total_low"], row["power_total_high"]
        return (
            f"{broken}, mean ||s||² = {power:.4g} [{low:.4g}, {high:.4g}], "
            f"{power_per_use(power, self.real_uses):.3g} per use, {psr_db(power, self.real_uses):.1f} dB; {quality}"
        )


def _notes(group: pd.DataFrame, row: Row) -> Iterator[str]:
    """What a number alone would hide."""
    if (spared := 1 - row["breakable_rate"]) and 0 < row["success_rate"] < 1:
        rest = row["breakable_power_mean"]
        over = "" if np.isnan(rest) else f"; over the others the mean is ||s||² = {rest:.4g}"
        yield f"mid-grey in place of the image would not break {spared:.0%}, so no failed decode does{over}"
    alone = (group["success"] & (group["power_total"] == 0) & ~group["infeasible"].astype(bool)).mean()
    if alone:
        yield f"{alone:.0%} are broken by the channel's noise alone, and count with power 0"
    if (vanished := group["vanished"].mean()) > 0:
        yield (
            f"the gradient vanished for {vanished:.0%}: there the attack is blind, and its failure says nothing about "
            "the receiver"
        )
    if infeasible := group["infeasible"].mean():
        yield f"{infeasible:.0%} do not fit the bit budget"


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class CleanOutcome(_Outcome):
    """The quality of images without an attacker. Values per image as those of `AttackOutcome`.

    Attributes:
        system: name.
        real_uses: N.
        snr_db: what was asked for.
        seed: root of the channel's noise.
        rows: one row per SNR and image.

    >>> import semrobust
    >>> quality = semrobust.evaluate(semrobust.chain("jpeg"), semrobust.example_images(8), snr_db=10)
    >>> quality
    jpeg_ldpc_qpsk without an attacker: 8 images, N = 768 real channel uses
      10 dB: PSNR ... [..., ...] dB, SSIM ..., ...% not decoded
    >>> quality.summary()[["psnr_db_low", "psnr_db_high"]].shape
    (1, 2)
    """

    @property
    def psnr_db(self) -> torch.Tensor:
        """PSNR in dB, float64; an image that is not there counts as mid-grey."""
        return self._of("psnr_db")

    @property
    def ssim(self) -> torch.Tensor:
        """Structural similarity, float64."""
        return self._of("ssim")

    @property
    def failed(self) -> torch.Tensor:
        """1 where the receiver knows that it has no image, else 0."""
        return self._of("failed")

    def _rows(self) -> Iterator[Row]:
        for snr_db, group in self._groups():
            row = {"system": self.system, "snr_db": snr_db, "n_images": self.n_images}
            yield row | clean.summary(group, self._resampled)

    def __repr__(self) -> str:
        lines = [f"{self.system} without an attacker: {self.n_images} images, N = {self.real_uses} real channel uses"]
        for row in self._rows():
            said = (
                "no image fits the bit budget, so none is sent"
                if row["status"] == "infeasible"
                else f"PSNR {row['psnr_db']:.2f} [{row['psnr_db_low']:.2f}, {row['psnr_db_high']:.2f}] dB, "
                f"SSIM {row['ssim']:.3f}, {row['decode_failure_rate']:.1%} not decoded"
            )
            lines.append(f"  {row['snr_db']:g} dB: {said}")
        return "\n".join(lines)
