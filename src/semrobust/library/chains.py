"""Separation-based baselines without params: source codec + LDPC + modulation, for images of any size."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, cast

import av
import numpy as np

from semrobust.codecs.base import SIZE, Size
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings, Plain
from semrobust.errors import UsageError
from semrobust.library import arguments, defaults
from semrobust.phy import mapping
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.classical import ClassicalSettings, ClassicalSystem

_LONGEST = 20_000
"""Coded bits of a block beyond which making a code takes minutes and gigabytes: its generator is dense."""
_USUAL = 2048
"""Coded bits of a block that messages propose."""


def chain(
    codec: str = "hevc",
    *,
    code: str | Mapping[str, Any] | LdpcCode | None = None,
    modulation: mapping.ModulationName | None = None,
    real_uses: int | None = None,
    blocks: int | None = None,
    size: Size = SIZE,
    name: str | None = None,
    **settings: Any,
) -> ClassicalSystem:
    """A separation-based baseline: a source codec, LDPC codes and a modulation at a fixed number of channel uses.

    Image -> bytes -> bits -> N uses. Each image is encoded at the best quality that fits. What does not fit at all is
    sent as an empty frame, and the reconstruction is mid-grey. The receiver knows everything but the image: codec,
    code, modulation, N, blocks, and height and width. Everything not given is as in the first baseline of this codec in
    params.yaml.

    Args:
        codec: "hevc" (intra pictures, the class of BPG) or "jpeg".
        code: "1/2", the rate of a 5G NR code; "regular 3,6", the column and row weight of a regular one; "peg 4,8",
            of one by progressive edge growth; a dict as in params.yaml; or an `LdpcCode`, such as
            `LdpcCode.from_parity_check(H)`, whose length says how many blocks.
        modulation: "bpsk", "qpsk" or "16qam".
        real_uses: N real channel uses per image; 2 make a complex symbol.
        blocks: codewords per image, each of N · bits per use / blocks coded bits.
        size: height and width of the images in pixels; HEVC with 4:2:0 takes even ones.
        name: what tables and messages call it.
        settings: `stream` ("payload", or "full" for whole files), `subsampling` ("4:2:0" or "4:4:4"), `decoder` (a
            dict: rule, iterations, and factor for min-sum), `retry` (None, or "ordered-statistics" where a checksum
            fails).

    Raises UsageError for what does not go together, with what does.

    >>> import semrobust
    >>> small = semrobust.chain("hevc", code="1/2", modulation="16qam", real_uses=768)
    >>> small.code.n, small.code.k, small.blocks
    (1536, 768, 1)
    >>> large = semrobust.chain("jpeg", code="regular 3,6", real_uses=98304, blocks=64, size=(512, 768))
    >>> large.budget()["payload_bytes"]
    6155
    """
    described, what = _described(arguments.text("codec", codec)), f"chain({codec!r})"
    kind = cast("type[ClassicalSystem]", SYSTEMS[described["kind"]])
    uses = arguments.whole("real_uses", real_uses, defaults.params().link.real_uses)
    given = dict(settings)
    if modulation is not None:
        given["modulation"] = modulation
    if code is not None and not isinstance(code, LdpcCode):
        given["code"] = _code(code)
    if blocks is not None:
        given["blocks"] = blocks
    chosen = cast(ClassicalSettings, kind.parse(defaults.overridden(what, kind.Settings, described, given)))
    if isinstance(code, LdpcCode):  # which settings do not describe
        number = _blocks(code, uses, chosen.modulation) if blocks is None else blocks
        chosen = chosen.model_copy(update={"code": None, "blocks": number})
    _possible(what, chosen, uses, code)
    height, width = arguments.size(size)
    made = code if isinstance(code, LdpcCode) else chosen.code.make(chosen.block_bits(uses))
    system = kind(chosen, uses, made, (height, width))
    system.name = name or f"{codec}_ldpc_{chosen.modulation}"
    _takes(system, codec, (height, width))
    return system


def _described(codec: str) -> Plain:
    """Settings of the first baseline with a codec in the params; of any one, for the codec of a plug-in."""
    params, kinds = defaults.params(), {}
    for name in SYSTEMS:
        kind = SYSTEMS[name]
        if issubclass(kind, ClassicalSystem) and kind.codec_name:
            kinds[kind.codec_name] = name
    if codec not in kinds:
        raise UsageError(f"unknown codec {codec!r}; known: {', '.join(kinds)}")
    chains = [name for name, entry in params.systems.items() if entry.kind in kinds.values()]
    first = min(chains, key=lambda name: params.systems[name].kind != kinds[codec])
    found: Plain = params.section("systems", first)
    return found | {"kind": kinds[codec]}


def _code(given: object) -> Plain:
    """The settings of a code from their short form."""
    if isinstance(given, Mapping):
        return dict(given)
    short = given if isinstance(given, str) else ""
    if re.fullmatch(r"\s*\d+\s*/\s*\d+\s*", short):
        return {"family": "nr", "rate": re.sub(r"\s", "", short)}
    if weights := re.fullmatch(r"\s*(regular|peg)\s+(\d+)\s*,\s*(\d+)\s*", short):
        return {"family": weights[1], "column_weight": int(weights[2]), "row_weight": int(weights[3]), "draw": 0}
    raise UsageError(
        f"code: {given!r}, must be the rate of a 5G NR code ('1/2'), the weights of a regular one ('regular 3,6', or "
        "'peg 4,8' by progressive edge growth), a dict as in params.yaml, or an LdpcCode; an alist file is "
        "LdpcCode.from_parity_check(path)"
    )


def _blocks(code: LdpcCode, real_uses: int, name: str) -> int:
    """How many codewords of a code fill the channel uses."""
    bits = real_uses * mapping.modulation(name).bits_per_use
    if bits % code.n:
        per_use = bits // real_uses
        below = bits // code.n * code.n // per_use
        near = sorted({uses for uses in (below, below + -(-code.n // per_use)) if uses})
        raise UsageError(
            f"real_uses: {real_uses}, carry {bits} coded bits, which are not whole codewords of {code.n}: choose "
            f"{' or '.join(map(str, near))}"
        )
    return bits // code.n


def _possible(what: str, chosen: ClassicalSettings, real_uses: int, code: object) -> None:
    """Raise UsageError for settings that do not go together."""
    bits, link = chosen.block_bits(real_uses), LinkSettings.model_construct(real_uses=real_uses, snr_db=[])
    problems = []
    if isinstance(code, LdpcCode):
        if code.n != bits:
            problems = [f"blocks: {chosen.blocks}, leaves {bits} coded bits each, and the code has {code.n}"]
    elif bits > _LONGEST:
        least = -(-bits * chosen.blocks // _USUAL)
        tried = (chosen.model_copy(update={"blocks": blocks}) for blocks in range(least, 2 * least))
        near = next((f", such as {other.blocks}" for other in tried if not other.problems(link)), "")
        problems = [f"blocks: {chosen.blocks}, of {bits} bits each; codes have at most {_LONGEST}: choose more{near}"]
    else:
        problems = chosen.problems(link)
    if problems:
        raise UsageError("\n".join([f"{what} cannot be made:", *(f"  {problem}" for problem in problems)]))


def _takes(system: ClassicalSystem, codec: str, size: Size) -> None:
    """Raise UsageError if the codec takes no images of a size; it is asked for a grey one of any length."""
    shown, failure = None, None
    try:
        fits = system.codec.encode_batch_within(np.full((1, *size, 3), 128, np.uint8), 64 * math.prod(size))
        shown = fits[0] and system.codec.decode(fits[0][1], fits[0][0])
    except (av.FFmpegError, RuntimeError, ValueError, OSError) as error:
        failure = error
    if shown is None or shown.shape != (*size, 3):
        raise UsageError(f"size: {size}, {codec} takes no such images: even sides of 16 and more work") from failure
