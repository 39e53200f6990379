"""Ordered statistics decoding: against all codewords of short codes, and behind belief propagation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from semrobust.phy import ldpc
from semrobust.phy.decoder import Decoder
from semrobust.phy.growth import grown_matrix
from semrobust.phy.retry import OrderedStatistics
from tests.phy.helpers import block_errors, codebook, messages, received_llr

Array = npt.NDArray[Any]

HAMMING = [[1, 1, 0, 1, 1, 0, 0], [1, 0, 1, 1, 0, 1, 0], [0, 1, 1, 1, 0, 0, 1]]


def short(name: str) -> ldpc.LdpcCode:
    """Codes whose codewords can all be looked at; the last has punctured nodes, and message bits among them."""
    if name == "nr":
        return ldpc.nr_code(12, 30)
    return ldpc.LdpcCode.from_parity_check(HAMMING if name == "hamming" else grown_matrix(25, 3, 5, 0))


def costs(words: Array, llr: Array) -> Array:
    """Σ |LLR| over the bits of each of `words` (C, n) that differ from the signs of `llr` (n,): (C,)."""
    return np.asarray((words != (llr <= 0)) @ np.abs(llr).astype(float))


def of_order_1(code: ldpc.LdpcCode, words: Array, ranking: Array) -> Array:
    """The k + 1 candidates for one word among all codewords `words`, as the definition reads."""
    basis: list[int] = []
    for bit in np.argsort(-np.abs(ranking), kind="stable"):
        if len(ldpc.row_reduce(code.generator[:, [*basis, bit]])[1]) > len(basis):
            basis.append(int(bit))
    turned = (words[:, basis] != (ranking[basis] <= 0)).sum(axis=1)
    assert (turned <= 1).sum() == code.k + 1
    return np.asarray(words[turned <= 1])


@pytest.mark.parametrize("name", ["hamming", "grown", "nr"])
def test_it_takes_the_most_likely_of_its_candidates(name: str) -> None:
    code = short(name)
    words = codebook(code)
    llr = received_llr(code.encode(messages(code, 60)), -1.0)
    decoded = Decoder(code, iterations=3).decode(llr)
    found = code.encode(OrderedStatistics(code).decode(llr, decoded)).numpy()
    for word, channel, nodes in zip(found, llr.numpy(), decoded.llr.numpy(), strict=True):
        rankings = (channel, nodes[code.channel_nodes])
        best = min(costs(of_order_1(code, words, ranking), channel).min() for ranking in rankings)
        assert costs(word[None], channel)[0] == pytest.approx(best, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("name", "share"), [("hamming", 1.0), ("grown", 0.98), ("nr", 0.98)])
def test_it_is_nearly_maximum_likelihood_on_a_short_code(name: str, share: float) -> None:
    """For the Hamming code order 1 is all that there is to try: its minimum distance is 3."""
    code = short(name)
    words = codebook(code)
    llr = received_llr(code.encode(messages(code, 400)), 1.0)
    found = code.encode(OrderedStatistics(code).decode(llr, Decoder(code, iterations=5).decode(llr))).numpy()
    likeliest = words[[costs(words, channel).argmin() for channel in llr.numpy()]]
    assert (found == likeliest).all(axis=1).mean() >= share


@pytest.mark.parametrize("name", ["regular", "nr"])
def test_it_repairs_words_that_belief_propagation_loses(name: str, request: pytest.FixtureRequest) -> None:
    code = request.getfixturevalue(name)
    bits = messages(code, 3000)
    llr = received_llr(code.encode(bits), 1.5)
    decoded = Decoder(code, iterations=20).decode(llr)
    lost = (decoded.bits != bits).any(dim=1)
    again = OrderedStatistics(code).decode(llr[lost], decoded.take(lost))
    assert block_errors(decoded, bits) == int(lost.sum()) > 30
    assert int((again != bits[lost]).any(dim=1).sum()) < 0.8 * int(lost.sum())


def test_a_word_that_is_right_stays_and_depends_on_no_other(regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 50)
    llr = received_llr(regular.encode(bits), 4.0)
    decoded, retry = Decoder(regular).decode(llr), OrderedStatistics(regular)
    again = retry.decode(llr, decoded)
    assert torch.equal(again, decoded.bits)
    alone = torch.cat([retry.decode(llr[[row]], decoded.take(torch.tensor([row]))) for row in range(5)])
    assert torch.equal(alone, again[:5])
    assert retry.decode(llr[:0], decoded.take(torch.arange(0))).shape == (0, regular.k)
