"""The separation-based baseline with HEVC intra pictures, the class of BPG, as its source codec."""

from __future__ import annotations

from typing import Literal

from semrobust.codecs.base import Codec, Size
from semrobust.codecs.hevc import Hevc
from semrobust.config.registry import SYSTEMS
from semrobust.systems.classical import ClassicalSettings, ClassicalSystem


class HevcLdpcSettings(ClassicalSettings):
    """Settings of one HEVC + LDPC baseline."""

    kind: Literal["hevc_ldpc"]


@SYSTEMS.register("hevc_ldpc")
class HevcLdpcSystem(ClassicalSystem):
    """HEVC intra source coding and LDPC channel coding at a fixed bit budget."""

    Settings = HevcLdpcSettings
    version = 2
    codec_name = "hevc"

    @classmethod
    def make_codec(cls, settings: ClassicalSettings, size: Size) -> Codec:
        return Hevc(settings.subsampling, settings.stream, size)
