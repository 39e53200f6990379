"""Spoofing: towards another picture's codeword, whatever mid-grey would do to the image."""

from __future__ import annotations

from functools import cache

import torch

from semrobust.attacks.base import AttackResult, Target
from semrobust.attacks.search import attacked
from semrobust.phy.power import noise_variance
from semrobust.systems.base import grey_images
from semrobust.systems.distortion import mean_squared_error
from tests.attacks.samples import aimed, attack, normal, part, pictures, small_jpeg

IMAGES, SNR_DB = 10, 8.0


@cache
def target() -> Target:
    """Photo patches, the last three faded so that a failed decode does not break them."""
    system, images = small_jpeg(), pictures(IMAGES, 807)
    images[-3:] = 0.5 + 0.2 * (images[-3:] - 0.5)
    noise = noise_variance(SNR_DB) ** 0.5 * normal(IMAGES, system.real_uses, seed=9)
    return aimed(system, images, noise, 10**-1.5, noise_variance(SNR_DB))


@cache
def result() -> AttackResult:
    return attack("spoofing").run(target())


def test_no_image_is_unbreakable() -> None:
    aim, found = target(), result()
    grey = mean_squared_error(grey_images(IMAGES), aim.images) >= aim.threshold
    assert not grey[-3:].any()
    assert found.success.all()
    decoded = aim.system.decode(aim.received + found.perturbation, aim.noise_variance)
    assert torch.equal(mean_squared_error(decoded.images, aim.images), found.mse)
    assert (found.mse >= aim.threshold).all()
    assert not decoded.failed[~grey].any(), "the receiver takes the other picture for the one sent"


def test_every_vector_lies_on_the_line_to_another_codeword() -> None:
    aim, found = target(), result()
    lines = aim.sent.codewords[None] - aim.received[:, None]
    along = (found.perturbation[:, None] * lines).sum(dim=2) / lines.square().sum(dim=2)
    missed = (along[:, :, None] * lines - found.perturbation[:, None]).norm(dim=2)
    nearest = missed.argmin(dim=1)
    rows = torch.arange(IMAGES)
    assert (missed[rows, nearest] < 1e-3).all()
    assert (nearest != rows).all()
    assert ((along[rows, nearest] > 0) & (along[rows, nearest] < 1)).all()


def test_more_targets_never_need_more_power() -> None:
    one = attack("spoofing", targets=1).run(target())
    assert (result().power_total <= one.power_total).all()
    assert (result().power_total < one.power_total).any()


def test_results_do_not_depend_on_where_batches_end() -> None:
    parts = [part(target(), rows) for rows in torch.split(torch.arange(IMAGES), 4)]
    found = list(attack("spoofing").run_all(parts))
    assert torch.equal(torch.cat([each.perturbation for each in found]), result().perturbation)
    assert torch.equal(torch.cat([each.mse for each in found]), result().mse)


def test_an_image_alone_has_no_other_picture_and_withstands_what_jobs_try_then() -> None:
    (found,) = attacked(attack("spoofing"), [part(target(), torch.tensor([IMAGES - 1]))])
    assert not found.success.any()
    assert found.power_total > target().system.real_uses
