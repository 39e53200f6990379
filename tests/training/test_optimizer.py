"""What moves the weights: Muon against its closed forms and torch's own, and the schedule of the rates."""

from __future__ import annotations

import pytest
import torch

from semrobust.models.vit import TransformerSize, VisionTransformer
from semrobust.training.classification import block_matrices
from semrobust.training.optimizer import Muon, Optimizers, one_cycle, orthogonal
from tests.attacks.samples import deepjscc_settings


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (4, 12), (12, 4), (1, 5)])
def test_orthogonal_keeps_the_directions_and_levels_their_sizes(rows: int, columns: int) -> None:
    """U S Vᵀ becomes U S' Vᵀ with S' near 1, whatever S was."""
    matrices = normal(3, rows, columns) * torch.tensor([1e-4, 1.0, 1e3])[:, None, None]
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    inner = u.mT @ orthogonal(matrices) @ v.mT
    sizes = inner.diagonal(dim1=-2, dim2=-1)
    assert ((sizes > 0.3) & (sizes < 1.3)).all()
    assert (inner - torch.diag_embed(sizes)).abs().max() < 1e-3


def test_orthogonal_of_nothing_is_nothing() -> None:
    assert not orthogonal(torch.zeros(2, 3, 4)).any()


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon of its own")
def test_steps_are_those_of_torchs_muon() -> None:
    """Which computes in bfloat16: three digits."""
    start = [normal(6, 10, seed=seed) for seed in (1, 2)]
    ours, theirs = ([torch.nn.Parameter(matrix.clone()) for matrix in start] for _ in range(2))
    torchs = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    both: list[torch.optim.Optimizer] = [Muon(ours, 0.02, 0.1), torchs]
    for step in range(5):
        for own, other in zip(ours, theirs, strict=True):
            own.grad = normal(6, 10, seed=10 + step)
            other.grad = own.grad.clone()
        for moving in both:
            moving.step()
    for own, other, before in zip(ours, theirs, start, strict=True):
        assert torch.allclose(own, other, atol=0.03 * float((own.detach() - before).abs().max()))


def test_a_matrix_without_gradient_stays() -> None:
    still, moved = torch.nn.Parameter(normal(3, 3)), torch.nn.Parameter(normal(3, 3))
    before = still.clone()
    moved.grad = normal(3, 3, seed=1)
    Muon([still, moved], 0.1, 0.1).step()
    assert torch.equal(still, before)


def test_muon_has_the_matrices_of_the_blocks_and_adamw_the_rest() -> None:
    network = VisionTransformer(size=TransformerSize(8, 2, 2, 16), stem=3)
    matrices = block_matrices(network)
    assert len(matrices) == 2 * 4  # projections into and out of attention, and of the feed-forward part
    assert {matrix.ndim for matrix in matrices} == {2}
    schedule = deepjscc_settings(learning_rate=2e-3, weight_decay=0.03).training
    rest, apart = Optimizers(network, matrices, schedule, 4).each
    counts = [sum(len(group["params"]) for group in each.param_groups) for each in (rest, apart)]
    assert counts == [len(list(network.parameters())) - 8, 8]
    assert {group["weight_decay"] for each in (rest, apart) for group in each.param_groups} == {0.03}


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    """Learning rates of all steps."""
    found = []
    for _ in range(steps):
        found.append(float(scheduler.get_last_lr()[0]))
        scheduler.optimizer.step()
        scheduler.step()
    return found


def optimizer() -> torch.optim.AdamW:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], 0.01)


@pytest.mark.parametrize(("epochs", "share"), [(1, 1 / 8), (2, 1 / 16), (1, 0.1), (1, 0.125001), (3, 0.3), (4, 0.9)])
def test_schedule_is_torchs_own_except_where_that_divides_by_zero(epochs: int, share: float) -> None:
    schedule = deepjscc_settings(epochs=epochs, warmup_share=share).training
    peak, total = schedule.learning_rate, 8 * epochs
    ours = rates(one_cycle(optimizer(), schedule, 8), total - 1)
    if share * total != 1:
        torchs = torch.optim.lr_scheduler.OneCycleLR(optimizer(), peak, total_steps=total, pct_start=share)
        assert ours == rates(torchs, total - 1)
        return
    assert ours[0] == pytest.approx(peak)
    assert ours == sorted(ours, reverse=True)
