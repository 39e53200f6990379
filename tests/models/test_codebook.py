"""Eqs. 10 and 11 by brute force and by hand, and that nothing moves a codebook in eval mode."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semrobust.errors import TrainingError
from semrobust.models.codebook import (
    Codebook,
    CodebookCollapse,
    check_collapse,
    perplexity,
    usage,
)
from semrobust.models.straight_through import straight_through
from tests.models.samples import digest, generator

EITHER = pytest.mark.parametrize("ema_decay", [None, 0.8], ids=["gradient", "ema"])


def codebook(size: int = 11, dim: int = 4, ema_decay: float | None = None) -> Codebook:
    torch.manual_seed(0)
    return Codebook(size, dim, ema_decay)


def features(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def tiny(basis: list[list[float]]) -> Codebook:
    book = Codebook(len(basis), len(basis[0]))
    with torch.no_grad():
        book.basis.copy_(torch.tensor(basis))
    return book


@EITHER
@pytest.mark.parametrize("training", [True, False])
def test_the_nearest_vector_by_brute_force(ema_decay: float | None, training: bool) -> None:
    book = codebook(ema_decay=ema_decay).train(training)
    z, basis = features(3, 20, 4), book.basis.detach().clone()
    sent = book(z)
    expected = torch.stack([(basis - row).square().sum(1).argmin() for row in z.reshape(-1, 4)]).reshape(3, 20)
    assert sent.indices.dtype == torch.int64
    assert torch.equal(sent.indices, expected)
    assert torch.equal(sent.vectors, basis[expected])  # the very values that the receiver looks up
    assert sent.codebook_loss.item() == pytest.approx((z - basis[expected]).square().sum(-1).mean().item())
    assert sent.commitment_loss.item() == pytest.approx(sent.codebook_loss.item())


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_equation_11_by_hand(training: bool) -> None:
    """z = (1,1), (3,0), (0,1) with e = (0,0), (4,0), (9,9): indices 0, 1, 0; each mean is over three vectors."""
    book = tiny([[0.0, 0.0], [4.0, 0.0], [9.0, 9.0]]).train(training)
    z = torch.tensor([[1.0, 1.0], [3.0, 0.0], [0.0, 1.0]], requires_grad=True)
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    embed = next(book.parameters())
    assert len(list(book.parameters())) == 1
    sent = book(z)
    assert sent.indices.tolist() == [0, 1, 0]
    assert sent.codebook_loss.item() == pytest.approx((2 + 1 + 1) / 3)

    def gradients(loss: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return torch.autograd.grad(loss, [z, embed], retain_graph=True, allow_unused=True)

    task_z, task_e = gradients((sent.vectors * weights).sum())
    assert task_e is None
    assert task_z is not None
    assert torch.equal(task_z, weights)  # the straight-through estimator is the identity
    book_z, book_e = gradients(sent.codebook_loss)
    assert book_z is None
    assert book_e is not None
    torch.testing.assert_close(book_e[0], 2 / 3 * torch.tensor([[-1.0, -2.0], [1.0, 0.0], [0.0, 0.0]]))
    commit_z, commit_e = gradients(sent.commitment_loss)
    assert commit_e is None
    assert commit_z is not None
    torch.testing.assert_close(commit_z, 2 / 3 * torch.tensor([[1.0, 1.0], [-1.0, 0.0], [0.0, 1.0]]))


def test_straight_through_has_exactly_the_received_values() -> None:
    z, received = features(5, 4).requires_grad_(True), 1e3 * features(5, 4, seed=2).requires_grad_(True)
    passed = straight_through(z, received)
    assert torch.equal(passed, received)
    by_z, by_received = torch.autograd.grad(passed.sum(), [z, received], allow_unused=True)
    assert torch.equal(by_z, torch.ones(5, 4))
    assert by_received is None


@EITHER
def test_nothing_changes_a_codebook_in_eval_mode(ema_decay: float | None) -> None:
    book = codebook(ema_decay=ema_decay).eval()
    before = digest(book)
    for seed in range(3):
        z = (10 * features(2, 9, 4, seed=seed)).requires_grad_(True)
        sent = book(z)
        loss = sent.vectors.square().sum() + sent.commitment_loss
        (slope,) = torch.autograd.grad(loss, z)
        book(z.detach() + slope.sign())
        book.lookup(sent.indices)
    assert digest(book) == before
    with pytest.raises(ValueError, match="eval mode"):
        book.reseed(features(20, 4), generator())
    assert digest(book) == before


def test_moving_averages_follow_their_formula_in_training() -> None:
    book = codebook(3, 2, ema_decay=0.9)
    assert not list(book.parameters())
    basis, z = book.basis.clone(), features(30, 2)
    sent = book(z)
    assert torch.equal(sent.vectors, basis[sent.indices])  # from before the update
    assert not sent.codebook_loss.requires_grad
    one_hot = torch.nn.functional.one_hot(sent.indices, 3).float()
    sums, often = 0.9 * basis + 0.1 * one_hot.T @ z, 0.9 + 0.1 * one_hot.sum(0)
    torch.testing.assert_close(book.basis, sums / often[:, None], rtol=1e-4, atol=1e-4)  # the library smooths by 1e-5
    assert not torch.equal(book.basis, basis)


def test_a_forward_pass_in_training_leaves_a_gradient_trained_codebook_alone() -> None:
    book = codebook()
    before = digest(book)
    book(features(50, 4))
    assert digest(book) == before


@pytest.mark.parametrize("training", [True, False])
def test_autocast_changes_no_index(training: bool) -> None:
    book = codebook(64, 8).train(training)
    z = features(500, 8)
    with torch.autocast("cpu", torch.bfloat16):
        sent = book(z)
    assert torch.equal(sent.indices, book(z).indices)
    assert sent.vectors.dtype == torch.float32
    half = book(z.bfloat16().requires_grad_(True))
    assert half.vectors.dtype == torch.float32
    half.vectors.sum().backward()


@pytest.mark.parametrize(("size", "bits"), [(2, 1), (3, 2), (8, 3), (11, 4), (512, 9), (513, 10)])
def test_bits_of_an_index(size: int, bits: int) -> None:
    assert codebook(size, 2).bits == bits


def test_lookup_and_what_an_impossible_index_becomes() -> None:
    book = codebook(11)
    mean = book.basis.mean(0)
    found = book.lookup(torch.tensor([[0, 10], [11, 15]]))
    assert torch.equal(found, torch.stack([book.basis[[0, 10]], torch.stack([mean, mean])]))
    for wrong in (-1, 16):
        with pytest.raises(ValueError, match=r"hold 0\.\.15"):
            book.lookup(torch.tensor([0, wrong]))


def test_reseed_replaces_the_unused_by_features() -> None:
    book, z = codebook(6, 4), features(20, 4)
    before = book.basis.detach().clone()
    unused = torch.tensor([False, True, False, True, False, False])
    assert book.reseed(z, generator(3), unused).tolist() == [1, 3]
    assert torch.equal(book.basis[~unused], before[~unused])
    assert all((z == vector).all(1).any() for vector in book.basis[unused])
    assert book.reseed(z[:4], generator(3)).tolist() == [0, 1, 2, 3]  # too few: the others stay
    assert len({tuple(row) for row in book.basis[:4].tolist()}) == 4
    averaged = codebook(6, 4, ema_decay=0.5)
    averaged.reseed(z, generator(3))
    seeded = averaged.basis.clone()
    averaged(seeded)  # one feature on each vector: the average stays where it is
    torch.testing.assert_close(averaged.basis, seeded, rtol=1e-4, atol=1e-4)


def test_perplexity_and_usage_in_closed_form() -> None:
    uniform, one = torch.arange(8).repeat(5), torch.full((3, 7), 2)
    assert perplexity(uniform, 8) == pytest.approx(8)
    assert perplexity(uniform, 100) == pytest.approx(8)
    assert perplexity(one, 8) == pytest.approx(1)
    assert (usage(uniform, 8), usage(uniform, 16), usage(one, 8)) == (1.0, 0.5, 0.125)
    assert perplexity(torch.tensor([0, 0, 0, 1]), 2) == pytest.approx(0.25**-0.25 * 0.75**-0.75)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_perplexity_lies_between_one_and_the_vectors_in_use(values: list[int]) -> None:
    indices = torch.tensor(values)
    assert 1 - 1e-9 <= perplexity(indices, 10) <= 10 * usage(indices, 10) + 1e-9


def test_collapse_is_an_error_of_the_family() -> None:
    check_collapse(torch.arange(8), 8, limit=7.9)
    with pytest.raises(CodebookCollapse, match=r"perplexity 1\.0, below the limit of 2, with 1 of 8") as caught:
        check_collapse(torch.zeros(9, dtype=torch.int64), 8, limit=2.0)
    assert isinstance(caught.value, TrainingError)


def test_a_codebook_of_one_says_nothing() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        Codebook(1, 4)
