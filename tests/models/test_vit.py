"""Patches and back, positions, attention against torch's own, and the classifier's promises."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.models.vit import (
    VIT_SIZE,
    Attention,
    PatchEmbedding,
    TransformerSize,
    VisionTransformer,
    denormalize,
    normalize,
    patchify,
    sine_positions,
    unpatchify,
)
from tests.models.samples import TINY, block_parameters, generator, images, parameters, tiny_vit


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 2, 4]))
def test_patchify_and_unpatchify_are_inverse(batch: int, grid: int, patch: int) -> None:
    pixels = torch.rand(batch, 3, grid * patch, grid * patch, generator=generator())
    patches = patchify(pixels, patch)
    assert patches.shape == (batch, grid**2, 3 * patch**2)
    assert torch.equal(unpatchify(patches, patch), pixels)
    assert torch.equal(patchify(unpatchify(patches, patch), patch), patches)


def test_patches_lie_row_by_row() -> None:
    pixels = images(2)
    for number in range(16):
        row, column = divmod(number, 4)
        tile = pixels[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert torch.equal(patchify(pixels, 4)[:, number], tile.flatten(1))


@pytest.mark.parametrize("shape", [(1, 3, 30, 30), (1, 3, 32, 16)])
def test_patches_must_tile_a_square(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="square grid of 4x4"):
        patchify(torch.zeros(shape), 4)


def test_normalize_and_denormalize_are_inverse() -> None:
    torch.testing.assert_close(denormalize(normalize(images())), images())


def test_positions_differ_and_follow_the_formula() -> None:
    positions = sine_positions(8, 16)
    assert positions.shape == (64, 16)
    assert torch.cdist(positions, positions).fill_diagonal_(1).min() > 0.1
    omega = 10000.0 ** (-torch.arange(4) / 4)
    row, column = 3.0, 5.0
    expected = [(row * omega).sin(), (row * omega).cos(), (column * omega).sin(), (column * omega).cos()]
    torch.testing.assert_close(positions[3 * 8 + 5], torch.cat(expected))
    with pytest.raises(ValueError, match="multiple of 4"):
        sine_positions(8, 18)


def test_attention_agrees_with_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.project_in.weight)
        theirs.in_proj_bias.copy_(ours.project_in.bias)
        theirs.out_proj.load_state_dict(ours.project_out.state_dict())
    tokens = torch.randn(2, 5, 16)
    torch.testing.assert_close(ours(tokens), theirs(tokens, tokens, tokens)[0])
    with pytest.raises(ValueError, match="3 heads"):
        Attention(16, 3)


@pytest.mark.parametrize("size", [VIT_SIZE, TransformerSize(width=8, depth=1, heads=2, hidden=12)])
def test_parameter_count(size: TransformerSize) -> None:
    expected = (48 + 1) * size.width + block_parameters(size) + (size.width + 1) * 10
    assert parameters(VisionTransformer(size=size)) == expected


def test_eval_with_and_without_gradients_and_training_compute_the_same() -> None:
    """No fast path: an attack differentiates what is evaluated."""
    model, pixels = tiny_vit(), images().requires_grad_(True)
    trained = model(pixels)
    (gradient,) = torch.autograd.grad(trained.square().sum(), pixels)
    model.eval().requires_grad_(False)
    evaluated = model(pixels)
    (again,) = torch.autograd.grad(evaluated.square().sum(), pixels)
    assert torch.equal(trained, evaluated)
    assert torch.equal(gradient, again)
    assert gradient.abs().amax(dim=(1, 2, 3)).min() > 0
    with torch.no_grad():
        assert torch.equal(model(images()), evaluated)


def test_dropout_acts_in_training_only() -> None:
    model, pixels = tiny_vit(dropout=0.5), images()
    assert not torch.equal(model(pixels), model(pixels))
    model.eval()
    assert torch.equal(model(pixels), model(pixels))


def test_a_stem_sees_its_own_patch_alone() -> None:
    """So that what a mask hides cannot be read from its neighbours."""
    torch.manual_seed(0)
    embedding = PatchEmbedding(8, 4, 16, stem=5)
    images = torch.rand(1, 3, 8, 8)
    changed = images.clone()
    changed[..., :4, 4:] += 0.5  # patch 1 of 2x2
    moved = (embedding(images) - embedding(changed)).abs().amax(dim=2)[0]
    assert moved[1] > 1e-3
    assert moved[[0, 2, 3]].tolist() == [0.0, 0.0, 0.0]


def test_bf16_autocast_is_near_and_trains() -> None:
    model, pixels = tiny_vit(), images()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(pixels)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, model(pixels), atol=0.03, rtol=0.03)
    logits.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


def test_state_round_trip_and_training_lower_the_loss() -> None:
    model, pixels, labels = tiny_vit(), images(8), torch.arange(8) % 5
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(model(pixels), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    other = VisionTransformer(16, size=TINY, classes=5)
    assert not torch.equal(other(pixels), model(pixels))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(pixels), model(pixels))
