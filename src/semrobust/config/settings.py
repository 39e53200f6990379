"""Base of all settings: strict, frozen, and no key that nobody reads."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator


class Settings(BaseModel):
    """A section of params.yaml. Unknown keys, wrong types and non-finite numbers are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Positive = Annotated[int, Field(ge=1, le=10**9)]
PositiveFloat = Annotated[float, Field(gt=0, le=1e12)]
"""Within what 32-bit numbers hold, as results are computed in them."""

Decibel = Annotated[float, Field(ge=-100, le=100)]
"""A ratio of powers, in dB: beyond these a variance or an amplitude is lost beside 1 in 32-bit numbers."""

Precision = Literal["fp32", "bf16"]
"""Of what a training computes with; weights stay float32."""

TEST_IMAGES = {"cifar10": 10_000, "photos10": 540}
TRAIN_IMAGES = {"cifar10": 50_000, "photos10": 12_000}
VALIDATION_IMAGES = {"photos10": 270}
"""How many images a source has. One without validation images of its own takes them from its training images."""

LEVELS = 255.0
"""Brightness levels of a pixel above 0: ε of semantic noise is set and drawn in steps of 1/255."""

Url = Annotated[str, StringConstraints(pattern=r"^https?://")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class DataSettings(Settings):
    """Which images a run uses. Every key is required: the params file is where the values are chosen.

    Attributes:
        source: the dataset; nothing ever replaces one by the other silently.
        path: a local file or folder with CIFAR-10; the variable `SEMROBUST_CIFAR10` goes before it.
        mirrors: addresses of the official archive, tried in this order.
        hub: addresses of the two parquet files, train then test; empty = do not ask the hub.
        validation_images: how many images are kept for validation, never trained on.
        train_images: how many of the remaining images are trained on; None = all of them.
        test_images: how many test images are evaluated; None = all of them.
    """

    source: Literal["cifar10", "photos10"]
    path: str | None
    mirrors: list[Url]
    hub: list[Url]
    validation_images: Positive
    train_images: Positive | None
    test_images: Positive | None

    @field_validator("hub")
    @classmethod
    def _train_and_test(cls, value: list[str]) -> list[str]:
        if len(value) not in (0, 2):
            raise ValueError(f"needs the two addresses of train and test, or none, not {len(value)}")
        return value

    @property
    def tested(self) -> int:
        """How many test images a run has."""
        return TEST_IMAGES[self.source] if self.test_images is None else self.test_images

    @property
    def trained(self) -> int:
        """How many images a run can train on: all that are left, unless `train_images` says fewer."""
        return self.left if self.train_images is None else self.train_images

    @property
    def left(self) -> int:
        """How many images the source has for training, without those for validation."""
        own = self.source in VALIDATION_IMAGES
        return TRAIN_IMAGES[self.source] - (0 if own else self.validation_images)

    def said(self, key: str, images: int) -> str:
        """How many images there are, for a message: by the key that says so, or null and the source's number."""
        given = getattr(self, key)
        return f"data.{key} = {images}" if given is not None else f"the {images} of {self.source} (data.{key}: null)"


class LinkSettings(Settings):
    """What both ends and the attacker share: channel uses, SNRs, and when an attack on an image succeeds."""

    real_uses: Annotated[int, Field(ge=2, multiple_of=2)]
    snr_db: Annotated[list[Decibel], Field(min_length=1)]


class ChannelSettings(Settings):
    """One channel between the antennas, and what the receiver does against it (`phy.air`).

    Attributes:
        label: the name in figures.
        fading: what the matrix H is; "awgn" has none.
        k_factor_db: Rician factor, for "rician" only.
        transmit, receive: numbers of antennas N_t <= N_r.
        csi_error: variance of the error on each entry of the receiver's estimate of H; 0 = perfect knowledge.
        block: H stands still over an "image", or over each LDPC "codeword" of it.
        equalizer: linear receiver, zero-forcing or LMMSE.
    """

    label: Annotated[str, Field(min_length=1)]
    fading: Literal["awgn", "rayleigh", "rician"]
    k_factor_db: Decibel | None = None
    transmit: Positive = 1
    receive: Positive = 1
    csi_error: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    block: Literal["image", "codeword"] = "image"
    equalizer: Literal["lmmse", "zf"] = "lmmse"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.k_factor_db is None) == (self.fading == "rician"):
            raise ValueError('k_factor_db is what fading "rician" needs, and no other')
        if self.receive < self.transmit:
            raise ValueError(f"receive: {self.receive} antennas cannot part {self.transmit} symbols sent at once")
        return self


AIR, QUANTIZER, MASK = "air", "quantizer", "mask"
"""Parts of a system that noise may be about: a channel that images cross, a codebook or codec, a mask of patches."""


class SystemSettings(Settings):
    """Settings of one system; every kind derives its own.

    Attributes:
        label: the name in figures.
        attacks: which attacks of the params are run on it; None = all that can be, an empty list = none.
        study: the panel of the ablation figure that it stands in; None = a main system, in all figures.
        left_out: why it takes no part in the headline, which says so; None = it does.
    """

    kind: str
    label: Annotated[str, Field(min_length=1)]
    attacks: list[str] | None = None
    study: str | None = None
    left_out: str | None = Field(default=None, min_length=1, exclude_if=lambda reason: reason is None)

    @property
    def starts_from(self) -> str | None:
        """Name of the system whose checkpoint this one takes over before it trains; None for most."""
        return None

    @property
    def parts(self) -> frozenset[str]:
        """What of it semantic noise may be about (`config.noise`)."""
        return frozenset({AIR})

    @property
    def train_channel(self) -> str | None:
        """Name of the channel in its training, if that is one of the params' `channels`."""
        return None

    def code_identity(self, link: LinkSettings) -> Plain | None:
        """Plain values that are equal for systems with the same channel code; None without one."""
        return None

    def decoder_identity(self, link: LinkSettings) -> Plain | None:
        """The same for systems with the same channel code and decoder."""
        return None

    def problems(self, link: LinkSettings) -> list[str]:
        """Return "key: value, what is allowed" for each setting that cannot work on this link."""
        return []


class AttackSettings(Settings):
    """Settings of one attack; every kind derives its own. `label` is the name in figures."""

    kind: str
    label: Annotated[str, Field(min_length=1)]

    @property
    def only_on(self) -> tuple[str, str] | None:
        """The run and the system that it was made for, if it is tried nowhere else."""
        return None


Task = Literal["image", "csi", "class", "pretraining"]

SHOWN: tuple[Task, ...] = ("image", "csi")
"""Tasks whose receivers reconstruct what was sent: attacks on the air break that, whatever it is (`systems.source`)."""


class SystemKind:
    """What the workflow reads of a system kind (see `systems.base`).

    `task`: what its receiver gives, an "image", a channel state ("csi"), or the "class" of an image
    (`systems.classification`); "pretraining" is a network that others start from. `fits`: it is fitted to the training
    set in one pass and without a schedule (`systems.base.Fitted`). `codec_name` names the source codec of a
    separation-based baseline: those of one codec are the rungs of its link adaptation. `version` is raised when its
    results change.
    """

    version: ClassVar[int] = 1
    task: ClassVar[Task] = "image"
    fits: ClassVar[bool] = False

    Settings: ClassVar[type[SystemSettings]]
    side: ClassVar[str]
    codec_name: ClassVar[str | None] = None
    capabilities: ClassVar[frozenset[str]]
    trainable: ClassVar[bool]

    @classmethod
    def offers(cls, settings: SystemSettings) -> frozenset[str]:
        """Those of `capabilities` that a system with these settings has: all, unless the kind says otherwise."""
        return cls.capabilities

    @classmethod
    def parse(cls, plain: Plain) -> SystemSettings:
        """Validate plain settings, which may lack what does not change a result: `label` and where it is shown."""
        return cls.Settings.model_validate({"label": cls.__name__, **plain})


CHANNEL, RECEIVER, SENT, TRAFFIC, ALL = "channel", "receiver", "sent", "traffic", "all"
KNOWLEDGE = (CHANNEL, RECEIVER, SENT, TRAFFIC, ALL)
"""What an attacker knows beside the channel: the receiver, but not what is sent; what is sent (image, codeword, noise),
not the receiver; that, and past traffic, from which he learns a decoder of his own or recovers the code; or all."""


class AttackKind:
    """What the workflow reads of an attack kind (see `attacks.base`).

    `transfers`: it takes over what the attack `crafted_by` of its settings found on the system's surrogate. `version`
    is raised when its results change. `knows`: what its attacker must know. `learns`: from as many training images as
    its settings say in `images`.
    """

    version: ClassVar[int] = 1
    transfers: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    Settings: ClassVar[type[AttackSettings]]
    requires: ClassVar[frozenset[str]]
    knows_structure: ClassVar[bool] = False
    knows_instantons: ClassVar[bool] = False
    knows: ClassVar[str]

    @classmethod
    def parse(cls, plain: Plain) -> AttackSettings:
        """Validate plain settings, which may lack what does not change a result: `label`."""
        return cls.Settings.model_validate({"label": cls.__name__, **plain})


Plain = dict[str, Any]
"""A settings section as plain JSON values, the form that keys and records hold."""
