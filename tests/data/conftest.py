from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.data.samples import Web, web_server


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """No local copy of CIFAR-10 and no proxy of the machine reaches a test that did not ask for it."""
    monkeypatch.delenv("SEMROBUST_CIFAR10", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as running:
        yield running
