"""The classical chain: exactly the best JPEG when the channel is good, exactly mid-grey when it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from semrobust.codecs.jpeg import Jpeg
from semrobust.config.params import Params
from semrobust.phy import mapping
from semrobust.systems.base import GREY, Sent
from semrobust.systems.checkpoint import save
from semrobust.systems.jpeg_ldpc import JpegLdpcSystem
from tests.systems.conftest import USES, classical_settings

QUIET = 1e-2
"""Noise variance that the receiver is told when there is none."""


def is_grey(image: torch.Tensor) -> bool:
    return bool((image == GREY).all())


def on_air(system: JpegLdpcSystem, message: torch.Tensor) -> torch.Tensor:
    """Codewords of messages that the encoder would never send."""
    return mapping.map_bits(system.code.encode(message), system.modulation)


def best_jpeg(image: torch.Tensor, budget: int) -> torch.Tensor:
    """The picture of the highest quality that fits, by trying all."""
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    for quality in range(100, 0, -1):
        sent = Jpeg("4:2:0").encode(pixels, quality)
        if len(sent) <= budget:
            shown = Jpeg("4:2:0").decode(sent, quality)
            assert shown is not None
            return torch.from_numpy(shown.copy()).permute(2, 0, 1).float() / 255
    raise AssertionError("nothing fits")


@pytest.mark.parametrize(("name", "budget"), [("qpsk", 44), ("qam16", 92)])
def test_without_noise_the_best_jpeg_is_shown(
    name: str, budget: int, images: torch.Tensor, request: pytest.FixtureRequest
) -> None:
    system: JpegLdpcSystem = request.getfixturevalue(name)
    sent = system.encode(images)
    decoded = system.decode(sent.codewords, QUIET)
    assert sent.feasible.all()
    assert not decoded.failed.any()
    assert sent.message is not None
    assert decoded.message is not None
    assert torch.equal(decoded.message, sent.message)
    for image, shown in zip(images, decoded.images, strict=True):
        assert torch.equal(shown, best_jpeg(image, budget))


def test_shapes_of_what_is_sent(qpsk: JpegLdpcSystem, qam16: JpegLdpcSystem, images: torch.Tensor) -> None:
    for system, per_use in ((qpsk, 1), (qam16, 2)):
        sent = system.encode(images)
        assert sent.bits is not None
        assert sent.message is not None
        assert sent.codewords.shape == (20, USES)
        assert sent.codewords.dtype == torch.float32
        assert sent.bits.shape == (20, USES * per_use)
        assert sent.message.shape == (20, system.code.k)
        assert torch.equal(sent.codewords, mapping.map_bits(sent.bits, system.modulation))
        assert torch.equal(sent.bits, system.code.encode(sent.message))
        signs = system.llr(sent.codewords, QUIET) < 0
        assert torch.equal(signs, sent.bits.bool())  # LLR > 0 means bit 0


def test_an_image_that_does_not_fit_is_marked_and_shown_as_grey(
    qpsk: JpegLdpcSystem, images: torch.Tensor, noisy_image: torch.Tensor
) -> None:
    batch = torch.cat([images[:2], noisy_image, images[2:4]])
    sent = qpsk.encode(batch)
    assert sent.feasible.tolist() == [True, True, False, True, True]
    decoded = qpsk.decode(sent.codewords, QUIET)
    assert decoded.failed.tolist() == [False, False, True, False, False]
    assert is_grey(decoded.images[2])
    # the neighbours are those of a batch without it
    alone = qpsk.decode(qpsk.encode(images[:4]).codewords, QUIET).images
    assert torch.equal(decoded.images[[0, 1, 3, 4]], alone)


def test_headers_alone_break_the_budget(full_stream: JpegLdpcSystem, images: torch.Tensor) -> None:
    sent = full_stream.encode(torch.cat([images, torch.zeros(1, 3, 32, 32)]))
    assert not sent.feasible.any()
    decoded = full_stream.decode(sent.codewords, QUIET)
    assert decoded.failed.all()
    assert is_grey(decoded.images)


def test_a_bad_channel_shows_grey(qpsk: JpegLdpcSystem, qam16: JpegLdpcSystem, images: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(5)
    for system in (qpsk, qam16):
        sent = system.encode(images)
        received = sent.codewords + 10.0 * torch.randn(sent.codewords.shape, generator=generator)
        decoded = system.decode(received, 100.0)
        assert decoded.failed.all()
        assert is_grey(decoded.images)
        assert decoded.message is not None
        assert sent.message is not None
        assert (decoded.message != sent.message).any(dim=1).all()


def test_a_good_channel_needs_the_code(qpsk: JpegLdpcSystem, images: torch.Tensor) -> None:
    """At 4 dB hard decisions of every codeword are wrong somewhere, and all images arrive."""
    generator = torch.Generator().manual_seed(6)
    sent = qpsk.encode(images)
    variance = 10**-0.4
    received = sent.codewords + variance**0.5 * torch.randn(sent.codewords.shape, generator=generator)
    assert ((received < 0) != (sent.codewords < 0)).any(dim=1).all()
    decoded = qpsk.decode(received, variance)
    assert not decoded.failed.any()
    assert torch.equal(decoded.images, qpsk.decode(sent.codewords, QUIET).images)


def test_a_failed_image_is_replaced_by_nothing_but_grey(qpsk: JpegLdpcSystem, images: torch.Tensor) -> None:
    sent = qpsk.encode(images[:3])
    assert sent.message is not None
    clean = qpsk.decode(sent.codewords, QUIET)
    message = sent.message.clone()
    message[1, 40] ^= 1  # a valid codeword of a frame whose checksum is wrong
    decoded = qpsk.decode(on_air(qpsk, message), QUIET)
    assert decoded.failed.tolist() == [False, True, False]
    assert is_grey(decoded.images[1])
    assert torch.equal(decoded.images[[0, 2]], clean.images[[0, 2]])
    assert decoded.message is not None
    assert torch.equal(decoded.message, message)


def test_a_sound_frame_with_a_broken_picture_shows_grey(full_stream: JpegLdpcSystem) -> None:
    frames = [full_stream.framing.pack(content) for content in (b"", b"no picture", bytes(90))]
    decoded = full_stream.decode(on_air(full_stream, torch.from_numpy(np.stack(frames))), QUIET)
    assert decoded.failed.all()
    assert is_grey(decoded.images)


def test_an_image_is_decoded_alike_in_every_batch(qam16: JpegLdpcSystem, images: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(7)
    received = qam16.encode(images).codewords + 0.48 * torch.randn((20, USES), generator=generator)
    together = qam16.decode(received, 0.48**2)
    assert 0 < together.failed.sum() < 20
    for index in (0, 7, 19):
        alone = qam16.decode(received[index : index + 1], 0.48**2)
        assert torch.equal(alone.images[0], together.images[index])
        assert alone.failed[0] == together.failed[index]


@pytest.mark.parametrize(("name", "budget"), [("qpsk", (768, 386, 44)), ("qam16", (1536, 770, 92))])
def test_budget_is_that_of_the_code(name: str, budget: tuple[int, int, int], request: pytest.FixtureRequest) -> None:
    system: JpegLdpcSystem = request.getfixturevalue(name)
    found = system.budget()
    assert (found["coded_bits"], found["information_bits"], found["payload_bytes"]) == budget
    assert (system.code.n, system.code.k, system.framing.capacity) == budget
    assert system.framing.with_quality
    assert system.real_uses == USES


def test_a_whole_file_carries_its_quality_itself(full_stream: JpegLdpcSystem) -> None:
    assert not full_stream.framing.with_quality
    assert full_stream.budget()["payload_bytes"] == 93


def power(sent: Sent) -> torch.Tensor:
    return sent.codewords.square().sum(1) / USES


def test_power_per_use_is_one(qpsk: JpegLdpcSystem, qam16: JpegLdpcSystem, images: torch.Tensor) -> None:
    assert torch.allclose(power(qpsk.encode(images)), torch.ones(20))
    generator = torch.Generator().manual_seed(8)
    message = torch.randint(0, 2, (200, qam16.code.k), generator=generator, dtype=torch.uint8)
    measured = on_air(qam16, message).square().sum(1) / USES
    # amplitudes² are 1/5 and 9/5: standard deviation 0.8 per use
    assert measured.mean().item() == pytest.approx(1.0, abs=5 * 0.8 / (200 * USES) ** 0.5)


def test_power_of_16qam_frames_of_images_is_nearly_one(qam16: JpegLdpcSystem, images: torch.Tensor) -> None:
    """Frames end in zeros, which would all go to inner levels if they were not scrambled."""
    measured = power(qam16.encode(images))
    assert measured.mean().item() == pytest.approx(1.0, abs=5 * 0.8 / (len(measured) * USES) ** 0.5)
    assert measured.min() > 0.8


def test_restored_from_its_state(qpsk: JpegLdpcSystem, params: Params, images: torch.Tensor, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    file = tmp_path / "qpsk.safetensors"
    save(qpsk, file)
    restored = JpegLdpcSystem.restore(classical_settings(params, "jpeg_ldpc_qpsk"), USES, load_file(file))
    assert restored.budget() == qpsk.budget()
    sent, again = qpsk.encode(images), restored.encode(images)
    assert torch.equal(sent.codewords, again.codewords)
    generator = torch.Generator().manual_seed(9)
    received = sent.codewords + 0.6 * torch.randn(sent.codewords.shape, generator=generator)
    assert torch.equal(qpsk.decode(received, 0.36).images, restored.decode(received, 0.36).images)
    state = restored.state()
    assert all(torch.equal(tensor, state[name]) for name, tensor in qpsk.state().items())


def test_the_params_draw_the_code_and_the_seed_does_not(params: Params) -> None:
    settings = classical_settings(params, "jpeg_ldpc_qpsk")
    redrawn = settings.model_copy(update={"code": settings.code.model_copy(update={"draw": 2})})
    first, again, other = (
        JpegLdpcSystem.create(chosen, 192, seed).state()
        for chosen, seed in ((settings, 1), (settings, 2**62 + 12345), (redrawn, 1))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["parity_check_indices"], other["parity_check_indices"])


def test_using_a_system_does_not_change_it_or_its_input(qpsk: JpegLdpcSystem, images: torch.Tensor) -> None:
    before = {name: tensor.clone() for name, tensor in qpsk.state().items()}
    originals = images.clone()
    first = qpsk.encode(images)
    codewords = first.codewords.clone()
    decoded = qpsk.decode(first.codewords, QUIET)
    decoded.images.zero_()  # what a caller does to the pictures must not reach the cache of decoded files
    assert torch.equal(first.codewords, codewords)
    assert torch.equal(images, originals)
    assert qpsk.decode(first.codewords, QUIET).images.max() > 0
    assert all(torch.equal(before[name], tensor) for name, tensor in qpsk.state().items())


def test_an_unsupported_wish_is_refused(qpsk: JpegLdpcSystem) -> None:
    with pytest.raises(NotImplementedError):
        qpsk.decode_differentiably(torch.zeros(1, USES), QUIET)
