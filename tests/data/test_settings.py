from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from semrobust.config.settings import DataSettings

GOOD: dict[str, Any] = {
    "source": "cifar10",
    "path": None,
    "mirrors": ["https://example.org/a.tar.gz"],
    "hub": ["https://example.org/train.parquet", "https://example.org/test.parquet"],
    "validation_images": 10,
    "train_images": None,
    "test_images": 5,
}


def test_good_settings_are_kept() -> None:
    assert DataSettings(**GOOD).model_dump() == GOOD
    assert DataSettings(**{**GOOD, "hub": []}).hub == []


@pytest.mark.parametrize(
    "change",
    [
        {"source": "cifar100"},
        {"hub": ["https://example.org/train.parquet"]},
        {"mirrors": ["file:///etc/hostname"]},
        {"validation_images": 0},
        {"validation_images": "10"},
        {"train_images": -1},
        {"test_images": 0},
        {"tset_images": 3},
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DataSettings(**{**GOOD, **change})


@pytest.mark.parametrize("key", GOOD)
def test_every_key_is_required(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        DataSettings(**{name: value for name, value in GOOD.items() if name != key})
