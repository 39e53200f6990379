"""Base of all settings: strict, frozen, and no key that nobody reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator


class Settings(BaseModel):
    """A section of params.yaml. Unknown keys, wrong types and non-finite numbers are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Positive = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]


Url = Annotated[str, StringConstraints(pattern=r"^https?://")]


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


class LinkSettings(Settings):
    """What both ends and the attacker share: channel uses, SNRs, and when an image counts as ruined."""

    real_uses: Annotated[int, Field(ge=2, multiple_of=2)]
    snr_db: Annotated[list[float], Field(min_length=1)]


class StructureSettings(Settings):
    """How far the structure of each attacked LDPC code is searched (`attacks.structure.analysis`).

    Attributes:
        max_cycle: length up to which cycles are counted; the time grows tenfold with each step of 2.
        trapping_size: largest number of nodes of trapping and absorbing sets.
        trapping_unsatisfied: largest number of their odd checks.
        growth_width: how many sets of a class (size, odd checks) grow on; fewer are quicker and find less.
        stopping_size: largest stopping sets that the exact search looks for, if `search_branches` allow.
        search_branches: decisions that one exact search may take, about two million a second.
        codeword_weight: largest weight of codewords that are kept, in transmitted bits.
        codeword_trials: information sets tried; one takes 0.6 ms at n = 768, 3 ms at n = 1536.
        max_sets: sets of a class that are stored; all are counted.
    """

    max_cycle: Annotated[int, Field(ge=6, le=12, multiple_of=2)]
    trapping_size: Annotated[int, Field(ge=1, le=20)]
    trapping_unsatisfied: Annotated[int, Field(ge=1, le=8)]
    growth_width: Positive
    stopping_size: Annotated[int, Field(ge=1, le=30)]
    search_branches: Positive
    codeword_weight: Positive
    codeword_trials: Annotated[int, Field(ge=0)]
    max_sets: Positive


class SystemSettings(Settings):
    """Settings of one system; every kind derives its own.

    Attributes:
        label: the name in figures.
        attacks: which attacks of the params are run on it; None = all that can be, an empty list = none.
        study: name of the study that it belongs to; None = a main system, in all comparisons.
    """

    kind: str
    label: Annotated[str, Field(min_length=1)]
    attacks: list[str] | None = None
    study: str | None = None

    def code_identity(self, link: LinkSettings) -> Plain | None:
        """Plain values that are equal for systems with the same channel code; None without one."""
        return None

    def problems(self, link: LinkSettings) -> list[str]:
        """Return "key: value, what is allowed" for each setting that cannot work on this link."""
        return []


class AttackSettings(Settings):
    """Settings of one attack; every kind derives its own. `label` is the name in figures."""

    kind: str
    label: Annotated[str, Field(min_length=1)]


class SystemKind:
    """What the workflow reads of a system kind without importing torch (see `systems.base`).

    `source` names the source codec of a classical chain: chains of one codec are the rungs of its link adaptation.
    """

    Settings: ClassVar[type[SystemSettings]]
    side: ClassVar[str]
    source: ClassVar[str | None] = None
    capabilities: ClassVar[frozenset[str]]
    trainable: ClassVar[bool]


class AttackKind:
    """What the workflow reads of an attack kind without importing torch (see `attacks.base`)."""

    Settings: ClassVar[type[AttackSettings]]
    requires: ClassVar[frozenset[str]]
    knows_structure: ClassVar[bool] = False


@dataclass(frozen=True)
class FigureKind:
    """A figure: `draw` turns artifacts into a matplotlib figure, `inputs` names the tables it reads.

    `module` is where its code lies, for the code digest.
    """

    draw: Callable[..., Any]
    tables: tuple[str, ...]
    gallery: bool
    module: str


Plain = dict[str, Any]
"""A settings section as plain JSON values, the form that keys and records hold."""
