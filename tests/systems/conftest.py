"""Systems and images shared by the tests of this floor."""

from __future__ import annotations

import pytest
import torch

from semrobust.config.params import Params
from semrobust.data import photos
from semrobust.systems.deepjscc import DeepJSCCSettings, DeepJSCCSystem
from semrobust.systems.jpeg_ldpc import JpegLdpcSettings, JpegLdpcSystem

USES = 768


@pytest.fixture(scope="session")
def images() -> torch.Tensor:
    """Twenty test patches, two of each photograph, float32 (20,3,32,32) in [0,1]."""
    raw = photos.load().test.images[:: photos.PATCHES_PER_CLASS["test"] // 2]
    return torch.from_numpy(raw.copy()).float() / 255.0


@pytest.fixture(scope="session")
def noisy_image() -> torch.Tensor:
    """An image (1,3,32,32) of independent pixels, which no budget here can hold."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (1, 3, 32, 32), generator=generator).float() / 255.0


def deepjscc_settings(params: Params, name: str = "deepjscc") -> DeepJSCCSettings:
    settings = params.systems[name]
    assert isinstance(settings, DeepJSCCSettings)
    return settings


def classical_settings(params: Params, name: str) -> JpegLdpcSettings:
    settings = params.systems[name]
    assert isinstance(settings, JpegLdpcSettings)
    return settings


@pytest.fixture
def jscc(small_params: Params) -> DeepJSCCSystem:
    """A fresh small DeepJSCC with 128 real uses."""
    return DeepJSCCSystem.create(deepjscc_settings(small_params), 128, seed=3)


@pytest.fixture(scope="session")
def qpsk(params: Params) -> JpegLdpcSystem:
    """The QPSK chain of the experiments."""
    return JpegLdpcSystem.create(classical_settings(params, "jpeg_ldpc_qpsk"), USES, seed=3)


@pytest.fixture(scope="session")
def qam16(params: Params) -> JpegLdpcSystem:
    """The 16-QAM chain of the experiments."""
    return JpegLdpcSystem.create(classical_settings(params, "jpeg_ldpc_16qam"), USES, seed=3)


@pytest.fixture(scope="session")
def full_stream(params: Params, qam16: JpegLdpcSystem) -> JpegLdpcSystem:
    """The 16-QAM chain that sends whole files, on the same code."""
    settings = classical_settings(params, "jpeg_ldpc_16qam").model_copy(update={"stream": "full"})
    return JpegLdpcSystem(settings, USES, qam16.code)
