"""Towards a near codeword: its sets are codewords, and the distance bounds its power."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from semrobust.attacks.code.near_codeword import NearCodeword
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.code.words import Words
from tests.attacks.samples import on_words, words_of
from tests.phy.helpers import codebook


def members_of(words: Words) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    method = on_words("near_codeword")
    assert isinstance(method, NearCodeword)
    return np.asarray(method.members(words).toarray(), dtype=np.uint8)


@pytest.mark.parametrize("name", ["repetition", "parity", "hamming"])
def test_all_light_codewords_of_a_tiny_code_are_tried(name: str) -> None:
    words = words_of(name, 10.0, 1)
    book = codebook(words.decoder.code)
    weight = book.sum(axis=1)
    lightest = {tuple(word) for word in book[weight == weight[weight > 0].min()].tolist()}
    found = {tuple(word) for word in members_of(words).tolist()}
    assert lightest <= found <= {tuple(word) for word in book.tolist()}


def test_sets_of_a_punctured_code_are_transmitted_parts_of_codewords() -> None:
    words = words_of("nr", 6.0, 1)
    code, structure = words.decoder.code, words.structure
    assert structure is not None
    supports = structure.sets.take(structure.codeword).matrix(code.nodes).toarray()
    message = torch.from_numpy(supports[:, code.information_nodes].astype(np.uint8))
    assert np.array_equal(members_of(words), code.encode(message).numpy())


def test_without_a_known_codeword_the_lightest_rows_of_the_generator_are_tried() -> None:
    words = words_of("regular", 6.0, 12)
    assert words.structure is not None
    bare: Structure = replace(words.structure, b=np.ones_like(words.structure.b))
    words = replace(words, structure=bare)
    weight = np.sort(words.decoder.code.generator.sum(axis=1))
    members = members_of(words)
    assert members.sum(axis=1).tolist() == weight[: len(members)].tolist()
    assert 0 < len(members) <= 64
    vectors = on_words("near_codeword").search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.any()
    assert words.fails(vectors[found], words.rows[found]).all()


@pytest.mark.parametrize("name", ["repetition", "parity", "hamming"])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_no_more_is_needed_than_the_way_past_all_bits_of_the_nearest_codeword(name: str, noise: float) -> None:
    """Beyond zero on all of them, the hard decisions are that codeword and any decoder of ours stops there.

    Without noise that way costs the minimum distance.
    """
    words = words_of(name, 10.0, 24, noise=noise)
    book = torch.from_numpy(codebook(words.decoder.code)[1:]).float()
    weakest = words.received * words.signs
    worst = torch.where(book[None] > 0, weakest[:, None], -torch.inf).amax(dim=2).clamp_min(0.0)
    bound = (worst.square() * book.sum(dim=1)).amin(dim=1)
    power = on_words("near_codeword", candidates=64, bisections=12).search(words).square().sum(dim=1)
    assert (power <= bound * 1.01 + 0.01).all()
    if not noise:
        distance = float(book.sum(dim=1).min())
        torch.testing.assert_close(bound, torch.full_like(bound, distance))
        assert (power <= distance * 1.01).all()
        assert (power > 0.4 * distance).all()


def test_trapping_sets_are_at_least_as_good_as_codewords_alone() -> None:
    """The vulnerable set attack knows the codewords too; on the average its choice costs no more."""
    words = words_of("nr", 6.0, 32)
    power = {
        name: on_words(name, candidates=8).search(words).square().sum(dim=1)
        for name in ("vulnerable_set", "near_codeword")
    }
    both = power["vulnerable_set"].isfinite() & power["near_codeword"].isfinite()
    assert both.float().mean() > 0.9
    assert power["vulnerable_set"][both].mean() <= power["near_codeword"][both].mean()
