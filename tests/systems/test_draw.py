"""Draws: a row belongs to its image and its name, never to the batch, and masks to the image alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.pipeline import seeds
from semrobust.systems.draw import BatchDraw, Draw, Randomness

SEED = 5
COUNT = 4


def draw(*numbers: int, seed: int = SEED) -> Draw:
    return Draw(seed, torch.tensor(numbers))


def batch_draw(seed: int = SEED, masks: int = 9) -> BatchDraw:
    return BatchDraw(seed, masks, COUNT)


BOTH: list[Randomness] = [draw(3, 1, 4, 15), batch_draw()]


@settings(max_examples=25, deadline=None)
@given(numbers=st.lists(st.integers(0, 2**40), min_size=1, max_size=6), inner=st.data())
def test_a_row_is_the_same_in_any_batch_and_order(numbers: list[int], inner: st.DataObject) -> None:
    every = draw(*numbers)
    order = torch.tensor(inner.draw(st.lists(st.integers(0, len(numbers) - 1), min_size=1, max_size=6)))
    some = every.take(order)
    assert len(some) == len(order)
    assert torch.equal(some.numbers, every.numbers[order])
    assert torch.equal(some.normal(2, 3), every.normal(2, 3)[order])
    assert torch.equal(some.uniform(5), every.uniform(5)[order])
    assert torch.equal(some.named("x").normal(4), every.named("x").normal(4)[order])  # naming and taking commute
    assert torch.equal(some.visible(16, 5), every.visible(16, 5)[order])


def test_images_seeds_and_names_all_have_values_of_their_own() -> None:
    values = [
        *draw(0, 1, 2**31).normal(6),
        *draw(0, 1, seed=SEED + 1).normal(6),
        *draw(0, 1).named("noise").normal(6),
        *draw(0, 1).named("fading").normal(6),
        *draw(0, 1).named("run", 1).normal(6),
        *draw(0, 1).named("run", 2).normal(6),
        *draw(0, 1).named("run").named(1).normal(6),
    ]
    assert torch.pdist(torch.stack(values)).min() > 1e-3


@pytest.mark.parametrize("given_draw", BOTH, ids=["draw", "batch"])
def test_asking_again_gives_the_same_under_every_name(given_draw: Randomness) -> None:
    for one in (given_draw, given_draw.named("noise"), given_draw.named("run", 3)):
        assert torch.equal(one.normal(3, 2), one.normal(3, 2))
        assert torch.equal(one.uniform(7), one.uniform(7))
        assert torch.equal(one.visible(16, 8), one.visible(16, 8))
    assert torch.equal(given_draw.named("run", 3).normal(5), given_draw.named("run", 3).normal(5))
    assert not torch.equal(given_draw.named("a").normal(5), given_draw.named("b").normal(5))
    assert not torch.equal(given_draw.named("a").normal(5), given_draw.normal(5))


@pytest.mark.parametrize("given_draw", BOTH, ids=["draw", "batch"])
def test_shapes_types_and_laws(given_draw: Randomness) -> None:
    normal, uniform = given_draw.normal(500, 10), given_draw.uniform(500, 10)
    assert len(given_draw) == COUNT
    for values in (normal, uniform):
        assert values.shape == (COUNT, 500, 10)
        assert values.dtype == torch.float32
    deviations = 5 / (COUNT * 5000) ** 0.5
    assert abs(float(normal.mean())) < deviations
    assert abs(float(normal.square().mean()) - 1) < deviations * 2**0.5
    assert float(uniform.min()) >= 0
    assert float(uniform.max()) < 1
    assert abs(float(uniform.mean()) - 0.5) < deviations / 12**0.5


@settings(max_examples=20, deadline=None)
@given(few=st.integers(1, 40), more=st.integers(0, 40))
def test_more_columns_leave_the_first_ones(few: int, more: int) -> None:
    one = draw(3, 77)
    assert torch.equal(one.normal(few + more)[:, :few], one.normal(few))


def test_generators_are_those_of_the_images() -> None:
    expected = seeds.generator(SEED, "image", 8).gamma(2.0, size=3)
    (stream,) = draw(8).generators()
    assert stream.gamma(2.0, size=3).tolist() == expected.tolist()


# masks


@pytest.mark.parametrize("given_draw", BOTH, ids=["draw", "batch"])
def test_a_mask_holds_ascending_patches_of_the_image(given_draw: Randomness) -> None:
    visible = given_draw.visible(16, 6)
    assert visible.shape == (COUNT, 6)
    assert visible.dtype == torch.int64
    assert torch.all(visible.diff(dim=1) > 0)
    assert int(visible.min()) >= 0
    assert int(visible.max()) < 16
    assert len(torch.unique(visible, dim=0)) == COUNT  # each image has its own: 8008 masks, 4 images
    assert torch.equal(given_draw.visible(16, 16), torch.arange(16).expand(COUNT, -1))


def test_public_masks_depend_on_the_images_alone() -> None:
    expected = draw(3, 1, 4).visible(16, 8)
    assert torch.equal(draw(3, 1, 4, seed=SEED + 1).visible(16, 8), expected)  # whatever the channel does
    assert torch.equal(draw(3, 1, 4).named("sample", 2).visible(16, 8), expected)
    assert not torch.equal(draw(3, 1, 5).visible(16, 8), expected)


def test_masks_of_a_training_batch_stay_under_every_name() -> None:
    one = batch_draw()
    expected = one.visible(16, 8)
    for other in (one.named("noise"), one.named("noise").named("run", 0), batch_draw(seed=77)):
        assert torch.equal(other.visible(16, 8), expected)
    assert not torch.equal(batch_draw(masks=10).visible(16, 8), expected)
    assert torch.equal(batch_draw(masks=10).normal(4), one.normal(4))


def test_a_training_batch_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="send the batch as a whole"):
        batch_draw().take(torch.tensor([0]))


def test_rows_of_a_training_batch_differ() -> None:
    assert torch.pdist(batch_draw().normal(6)).min() > 1e-3


def test_draws_leave_the_global_generator_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    for one in BOTH:
        one.named("noise").normal(3), one.uniform(3), one.visible(16, 8)
    assert torch.equal(torch.rand(3), expected)
