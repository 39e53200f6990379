"""The classical chain without params: short forms, pictures of any size, and what does not go together."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

from semrobust import LdpcCode, chain, evaluate, example_images, load
from semrobust.errors import UsageError
from semrobust.phy.ldpc import regular_code
from semrobust.phy.tanner import tanner_matrix


@cache
def picture() -> torch.Tensor:
    """A photograph (1,3,512,768) in [0,1]."""
    photo = torch.from_numpy(np.ascontiguousarray(data.coffee())).permute(2, 0, 1)[None].float() / 255
    return torch.nn.functional.interpolate(photo, size=(512, 768), mode="bilinear", antialias=True).clamp(0, 1)


def test_without_arguments_it_is_the_chain_of_the_params() -> None:
    for codec in ("hevc", "jpeg"):
        ours, theirs = chain(codec), load(f"{codec}_ldpc_qpsk")
        images = example_images(4)
        assert ours.settings == theirs.settings
        assert torch.equal(ours.encode(images).codewords, theirs.encode(images).codewords)
        assert ours.name == theirs.name


@pytest.mark.parametrize(
    ("code", "family", "k"),
    [
        ("1/2", "nr", 384),
        ("regular 3,6", "regular", 386),
        ({"family": "nr", "rate": "2/3"}, "nr", 512),
        ({"column_weight": 4}, "regular", 259),  # over the other settings of the default code
    ],
)
def test_codes_in_short(code: Any, family: str, k: int) -> None:
    made = chain("jpeg", code=code)
    assert (made.code.family, made.code.n, made.code.k) == (family, 768, k)


def test_a_code_of_one_s_own_says_how_many_blocks() -> None:
    code = LdpcCode.from_parity_check(tanner_matrix())
    made = chain("jpeg", code=code, modulation="bpsk", real_uses=155 * 8)
    assert made.code is code
    assert made.blocks == 8
    assert not evaluate(made, example_images(4), 20).failed.any()
    with pytest.raises(
        UsageError, match="carry 768 coded bits, which are not whole codewords of 155: choose 620 or 775"
    ):
        chain("jpeg", code=code, modulation="bpsk")
    with pytest.raises(UsageError, match="blocks: 4, leaves 310 coded bits each, and the code has 155"):
        chain("jpeg", code=code, modulation="bpsk", real_uses=1240, blocks=4)


@cache
def code() -> LdpcCode:
    return regular_code(1536, 3, 6, 0)


@pytest.mark.parametrize(
    ("codec", "size"),
    [("hevc", (128, 192)), ("jpeg", (512, 768)), pytest.param("hevc", (512, 768), marks=pytest.mark.slow)],
)
def test_a_large_picture_goes_through_many_blocks(codec: str, size: tuple[int, int]) -> None:
    """N = 1/8 of its values; the picture is what the codec makes of it, to the bit, or grey where one block is lost."""
    sent = torch.nn.functional.interpolate(picture(), size=size, mode="bilinear", antialias=True).clamp(0, 1)
    made = chain(codec, code=code(), real_uses=3 * size[0] * size[1] // 8, size=size)
    assert made.blocks == made.real_uses // 1536 > 5
    quality = evaluate(made, sent, [20.0, -5.0])
    assert quality.failed[:, 0].tolist() == [0.0, 1.0]
    assert quality.psnr_db[0] > 20
    pixels = (sent * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    (best,) = made.codec.encode_batch_within(pixels, made.framing.capacity)
    assert best is not None
    shown = made.codec.decode(best[1], best[0])
    assert shown is not None
    expected = torch.from_numpy(shown.copy()).permute(2, 0, 1)[None].float() / 255
    mse = float((expected - sent).square().mean())
    assert float(quality.psnr_db[0]) == pytest.approx(-10 * np.log10(mse), abs=1e-3)
    assert made.framing.capacity * 0.9 < len(best[1]) <= made.framing.capacity


@pytest.mark.parametrize("size", [(16, 16), (34, 46), (96, 40)])
@pytest.mark.parametrize("codec", ["hevc", "jpeg"])
@pytest.mark.parametrize("settings", [{"subsampling": "4:4:4"}, {"stream": "full"}])
def test_pictures_of_any_size(codec: str, size: tuple[int, int], settings: dict[str, Any]) -> None:
    images = picture()[:, :, :256, :256]
    images = torch.nn.functional.interpolate(images, size=size, mode="bilinear", antialias=True).clamp(0, 1)
    made = chain(codec, code=code(), real_uses=12288, size=size, **settings)
    quality = evaluate(made, images, 25)
    assert not quality.failed.any()
    assert quality.psnr_db.min() > 20


def test_images_of_another_size_than_both_ends_know() -> None:
    with pytest.raises(UsageError, match=r"both ends of hevc_ldpc_qpsk know images of \(3, 32, 32\)"):
        evaluate(chain("hevc"), picture(), 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codec": "bpg"}, "unknown codec 'bpg'; known: hevc, jpeg"),
        ({"codec": ["hevc"]}, r"codec: \['hevc'\], must be a name"),
        ({"code": "3,6"}, "must be the rate of a 5G NR code"),
        ({"code": 0.5}, "code: 0.5, must be the rate of a 5G NR code"),
        ({"size": 32}, r"size: 32, must be \(height, width\) in pixels"),
        ({"size": (64.0, 64.0)}, r"size: \(64.0, 64.0\), must be"),
        ({"code": "regular 3,7"}, "row_weight: 7, must divide the 768 coded bits of a block"),
        ({"code": "1/6"}, "rate: '1/6'"),
        ({"modulation": "8psk"}, "modulation: '8psk', input should be 'bpsk', 'qpsk' or '16qam'"),
        ({"subsamplin": "4:4:4"}, r"has no setting 'subsamplin' \(did you mean 'subsampling'\?\)"),
        ({"size": (8, 8)}, r"size: \(8, 8\), hevc takes no such images: even sides of 16 and more work"),
        ({"size": (33, 47)}, "even sides"),
        ({"size": (0, 32)}, "must be \\(height, width\\) in pixels, at least 8 each"),
        ({"blocks": 5}, "blocks: 5, must split the 384 symbols of an image evenly"),
        (
            {"real_uses": 294912, "size": (512, 768)},
            "of 294912 bits each; codes have at most 20000: choose more, such as 192",
        ),
    ],
)
def test_what_does_not_go_together(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        chain(**arguments)
