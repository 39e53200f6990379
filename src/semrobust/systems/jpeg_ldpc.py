"""The separation-based baseline with JPEG as its source codec."""

from __future__ import annotations

from typing import Literal

from semrobust.codecs.base import Codec, Size
from semrobust.codecs.jpeg import Jpeg
from semrobust.config.registry import SYSTEMS
from semrobust.systems.classical import ClassicalSettings, ClassicalSystem


class JpegLdpcSettings(ClassicalSettings):
    """Settings of one JPEG + LDPC baseline."""

    kind: Literal["jpeg_ldpc"]


@SYSTEMS.register("jpeg_ldpc")
class JpegLdpcSystem(ClassicalSystem):
    """JPEG source coding and LDPC channel coding at a fixed bit budget."""

    Settings = JpegLdpcSettings
    codec_name = "jpeg"

    @classmethod
    def make_codec(cls, settings: ClassicalSettings, size: Size) -> Codec:
        return Jpeg(settings.subsampling, settings.stream, size)
