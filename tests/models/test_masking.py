"""Masks: their number, their randomness, that both ends share them, and that tokens find their places again."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.models.masking import (
    gather_visible,
    is_hidden,
    random_visible,
    scatter_visible,
    shared_visible,
    visible_count,
)
from tests.models.samples import generator


@pytest.mark.parametrize(
    ("patches", "ratio", "expected"),
    [(64, 0.5, 32), (64, 0.75, 16), (64, 0, 64), (10, 0.9, 1), (100, 0.29, 71), (64, 0.999, 1), (5, 0.5, 3)],
)
def test_visible_count_is_exact(patches: int, ratio: float, expected: int) -> None:
    """In floats, 10·(1 - 0.9) falls below 1 and 100·0.29 below 29."""
    assert visible_count(patches, ratio) == expected


@pytest.mark.parametrize("ratio", [-0.1, 1.0, float("nan")])
def test_a_ratio_that_leaves_no_patch_is_an_error(ratio: float) -> None:
    with pytest.raises(ValueError, match="masking ratio"):
        visible_count(64, ratio)


def assert_masks(visible: torch.Tensor, patches: int) -> None:
    assert visible.dtype == torch.int64
    assert (visible.diff(dim=1) > 0).all()
    assert visible.min() >= 0
    assert visible.max() < patches


def test_random_masks_are_subsets_and_uniform() -> None:
    visible = random_visible(4000, 16, 4, generator())
    assert visible.shape == (4000, 4)
    assert_masks(visible, 16)
    assert torch.equal(visible, random_visible(4000, 16, 4, generator()))
    often = torch.bincount(visible.flatten(), minlength=16)
    assert (often - 1000).abs().max() < 4.5 * (4000 * 0.25 * 0.75) ** 0.5  # 4.5 standard deviations


def test_shared_masks_depend_on_seed_and_number_alone() -> None:
    whole = shared_visible(7, range(20), 64, 32)
    assert_masks(whole, 64)
    assert torch.equal(shared_visible(7, [19, 3, 4], 64, 32), whole[[19, 3, 4]])
    assert torch.equal(torch.cat([shared_visible(7, range(7), 64, 32), shared_visible(7, range(7, 20), 64, 32)]), whole)
    assert len({tuple(row) for row in whole.tolist()}) == 20
    assert not torch.equal(shared_visible(8, range(20), 64, 32), whole)


def test_shared_masks_are_nested_in_the_ratio() -> None:
    many, few = (is_hidden(shared_visible(0, range(5), 64, count), 64) for count in (32, 16))
    assert (few | ~many).all()


@pytest.mark.parametrize("visible", [0, 17])
def test_no_mask_without_patches_or_with_too_many(visible: int) -> None:
    with pytest.raises(ValueError, match="visible patches of 16"):
        random_visible(1, 16, visible, generator())
    with pytest.raises(ValueError, match="visible patches of 16"):
        shared_visible(0, [1], 16, visible)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 12), st.data())
def test_gather_and_scatter_are_inverse(batch: int, patches: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, patches))
    visible = random_visible(batch, patches, count, generator(data.draw(st.integers(0, 99))))
    tokens = torch.randn(batch, patches, 4, generator=generator(1))
    mask_token = torch.randn(4, generator=generator(2))
    kept = gather_visible(tokens, visible)
    assert kept.shape == (batch, count, 4)
    placed = scatter_visible(kept, visible, mask_token, patches)
    assert torch.equal(gather_visible(placed, visible), kept)
    hidden = is_hidden(visible, patches)
    assert hidden.sum() == batch * (patches - count)
    assert torch.equal(placed[~hidden], tokens[~hidden])
    assert (placed[hidden] == mask_token).all()


def test_the_mask_token_gets_the_gradient_of_hidden_places_only() -> None:
    visible = torch.tensor([[0, 2], [1, 2]])
    tokens, mask_token = torch.randn(2, 2, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    weights = torch.randn(2, 4, 3)
    placed = scatter_visible(tokens, visible, mask_token, 4)
    by_tokens, by_mask_token = torch.autograd.grad((placed * weights).sum(), [tokens, mask_token])
    assert torch.equal(by_tokens, gather_visible(weights, visible))
    torch.testing.assert_close(by_mask_token, weights[0, [1, 3]].sum(0) + weights[1, [0, 3]].sum(0))
