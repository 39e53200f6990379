"""What all classical chains share: blocks, code families, decoder rules, and a frame that crosses block borders."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from semrobust.codecs.base import SIZE
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings
from semrobust.phy import mapping
from semrobust.phy.air import Air
from semrobust.phy.alist import write_alist
from semrobust.phy.fading import Fading
from semrobust.phy.tanner import tanner_matrix
from semrobust.systems.base import GREY
from semrobust.systems.classical import ClassicalSettings, ClassicalSystem
from semrobust.systems.draw import BatchDraw
from semrobust.systems.hevc_ldpc import HevcLdpcSystem
from semrobust.systems.jpeg_ldpc import JpegLdpcSystem
from semrobust.systems.over_air import decode_over

USES = 384
QUIET = 1e-2
REGULAR = {"family": "regular", "column_weight": 3, "row_weight": 6, "draw": 0}
SUM_PRODUCT = {"rule": "sum-product", "iterations": 20}
ENTRY: dict[str, Any] = {
    "kind": "hevc_ldpc", "label": "a chain", "stream": "payload", "subsampling": "4:2:0", "modulation": "16qam",
    "code": REGULAR, "blocks": 1, "decoder": SUM_PRODUCT,
}  # fmt: skip


def chain(uses: int = USES, **changes: Any) -> ClassicalSystem:
    """A fresh chain with some settings changed."""
    entry = ENTRY | changes
    kind = SYSTEMS[entry["kind"]]
    assert issubclass(kind, ClassicalSystem)
    settings = kind.parse(entry)
    assert isinstance(settings, ClassicalSettings)
    assert not settings.problems(LinkSettings(real_uses=uses, snr_db=[0.0]))
    return kind.create(settings, uses, 7)


def problems(uses: int = USES, **changes: Any) -> list[str]:
    settings = HevcLdpcSystem.Settings.model_validate(ENTRY | changes)
    return settings.problems(LinkSettings(real_uses=uses, snr_db=[0.0]))


@pytest.mark.parametrize("kind", ["hevc_ldpc", "jpeg_ldpc"])
def test_without_noise_the_best_picture_of_the_codec_is_shown(kind: str, images: torch.Tensor) -> None:
    system = chain(kind=kind, blocks=2)
    sent = system.encode(images)
    decoded = system.decode(sent.codewords, QUIET)
    pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    best = system.codec.encode_batch_within(pixels, system.framing.capacity)
    assert sent.feasible.tolist() == [fit is not None for fit in best]
    assert torch.equal(decoded.failed, ~sent.feasible)
    for fit, shown in zip(best, decoded.images, strict=True):
        expected = None if fit is None else system.codec.decode(fit[1], fit[0])
        if expected is None:
            assert (shown == GREY).all()
        else:
            assert torch.equal(shown, torch.from_numpy(expected.copy()).permute(2, 0, 1).float() / 255)


def test_the_codecs_are_those_of_the_kinds() -> None:
    assert (HevcLdpcSystem.codec_name, JpegLdpcSystem.codec_name) == ("hevc", "jpeg")
    for kind, name in (("hevc_ldpc", "Hevc"), ("jpeg_ldpc", "Jpeg")):
        system = chain(kind=kind, stream="full", subsampling="4:4:4")
        assert repr(system.codec) == f"{name}(subsampling='4:4:4', stream='full', size=(32, 32))"
        assert not system.framing.with_quality


@pytest.mark.parametrize("modulation", ["qpsk", "16qam"])
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_blocks_share_the_uses_and_the_frame(blocks: int, modulation: str, images: torch.Tensor) -> None:
    system = chain(768, blocks=blocks, modulation=modulation)
    n, k, per_use = system.code.n, system.code.k, system.modulation.bits_per_use
    assert (system.blocks, n) == (blocks, 768 * per_use // blocks)
    sent = system.encode(images)
    assert sent.bits is not None
    assert sent.message is not None
    assert sent.codewords.shape == (20, 768)
    assert (sent.bits.shape, sent.message.shape) == ((20, blocks * n), (20, blocks * k))
    assert system.llr(sent.codewords, QUIET).shape == sent.bits.shape
    for block in range(blocks):  # each on its own stretch of uses
        bits = sent.bits[:, block * n : (block + 1) * n]
        assert torch.equal(bits, system.code.encode(sent.message[:, block * k : (block + 1) * k]))
        uses = slice(block * 768 // blocks, (block + 1) * 768 // blocks)
        assert torch.equal(sent.codewords[:, uses], mapping.map_bits(bits, system.modulation))
    assert system.budget() == {
        "coded_bits": blocks * n, "information_bits": blocks * k, "payload_bytes": blocks * k // 8 - 4,
    }  # fmt: skip


def test_a_lost_block_loses_its_image_and_no_other(images: torch.Tensor) -> None:
    system = chain(768, blocks=4)
    sent = system.encode(images[:6])
    clean = system.decode(sent.codewords, QUIET)
    assert not clean.failed.any()
    received = sent.codewords.clone()
    for image, block in ((1, 0), (4, 3)):
        uses = slice(block * 192, (block + 1) * 192)
        received[image, uses] = torch.randn(192, generator=torch.Generator().manual_seed(block))
    decoded = system.decode(received, 0.1)
    assert sent.message is not None
    assert decoded.message is not None
    wrong = (decoded.message != sent.message).reshape(6, 4, -1).any(dim=2)
    assert wrong.nonzero().tolist() == [[1, 0], [4, 3]]
    # block 3 of a short frame may be padding alone, so the picture is what its frame's checksum says
    assert decoded.failed[1]
    assert torch.equal(decoded.images[[0, 2, 3, 5]], clean.images[[0, 2, 3, 5]])


def test_a_word_is_decoded_alike_in_every_batch(images: torch.Tensor) -> None:
    system = chain(768, blocks=2)
    noise = torch.randn((20, 768), generator=torch.Generator().manual_seed(7))
    received = system.encode(images).codewords + 0.465 * noise
    together = system.decode(received, 0.465**2)
    assert 0 < together.failed.sum() < 20
    for index in (0, 7, 19):
        alone = system.decode(received[index : index + 1], 0.465**2)
        assert torch.equal(alone.images[0], together.images[index])
        assert alone.failed[0] == together.failed[index]


def test_a_retry_shows_some_of_what_was_lost_and_nothing_else_changes(images: torch.Tensor) -> None:
    plain, again = chain(768, modulation="qpsk"), chain(768, modulation="qpsk", retry="ordered-statistics")
    assert plain.settings.model_dump() | {"retry": "ordered-statistics"} == again.settings.model_dump()
    sent = plain.encode(images.repeat(10, 1, 1, 1))
    variance = 0.63  # where belief propagation loses some percent
    noise = torch.randn(sent.codewords.shape, generator=torch.Generator().manual_seed(7))
    received = sent.codewords + variance**0.5 * noise
    before, after = (system.decode(received, variance) for system in (plain, again))
    assert 0 < after.failed.sum() < before.failed.sum()
    kept = ~before.failed
    assert torch.equal(after.images[kept], before.images[kept])
    assert sent.message is not None
    assert after.message is not None
    repaired = before.failed & ~after.failed
    assert torch.equal(after.message[repaired], sent.message[repaired])


@pytest.mark.parametrize(
    ("code", "k"),
    [
        ({"family": "nr", "rate": "1/3"}, 256),
        ({"family": "nr", "rate": "2/3"}, 512),
        ({"family": "nr", "rate": "3/7"}, 329),  # 329.14 rounded down
        (REGULAR, 386),
        ({"family": "regular", "column_weight": 4, "row_weight": 6, "draw": 0}, 259),
        ({"family": "regular", "column_weight": 4, "row_weight": 12, "draw": 0}, 515),
        ({"family": "peg", "column_weight": 4, "row_weight": 8, "draw": 0}, 385),
    ],
)
def test_code_families_and_rates(code: Mapping[str, Any], k: int, images: torch.Tensor) -> None:
    system = chain(code=code)
    assert (system.code.n, system.code.k) == (768, k)
    sent = system.encode(images[:4])
    assert sent.feasible.all()
    assert not system.decode(sent.codewords, QUIET).failed.any()
    again = type(system).restore(system.settings, USES, system.state())
    assert torch.equal(again.encode(images[:4]).codewords, sent.codewords)
    assert torch.equal(again.decode(sent.codewords, QUIET).images, system.decode(sent.codewords, QUIET).images)


@pytest.mark.slow
def test_only_making_an_nr_code_needs_sionna(tmp_path: Path) -> None:
    save_file(dict(chain(code={"family": "nr", "rate": "1/2"}).state()), tmp_path / "code")
    script = (
        "import sys, torch\n"
        "from safetensors.numpy import load_file\n"
        "from semrobust.phy.ldpc import LdpcCode\n"
        "from tests.systems.test_classical import chain\n"
        "code = LdpcCode.from_arrays(load_file(sys.argv[1]))\n"
        "system = chain()\n"
        "restored = type(system)(system.settings, system.real_uses, code)\n"
        "for each in (system, restored):\n"
        "    sent = each.encode(torch.full((1, 3, 32, 32), 0.3))\n"
        "    assert not each.decode(sent.codewords, 0.01).failed.any()\n"
        "assert not [name for name in sys.modules if name.startswith('sionna')]"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "code")], check=True)


def test_min_sum_is_another_decoder(images: torch.Tensor) -> None:
    scaled = chain(decoder={"rule": "min-sum", "iterations": 12, "factor": 0.75})
    assert (scaled.decoder.rule, scaled.decoder.iterations, scaled.decoder.factor) == ("min-sum", 12, 0.75)
    exact = chain()
    assert (exact.decoder.rule, exact.decoder.iterations) == ("sum-product", 20)
    sent = scaled.encode(images)
    noise = torch.randn(sent.codewords.shape, generator=torch.Generator().manual_seed(3))
    assert not scaled.decode(sent.codewords + 0.3 * noise, 0.09).failed.any()
    assert not torch.equal(
        scaled.decoder.decode(scaled.llr(sent.codewords + noise, 1.0)).llr,
        exact.decoder.decode(exact.llr(sent.codewords + noise, 1.0)).llr,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": 5}, "blocks: 5, must split the 192 symbols of an image evenly"),
        ({"blocks": 64, "code": REGULAR | {"row_weight": 9}}, "code.row_weight: 9, must divide the 12 coded bits"),
        ({"blocks": 64}, "code.column_weight: 3, must suit the 12 coded bits of a block: n = 12 is too short"),
        ({"code": REGULAR | {"column_weight": 2}}, "code.column_weight: 2, must suit the 768 coded bits"),
        ({"uses": 24}, "code: leaves 24 message bits, must leave 32 for an empty frame"),
        ({"code": {"family": "nr", "rate": "1/30"}}, "code.rate: '1/30', leaves k = 25 of the 768 coded bits"),
        ({"code": {"family": "nr", "rate": "1/5"}}, "code.rate: '1/5', leaves k = 153 of the 768 coded bits"),
        ({"code": {"family": "nr", "rate": "4/4"}}, "code.rate: '4/4', leaves k = 768 of the 768 coded bits"),
        (
            {"code": {"family": "alist", "path": "none.alist", "sha256": "0" * 64}},
            "code.path: 'none.alist', No such file",
        ),
    ],
)
def test_what_cannot_work_is_said(changes: dict[str, Any], message: str) -> None:
    (problem,) = problems(**changes)
    assert problem.startswith(message)


def test_settings_of_the_decoder_must_fit_its_rule() -> None:
    for decoder in ({"rule": "sum-product", "iterations": 5, "factor": 0.8}, {"rule": "min-sum", "iterations": 5}):
        with pytest.raises(ValueError, match="factor"):
            HevcLdpcSystem.Settings.model_validate(ENTRY | {"decoder": decoder})


def test_a_parity_check_file_is_named_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "code.alist"
    write_alist(chain().code.parity_check.toarray(), file)
    code = of_file(file)
    assert problems(code=code) == []
    assert problems(code=code, modulation="qpsk") == [
        f"code.path: {str(file)!r}, its matrix has 768 columns, must have 384, the bits of a block"
    ]
    file.write_text(file.read_text() + "\n")
    (problem,) = problems(code=code)
    assert problem.startswith(f"code.sha256: {code['sha256']!r}, but {file} has ")


def of_file(file: Path) -> dict[str, str]:
    return {"family": "alist", "path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        ([[1, 1, 0, 0] * 12, [0, 0, 0, 0] * 12], "rows [1] of the parity-check matrix are empty"),
        (np.eye(48, dtype=np.uint8), "leaves no message bits"),
        (np.eye(48, dtype=np.uint8)[:40], "leaves 8 message bits, must leave 32"),
    ],
)
def test_a_file_without_a_code_is_named(tmp_path: Path, matrix: Any, reason: str) -> None:
    file = tmp_path / "code.alist"
    write_alist(np.array(matrix), file)
    (problem,) = problems(24, code=of_file(file))
    assert problem.startswith("code")
    assert reason in problem
    file.write_text("48 24\n3 6\n")
    (problem,) = problems(24, code=of_file(file))
    assert f"{file}, line 3: the file ends before the weights of the columns" in problem


def test_a_chain_runs_on_a_parity_check_file(tmp_path: Path, images: torch.Tensor) -> None:
    file = tmp_path / "code.alist"
    drawn = chain()
    write_alist(drawn.code.parity_check.toarray(), file)
    system = chain(code=of_file(file))
    assert system.code.family == "alist"
    sent = system.encode(images)
    assert torch.equal(sent.codewords, drawn.encode(images).codewords)
    restored = type(system).restore(system.settings, USES, system.state())
    file.unlink()  # the checkpoint holds the code
    assert torch.equal(restored.encode(images).codewords, sent.codewords)


def test_a_code_of_odd_length_goes_over_bpsk(tmp_path: Path, images: torch.Tensor) -> None:
    """Twenty words of 155 bits, also over a complex channel: an image as a whole fills its symbols."""
    file = tmp_path / "tanner.alist"
    write_alist(tanner_matrix(), file)
    system = chain(3100, code=of_file(file), modulation="bpsk", blocks=20)
    assert (system.code.n, system.code.k, system.budget()["information_bits"]) == (155, 64, 1280)
    sent = system.encode(images)
    assert sent.feasible.all()
    assert torch.equal(sent.codewords.square().sum(dim=1), torch.full((len(images),), 3100.0))
    air = Air(Fading("rayleigh"), 20.0)
    draw = BatchDraw(1, 0, len(images))
    for decoded in (system.decode(sent.codewords, QUIET), decode_over(system, sent.codewords, air, draw)):
        assert torch.equal(decoded.images, system.decode(sent.codewords, QUIET).images)
        assert not decoded.failed.any()
    (problem,) = problems(3100, code=of_file(file), modulation="qpsk", blocks=20)
    assert problem.startswith("blocks: 20, must split the 1550 symbols of an image evenly")


def test_settings_of_a_chain_are_classical() -> None:
    settings = chain().settings
    assert isinstance(settings, ClassicalSettings)
    assert settings.block_bits(768) == 1536
    assert isinstance(
        chain().make_codec(settings, SIZE).encode_batch_within(np.zeros((1, 32, 32, 3), np.uint8), 50), list
    )
