"""How far a change reaches through layers: closed forms."""

from __future__ import annotations

import pytest
import torch

from semrobust.measure.layers import changes


def test_a_linear_layer_changes_by_what_it_makes_of_the_vector() -> None:
    stretch, turn = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        stretch.weight.copy_(torch.diag(torch.tensor([10.0, 1.0])))
        turn.weight.copy_(torch.tensor([[0.0, -1.0], [1.0, 0.0]]))
    before, along, across = (torch.tensor([point]) for point in ([0.0, 1.0], [0.1, 1.0], [0.0, 1.1]))
    network = torch.nn.Sequential(torch.nn.Identity(), stretch, turn)
    assert changes(network, before, along).tolist() == [pytest.approx([0.1, 1.0, 1.0])]
    assert changes(network, before, across).tolist() == [pytest.approx([0.1, 0.1, 0.1])]
    assert changes(network, before, before).tolist() == [[0.0, 0.0, 0.0]]
