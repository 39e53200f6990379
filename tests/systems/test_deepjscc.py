"""DeepJSCC: power, shapes, gradients and storage; nothing here needs a trained network."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from semrobust.config.params import Params, validate
from semrobust.errors import ParamsError
from semrobust.models.deepjscc import DeepJSCC, ResidualBlock, feature_maps_for
from semrobust.systems.base import System
from semrobust.systems.checkpoint import save
from semrobust.systems.deepjscc import DeepJSCCSystem
from tests.systems.conftest import deepjscc_settings


def awake(system: System) -> None:
    """Give all PReLUs different slopes, so that tests see each of them."""
    assert isinstance(system, DeepJSCCSystem)
    with torch.no_grad():
        for number, parameter in enumerate(system.module.parameters()):
            if parameter.ndim == 1:
                parameter.add_(0.01 * (number % 7))


@pytest.mark.parametrize("maps", [1, 2, 12])
def test_shapes_and_power(small_params: Params, images: torch.Tensor, maps: int) -> None:
    uses = 64 * maps
    system = DeepJSCCSystem.create(deepjscc_settings(small_params), uses, seed=1)
    sent = system.encode(images)
    assert sent.codewords.shape == (20, uses)
    assert sent.codewords.dtype == torch.float32
    assert torch.allclose(sent.codewords.square().sum(1), torch.tensor(float(uses)), rtol=1e-5)
    assert sent.feasible.all()
    assert (sent.message, sent.bits) == (None, None)
    decoded = system.decode(sent.codewords, 0.1)
    assert decoded.images.shape == (20, 3, 32, 32)
    assert decoded.images.min() > 0
    assert decoded.images.max() < 1
    assert not decoded.failed.any()
    assert system.real_uses == uses


def test_codewords_and_pictures_differ_between_images(jscc: DeepJSCCSystem, images: torch.Tensor) -> None:
    codewords = jscc.encode(images).codewords
    assert torch.pdist(codewords).min() > 1e-3
    assert not torch.equal(jscc.decode(codewords[:1], 0.1).images, jscc.decode(-codewords[:1], 0.1).images)


def test_an_image_is_coded_alike_in_every_batch(jscc: DeepJSCCSystem, images: torch.Tensor) -> None:
    together = jscc.encode(images).codewords
    alone = torch.cat([jscc.encode(image[None]).codewords for image in images])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("uses", [0, 32, 65, 100, -64])
def test_other_numbers_of_uses_are_refused(uses: int) -> None:
    with pytest.raises(ValueError, match="positive multiple of 64"):
        feature_maps_for(uses)


def test_params_and_model_agree_on_the_uses_allowed(small_raw: dict[str, dict[str, object]]) -> None:
    small_raw["link"]["real_uses"] = 390
    with pytest.raises(ParamsError, match="multiple of 64, not 390"):
        validate(small_raw)


def test_default_network_has_768_uses_and_known_size(params: Params) -> None:
    system = DeepJSCCSystem.create(deepjscc_settings(params), params.link.real_uses, seed=1)
    assert feature_maps_for(768) == 12

    # convolutions 3x3 with bias and one slope per channel; written out independently of the model's code
    def conv(a: int, b: int) -> int:
        return 9 * a * b + b

    def res(c: int) -> int:
        return 2 * c + 2 * conv(c, c)

    encoder = conv(3, 16) + res(16) + 16 + conv(16, 12) + res(12)
    decoder = conv(12, 32) + 32 + conv(32, 32) + res(32) + 32 + conv(32, 16) + res(16) + 16 + conv(16, 3)
    assert sum(parameter.numel() for parameter in system.module.parameters()) == encoder + decoder


# gradients


def test_differentiable_decoding_shows_the_same(jscc: DeepJSCCSystem, images: torch.Tensor) -> None:
    received = jscc.encode(images).codewords + 0.3
    shown = jscc.decode(received, 0.1).images
    differentiable = jscc.decode_differentiably(received.requires_grad_(True), 0.1)
    assert torch.equal(shown, differentiable)
    assert not shown.requires_grad
    assert differentiable.requires_grad


def test_gradients_are_those_of_finite_differences(jscc: DeepJSCCSystem, images: torch.Tensor) -> None:
    awake(jscc)
    precise = copy.deepcopy(jscc.module.decoder).double()
    received = jscc.encode(images[:4]).codewords

    def error(vectors: torch.Tensor) -> torch.Tensor:
        shown: torch.Tensor = precise(vectors)
        return (shown - images[:4].double()).square().sum()

    at = received.clone().requires_grad_(True)
    loss = (jscc.decode_differentiably(at, 0.1) - images[:4]).square().sum()
    (gradient,) = torch.autograd.grad(loss, at)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(5):
            direction = torch.randn(received.shape, generator=generator, dtype=torch.float64)
            step = 1e-6 * direction
            slope = (error(received.double() + step) - error(received.double() - step)) / 2e-6
            expected = (gradient.double() * direction).sum()
            assert slope.item() == pytest.approx(expected.item(), rel=2e-3, abs=1e-3 * gradient.norm().item())
    assert gradient.norm() > 0


def test_using_a_system_does_not_change_it(jscc: DeepJSCCSystem, images: torch.Tensor) -> None:
    before = {name: tensor.clone() for name, tensor in jscc.state().items()}
    originals = images.clone()
    codewords = jscc.encode(images).codewords
    received = codewords.clone()
    jscc.decode(codewords, 0.1)
    jscc.decode_differentiably(codewords.clone().requires_grad_(True), 0.1).sum().backward()  # type: ignore[no-untyped-call]
    after = jscc.state()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(images, originals)
    assert torch.equal(codewords, received)


# construction and storage


def test_the_seed_decides_the_weights(small_params: Params) -> None:
    settings = deepjscc_settings(small_params)
    first, again, second = (DeepJSCCSystem.create(settings, 128, seed).state() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_construction_leaves_the_global_generator_alone(small_params: Params) -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    DeepJSCCSystem.create(deepjscc_settings(small_params), 128, seed=5)
    assert torch.equal(torch.rand(4), expected)


def test_stored_and_restored_bit_by_bit(
    jscc: DeepJSCCSystem, small_params: Params, images: torch.Tensor, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    awake(jscc)
    file = tmp_path / "net.safetensors"
    save(jscc, file)
    restored = DeepJSCCSystem.restore(deepjscc_settings(small_params), 128, load_file(file))
    state = restored.state()
    assert state.keys() == jscc.state().keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in jscc.state().items())
    assert torch.equal(restored.encode(images).codewords, jscc.encode(images).codewords)
    assert not restored.module.training
    assert not any(parameter.requires_grad for parameter in restored.module.parameters())
    first = file.read_bytes()
    save(restored, file)
    assert file.read_bytes() == first


def test_weights_of_another_shape_are_refused(jscc: DeepJSCCSystem, small_params: Params) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        DeepJSCCSystem.restore(deepjscc_settings(small_params), 192, jscc.state())


def test_every_prelu_is_its_own(jscc: DeepJSCCSystem) -> None:
    slopes = [module for module in jscc.module.modules() if isinstance(module, nn.PReLU)]
    called: list[int] = []
    for module in slopes:
        module.register_forward_hook(lambda module, *_: called.append(id(module)))
    jscc.decode(jscc.encode(torch.rand(1, 3, 32, 32)).codewords, 0.1)
    assert len(slopes) == len(set(called)) == len(called) == 12  # none is shared, none is idle
    assert len({module.weight.data_ptr() for module in slopes}) == 12
    assert all(module.num_parameters > 1 for module in slopes)


def test_a_residual_block_adds_its_input() -> None:
    block = ResidualBlock(3)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(2, 3, 8, 8)
    assert torch.equal(block(features), features)


# training loss


class Recorder(nn.Module):
    """Stands for the decoder: keeps what it receives and shows black."""

    def forward(self, received: torch.Tensor) -> torch.Tensor:
        """Record and answer."""
        self.received = received.detach().clone()
        return torch.zeros(len(received), 3, 32, 32)


def arrived(system: DeepJSCCSystem, images: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(noise that the decoder received, loss) in training."""
    recorder = Recorder()
    whole = system.module.decoder
    system.module.decoder = recorder  # type: ignore[assignment]
    try:
        loss = system.loss(images, torch.Generator().manual_seed(seed))
    finally:
        system.module.decoder = whole
    return recorder.received - system.encode(images).codewords, loss.detach()


def test_training_without_noise_has_none(small_params: Params, images: torch.Tensor) -> None:
    system = DeepJSCCSystem.create(deepjscc_settings(small_params, "deepjscc_noiseless"), 128, seed=3)
    assert system.training.train_snr_db is None
    assert arrived(system, images, 0)[0].abs().max() == 0
    first, second = (system.loss(images, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.equal(first, second)
    expected = (system.decode(system.encode(images).codewords, 1.0).images - images).square().mean()
    assert first.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_training_noise_has_the_variance_of_its_snr(small_params: Params, images: torch.Tensor, snr_db: float) -> None:
    settings = deepjscc_settings(small_params)
    training = settings.training.model_copy(update={"train_snr_db": snr_db})
    system = DeepJSCCSystem.create(settings.model_copy(update={"training": training}), 768, seed=3)
    noise, loss = arrived(system, images.repeat(10, 1, 1, 1), 4)
    count = noise.numel()
    assert count == 200 * 768
    # 5 standard deviations of a sample variance of Gaussians are 5·sqrt(2/n) = 1.8%
    assert noise.square().mean().item() == pytest.approx(10 ** (-snr_db / 10), rel=5 * (2 / count) ** 0.5)
    assert abs(noise.mean().item()) < 5 * (10 ** (-snr_db / 20)) / count**0.5
    assert loss.item() == pytest.approx(images.square().mean().item(), rel=1e-5)


def test_training_noise_is_fresh_and_follows_its_generator(jscc: DeepJSCCSystem, images: torch.Tensor) -> None:
    first, again, other = (arrived(jscc, images, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        losses = {jscc.loss(images, generator).item() for _ in range(3)}
    assert len(losses) == 3


def test_the_loss_reaches_every_weight(params: Params, images: torch.Tensor) -> None:
    jscc = DeepJSCCSystem.create(deepjscc_settings(params), 768, seed=3)
    jscc.loss(images, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    for name, parameter in jscc.module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_pixels_are_centred_inside() -> None:
    """Mid-grey is the origin of the network: without biases it has no direction, and is sent as silence."""
    module = DeepJSCC(128, 4)
    for name, parameter in module.encoder.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    codeword = module.encoder(torch.full((1, 3, 32, 32), 0.5))
    assert codeword.abs().max() == 0
    assert not codeword.isnan().any()
