"""The transceiver in one piece: what it may see, what reaches which parameter, and that it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semrobust.models.masked_autoencoder import LIGHT_SIZE, MaskedAutoencoder
from semrobust.models.masking import is_hidden
from semrobust.models.straight_through import straight_through
from semrobust.models.vit import VIT_SIZE, patchify, unpatchify
from tests.models.samples import block_parameters, digest, generator, images, masks, parameters, tiny_autoencoder

VARIANTS: dict[str, dict[str, Any]] = {
    "pixels": {},
    "classes": {"classes": 5},
    "ema": {"classes": 5, "ema_decay": 0.8},
    "no codebook": {"codebook_size": None, "classes": 5},
    "no mask": {"masking_ratio": 0.0},
    "pooled": {"masking_ratio": 0.0, "pooled": 2, "classes": 5},
}
ALL = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def mask_of(model: MaskedAutoencoder, count: int = 3) -> torch.Tensor:
    return masks(count, visible=model.visible_patches)


@ALL
def test_shapes_and_dtypes(options: dict[str, Any]) -> None:
    model = tiny_autoencoder(**options)
    visible, pixels = mask_of(model), images()
    z = model.encode(pixels, visible)
    assert z.shape == (3, model.visible_patches // options.get("pooled", 1), 6)
    vectors = z if model.codebook is None else model.quantize(z).vectors
    received = model.reconstruct(vectors, visible) if model.head is None else model.classify(vectors, visible)
    assert received.shape == ((3, 3, 16, 16) if model.head is None else (3, 5))
    assert z.dtype == vectors.dtype == received.dtype == torch.float32


@ALL
def test_one_pass_is_the_three_parts_in_a_row(options: dict[str, Any]) -> None:
    model = tiny_autoencoder(**options).eval()
    visible = mask_of(model)
    passed = model(images(), visible)
    vectors = model.encode(images(), visible)
    if model.codebook is not None:
        assert passed.quantized is not None
        vectors = model.codebook.lookup(passed.quantized.indices)  # what the receiver gets over a perfect channel
    receive = model.reconstruct if model.head is None else model.classify
    assert torch.equal(receive(vectors, visible), passed.output)


def test_hidden_pixels_change_nothing_and_visible_ones_do() -> None:
    model, visible = tiny_autoencoder().eval(), masks()
    hidden = is_hidden(visible, 16)[..., None]
    pixels, other = patchify(images(seed=1), 4), patchify(images(seed=2), 4)
    clean = model.encode(unpatchify(pixels, 4), visible)
    assert torch.equal(model.encode(unpatchify(torch.where(hidden, other, pixels), 4), visible), clean)
    assert not torch.equal(model.encode(unpatchify(torch.where(hidden, pixels, other), 4), visible), clean)
    image = unpatchify(pixels, 4).requires_grad_(True)
    (slope,) = torch.autograd.grad(model(image, visible).output.square().sum(), image)
    assert ((patchify(slope, 4) == 0).all(-1) == hidden[..., 0]).all()


def test_positions_tell_patches_apart() -> None:
    """A grey image differs from place to place, every hidden patch is drawn on its own, and the head sees places."""
    model, grey = tiny_autoencoder(), torch.full((3, 3, 16, 16), 0.3)
    assert not torch.allclose(model.encode(grey, masks()), model.encode(grey, masks(seed=1)))
    vectors = torch.randn(3, 8, 6, generator=generator())
    drawn = patchify(model.reconstruct(vectors, masks()), 4)
    for patches, hidden in zip(drawn, is_hidden(masks(), 16), strict=True):
        assert torch.pdist(patches[hidden]).min() > 1e-4
    classified = tiny_autoencoder(classes=5)
    logits = classified.classify(vectors, masks())
    assert not torch.allclose(classified.classify(vectors, masks(seed=1)), logits)
    order = torch.randperm(8, generator=generator())
    torch.testing.assert_close(classified.classify(vectors[:, order], masks()[:, order]), logits)


@ALL
def test_every_parameter_gets_a_gradient_and_the_right_one(options: dict[str, Any]) -> None:
    model = tiny_autoencoder(**options)
    passed = model(images(), mask_of(model))
    names, values = zip(*model.named_parameters(), strict=True)

    def reached(loss: torch.Tensor) -> set[str]:
        gradients = torch.autograd.grad(loss, values, retain_graph=True, allow_unused=True)
        return {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None}

    parts = {part: {name for name in names if name.startswith(part)} for part in ("encoder.", "codebook.")}
    receiver = set(names) - parts["encoder."] - parts["codebook."]
    assert reached(passed.output.square().mean()) == parts["encoder."] | receiver
    if passed.quantized is not None:
        assert reached(passed.quantized.commitment_loss) == parts["encoder."]
        if "ema_decay" not in options:
            assert reached(passed.quantized.codebook_loss) == parts["codebook."]


def test_a_pooled_vector_is_the_mean_of_its_patches_and_stands_between_them() -> None:
    one, two = tiny_autoencoder(classes=5).eval(), tiny_autoencoder(classes=5, pooled=2).eval()
    two.load_state_dict(one.state_dict())
    z = two.encode(images(), masks())
    torch.testing.assert_close(z, one.encode(images(), masks()).reshape(3, 4, 2, 6).mean(2))
    # patches of one place and one feature pool to themselves
    same, vectors = masks(visible=4).repeat_interleave(2, dim=1), torch.randn(3, 4, 6, generator=generator())
    torch.testing.assert_close(two.classify(vectors, same), one.classify(vectors.repeat_interleave(2, dim=1), same))
    with pytest.raises(ValueError, match="8 patches cannot be pooled by 3"):
        tiny_autoencoder(classes=5, pooled=3)


def test_corrupted_indices_pass_straight_through() -> None:
    model, visible = tiny_autoencoder(classes=5), masks()
    assert model.codebook is not None
    pixels = images().requires_grad_(True)
    z = model.encode(pixels, visible)
    sent = model.quantize(z)
    arrived = model.codebook.lookup(sent.indices ^ 1)
    logits = model.classify(straight_through(z, arrived), visible)
    assert torch.equal(logits, model.classify(arrived, visible))
    assert not torch.equal(logits, model.classify(sent.vectors, visible))
    (slope,) = torch.autograd.grad(logits.square().sum(), pixels)
    assert slope.isfinite().all()
    assert slope.abs().sum() > 0


@ALL
def test_an_attack_in_eval_mode_changes_no_weight_and_sees_the_gradient_of_training(options: dict[str, Any]) -> None:
    model = tiny_autoencoder(**options)
    visible = mask_of(model)

    def slope() -> torch.Tensor:
        pixels = images().requires_grad_(True)
        return torch.autograd.grad(model(pixels, visible).output.square().sum(), pixels)[0]

    model.eval()
    before, evaluated = digest(model), slope()
    assert digest(model) == before
    model.train()
    assert torch.equal(slope(), evaluated)


@ALL
def test_state_round_trip(options: dict[str, Any]) -> None:
    model, other = tiny_autoencoder(**options), tiny_autoencoder(**options)
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(0.1) if value.is_floating_point() else value
    assert digest(model) != digest(other)
    other.load_state_dict(model.state_dict())
    assert digest(model) == digest(other)
    model.eval(), other.eval()
    visible = mask_of(model)
    assert torch.equal(model(images(), visible).output, other(images(), visible).output)


def test_fine_tuning_starts_from_the_trained_transmitter() -> None:
    trained, model = tiny_autoencoder(), tiny_autoencoder(classes=5)
    with torch.no_grad():
        for value in trained.parameters():
            value.add_(0.1)
    model.adopt_transmitter(trained)
    assert digest(model.encoder) == digest(trained.encoder)
    assert model.codebook is not None
    assert trained.codebook is not None
    assert digest(model.codebook) == digest(trained.codebook)
    with pytest.raises(RuntimeError, match="size mismatch"):
        tiny_autoencoder(features=7).adopt_transmitter(trained)


@ALL
def test_bf16_autocast_works(options: dict[str, Any]) -> None:
    model = tiny_autoencoder(**options)
    with torch.autocast("cpu", torch.bfloat16):
        output, sent = model(images(), mask_of(model))
    loss = output.square().mean()
    if sent is not None:
        loss = loss + sent.commitment_loss + sent.codebook_loss
    assert output.dtype == loss.dtype == torch.float32
    loss.backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())


@ALL
def test_a_few_steps_lower_the_loss(options: dict[str, Any]) -> None:
    def run() -> list[float]:
        model, losses = tiny_autoencoder(**options), []
        labels = torch.arange(6) % 5
        visible, pixels = mask_of(model, 6), 0.1 * images(6) + 0.2 * labels[:, None, None, None]
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        for _ in range(12):
            output, sent = model(pixels, visible)
            if model.head is None:
                loss = torch.nn.functional.mse_loss(output, pixels)
            else:
                loss = torch.nn.functional.cross_entropy(output, labels)
            losses.append(loss.item())
            optimizer.zero_grad()
            (loss if sent is None else loss + sent.codebook_loss + 0.25 * sent.commitment_loss).backward()
            optimizer.step()
        return losses

    losses = run()
    assert losses[-1] < 0.9 * losses[0]
    assert losses == run()


def test_parameter_count_of_the_defaults() -> None:
    width, features, hidden = VIT_SIZE.width, 32, 256
    encoder = 49 * width + block_parameters(VIT_SIZE) + (width + 1) * features
    pixels = (features + 1) * width + width + block_parameters(LIGHT_SIZE) + (width + 1) * 48
    head = (features + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * 10
    assert parameters(MaskedAutoencoder()) == encoder + 512 * features + pixels
    assert parameters(MaskedAutoencoder(classes=10)) == encoder + 512 * features + head
    assert parameters(MaskedAutoencoder(classes=10, codebook_size=None)) == encoder + head


def test_what_a_model_does_not_have_is_an_error() -> None:
    vectors = torch.zeros(3, 8, 6)
    with pytest.raises(ValueError, match="no classification head"):
        tiny_autoencoder().classify(vectors, masks())
    with pytest.raises(ValueError, match="no decoder"):
        tiny_autoencoder(classes=5).reconstruct(vectors, masks())
    with pytest.raises(ValueError, match="no codebook"):
        tiny_autoencoder(codebook_size=None).quantize(vectors)


@pytest.mark.parametrize(
    "visible", [None, masks(visible=9), masks(count=2)], ids=["none", "other ratio", "other batch"]
)
def test_a_mask_must_fit(visible: torch.Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"a mask of shape \(3, 8\)"):
        tiny_autoencoder().encode(images(), visible)


def test_a_model_without_a_mask_sends_all_patches_in_order() -> None:
    model = tiny_autoencoder(masking_ratio=0.0)
    everything = torch.arange(16).expand(3, -1)
    assert torch.equal(model.encode(images()), model.encode(images(), everything))
