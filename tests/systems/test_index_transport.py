"""Indices over the air: what they cost, what they cost in power, and how often they arrive, in closed form."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.models.codebook import Codebook
from semrobust.phy import mapping
from semrobust.phy.air import Air
from semrobust.phy.fading import Fading
from semrobust.systems.chain import SumProductSettings
from semrobust.systems.codes import NRCodeSettings, RegularCodeSettings
from semrobust.systems.draw import BatchDraw, Draw
from semrobust.systems.index_transport import CodedSettings, IndexTransport, UncodedSettings, code_length
from tests.phy.helpers import binomial_interval, q_function

HALF = NRCodeSettings(family="nr", rate="1/2")
REGULAR = RegularCodeSettings(family="regular", column_weight=3, row_weight=6, draw=0)
DECODER = SumProductSettings(rule="sum-product", iterations=30)
QAM, QPSK = (UncodedSettings(kind="uncoded", modulation=name) for name in ("16qam", "qpsk"))


@cache
def coded(code: NRCodeSettings | RegularCodeSettings, count: int, bits: int) -> IndexTransport:
    """A coded transport, made once: nothing about it changes."""
    return IndexTransport(CodedSettings(kind="coded", modulation="16qam", code=code, decoder=DECODER), count, bits)


def awgn(snr_db: float) -> Air:
    return Air(Fading("awgn"), snr_db)


def indices(images: int, count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(size, (images, count), generator=torch.Generator().manual_seed(seed))


# what it costs


@pytest.mark.parametrize(("given_settings", "uses"), [(QAM, 144), (QPSK, 288)])
def test_288_bits_take_72_symbols_of_16qam(given_settings: UncodedSettings, uses: int) -> None:
    transport = IndexTransport(given_settings, 32, 9)
    assert transport.information_bits == transport.message_bits == 288
    assert transport.uses == uses
    assert transport.codewords(indices(2, 32, 512)).shape == (2, uses)


def test_rate_one_half_doubles_it_to_144_symbols() -> None:
    transport = coded(HALF, 32, 9)
    assert transport.code is not None
    assert (transport.code.k, transport.code.n) == (288, 576)
    assert (transport.information_bits, transport.message_bits, transport.uses) == (288, 288, 288)
    assert transport.codewords(indices(2, 32, 512)).shape == (2, 288)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 70), bits=st.integers(1, 12), qam=st.booleans())
def test_uncoded_bits_are_padded_to_whole_symbols_and_no_further(count: int, bits: int, qam: bool) -> None:
    transport, per_symbol = IndexTransport(QAM if qam else QPSK, count, bits), 4 if qam else 2
    assert transport.message_bits == per_symbol * math.ceil(count * bits / per_symbol)
    assert transport.uses == 2 * transport.message_bits // per_symbol


@settings(max_examples=60, deadline=None)
@given(
    message=st.integers(1, 2000),
    modulation=st.sampled_from([("bpsk", 2), ("qpsk", 2), ("16qam", 4)]),
    nr=st.booleans(),
    weights=st.sampled_from([(3, 6), (4, 6), (4, 12), (3, 5), (2, 7)]),
    rate=st.sampled_from(["1/3", "1/2", "2/3", "5/7"]),
)
def test_a_code_is_just_as_long_as_its_message_needs(
    message: int, modulation: tuple[str, int], nr: bool, weights: tuple[int, int], rate: str
) -> None:
    """Of all lengths that fill whole symbols (and rows of H) it is the least whose guaranteed message is enough."""
    name, step = modulation
    code: NRCodeSettings | RegularCodeSettings = NRCodeSettings(family="nr", rate=rate)
    share = Fraction(rate)
    if not nr:
        column, row = weights
        code = RegularCodeSettings(family="regular", column_weight=column, row_weight=row, draw=0)
        share, step = 1 - Fraction(column, row), math.lcm(step, row)
    n = code_length(code, message, name)
    assert n % step == 0
    assert n * share >= message > (n - step) * share
    if isinstance(code, NRCodeSettings):
        assert code.message_bits(n) >= message


@pytest.mark.parametrize(("column", "row"), [(3, 6), (3, 4)])
def test_a_regular_code_of_that_length_holds_the_message(column: int, row: int) -> None:
    code = RegularCodeSettings(family="regular", column_weight=column, row_weight=row, draw=0)
    transport = coded(code, 12, 4)
    assert transport.code is not None
    assert transport.code.n == 48 * row // (row - column)
    assert transport.code.k >= transport.information_bits == 48
    assert transport.message_bits == transport.code.k


def test_a_code_that_is_too_short_is_refused() -> None:
    short = coded(REGULAR, 12, 4).code
    assert short is not None
    wide = IndexTransport(CodedSettings(kind="coded", modulation="16qam", code=REGULAR, decoder=DECODER), 14, 4)
    before = wide.code
    with pytest.raises(ValueError, match=f"{short.k} message bits cannot carry 56"):
        wide.use_code(short)
    assert wide.code is before


# what is sent


def test_bits_of_an_index_come_most_significant_first() -> None:
    """Of 4 bits on one 16-QAM symbol the first is the sign of I, the last the amplitude of Q."""
    transport = IndexTransport(QAM, 1, 4)
    zero, one, eight = transport.codewords(torch.tensor([[0], [1], [8]]))
    assert eight.tolist() == [-zero[0], zero[1]]
    assert one[0] == zero[0]
    assert one[1].sign() == zero[1].sign()
    assert sorted([abs(float(one[1])), abs(float(zero[1]))]) == pytest.approx([1 / 5**0.5, 3 / 5**0.5])


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 9), bits=st.integers(1, 9), inner=st.data())
def test_an_index_moves_only_the_uses_of_its_own_bits(count: int, bits: int, inner: st.DataObject) -> None:
    transport = IndexTransport(QAM, count, bits)
    sent = torch.tensor([[inner.draw(st.integers(0, 2**bits - 1)) for _ in range(count)]])
    place, value = inner.draw(st.integers(0, count - 1)), inner.draw(st.integers(0, 2**bits - 1))
    other = sent.clone()
    other[0, place] = value
    moved = (transport.codewords(sent) != transport.codewords(other)).nonzero()[:, 1].tolist()
    own = {2 * (bit // 4) + bit % 2 for bit in range(place * bits, (place + 1) * bits)}
    assert set(moved) <= own
    assert bool(moved) == (int(sent[0, place]) != value)


def test_mean_power_per_use_is_1_whatever_the_indices_are() -> None:
    """A use of 16-QAM has power 0.2 or 1.8; without scrambling index 0 would have 0.2 everywhere."""
    wide = IndexTransport(QAM, 2000, 9)
    assert wide.uses == 9000
    random = IndexTransport(QAM, 32, 9).codewords(indices(200, 32, 512))
    for power in (wide.codewords(torch.zeros(1, 2000, dtype=torch.int64)).square(), random.square()):
        assert torch.all(((power - 0.2).abs() < 1e-5) | ((power - 1.8).abs() < 1e-5))
        assert float(power.double().mean()) == pytest.approx(1, abs=5 * 0.8 / power.numel() ** 0.5)


def test_mean_power_of_codewords_of_equal_indices_is_1() -> None:
    power = coded(REGULAR, 12, 4).codewords(torch.arange(16).unsqueeze(1).expand(-1, 12)).square()
    assert float(power.double().mean()) == pytest.approx(1, abs=5 * 0.8 / power.numel() ** 0.5)


# what arrives


@pytest.mark.parametrize("size", [16, 11])
@pytest.mark.parametrize("scheme", ["16qam", "qpsk", "coded"])
def test_indices_come_back_unchanged_at_high_snr(scheme: str, size: int) -> None:
    bits = math.ceil(math.log2(size))
    transport = (
        coded(REGULAR, 12, bits) if scheme == "coded" else IndexTransport(QAM if scheme == "16qam" else QPSK, 12, bits)
    )
    sent = indices(20, 12, size)
    assert torch.equal(transport.carry(sent, awgn(30.0), BatchDraw(1, 0, 20)), sent)
    assert torch.equal(transport.carry(sent, Air(Fading("rayleigh"), 60.0), BatchDraw(1, 0, 20)), sent)


def right_of_uncoded_16qam(first: int, last: int, snr_db: float) -> float:
    """Probability that bits `first`..`last`-1 of a 16-QAM sequence arrive, of equiprobable bits.

    With levels ±d, ±3d, d = 1/√5, and a = d/σ (Proakis and Salehi 2008, §4.3):
        the sign is wrong with (Q(a) + Q(3a))/2, the amplitude with (2Q(a) + Q(3a) - Q(5a))/2,
        and where an index has both bits of a use, the level must be right: 1 - 3Q(a)/2. They are not independent.
    """
    a = 10 ** (snr_db / 20) / 5**0.5
    one, three, five = q_function(a), q_function(3 * a), q_function(5 * a)
    right = {
        (0,): 1 - (one + three) / 2,
        (1,): 1 - (2 * one + three - five) / 2,
        (0, 1): 1 - 3 * one / 2,
    }
    kinds: dict[int, list[int]] = {}
    for bit in range(first, last):
        kinds.setdefault(2 * (bit // 4) + bit % 2, []).append(bit % 4 // 2)
    return math.prod(right[tuple(found)] for found in kinds.values())


@pytest.mark.parametrize("snr_db", [6.0, 12.0])
def test_index_error_rate_of_uncoded_16qam_is_the_closed_form(snr_db: float) -> None:
    images, transport = 3000, IndexTransport(QAM, 32, 9)
    sent = indices(images, 32, 512)
    wrong = transport.carry(sent, awgn(snr_db), BatchDraw(2, 0, images)) != sent
    for place, count in enumerate(wrong.sum(0).tolist()):
        low, high = binomial_interval(images, 1 - right_of_uncoded_16qam(9 * place, 9 * place + 9, snr_db), 1 - 1e-5)
        assert low <= count <= high, place


def test_closed_forms_of_single_bits_by_simulation() -> None:
    """Indices of one bit each see the bit error rates themselves."""
    images, transport = 20_000, IndexTransport(QAM, 4, 1)
    sent = indices(images, 4, 2)
    wrong = (transport.carry(sent, awgn(9.0), BatchDraw(3, 0, images)) != sent).sum(0).tolist()
    for bit, count in enumerate(wrong):
        low, high = binomial_interval(images, 1 - right_of_uncoded_16qam(bit, bit + 1, 9.0), 0.9999)
        assert low <= count <= high, bit


def test_code_protects_the_indices_where_uncoded_ones_are_often_wrong() -> None:
    sent, draw = indices(300, 32, 512), BatchDraw(4, 0, 300)
    uncoded = IndexTransport(QAM, 32, 9).carry(sent, awgn(12.0), draw)
    assert float((uncoded != sent).float().mean()) > 0.15
    assert torch.equal(coded(HALF, 32, 9).carry(sent, awgn(12.0), draw), sent)


def test_an_index_that_is_none_is_looked_up_as_the_mean_of_all() -> None:
    codebook, transport = Codebook(11, 3), IndexTransport(QAM, 50, 4)
    assert codebook.bits == 4
    arrived = transport.carry(indices(40, 50, 11), awgn(-5.0), BatchDraw(5, 0, 40))
    assert int(arrived.min()) >= 0
    assert int(arrived.max()) == 15  # five of sixteen labels stand for no basis vector
    vectors, basis = codebook.lookup(arrived).detach(), codebook.basis.detach()
    none = arrived >= 11
    assert torch.equal(vectors[~none], basis[arrived[~none]])
    torch.testing.assert_close(vectors[none], basis.mean(0).expand(int(none.sum()), -1))


def test_an_image_s_indices_depend_on_its_own_draw_alone() -> None:
    transport, numbers = coded(REGULAR, 12, 4), torch.tensor([4, 9, 2, 30, 1])
    sent, draw, air = indices(5, 12, 16), Draw(1, numbers), Air(Fading("rayleigh"), 3.0)
    whole = transport.carry(sent, air, draw)
    rows = torch.tensor([3, 0])
    assert torch.equal(transport.carry(sent[rows], air, draw.take(rows)), whole[rows])
    assert not torch.equal(whole, sent)
    assert not torch.equal(transport.carry(sent, air, draw.named("other")), whole)


def test_what_is_sent_is_what_the_modulation_makes_of_the_scrambled_bits() -> None:
    """The same scrambling for every image: codewords differ where, and only where, the bits differ."""
    transport = IndexTransport(QPSK, 3, 4)
    sent = indices(6, 3, 16)
    bits = ((sent.unsqueeze(-1) >> torch.tensor([3, 2, 1, 0])) & 1).flatten(1)
    shown = transport.codewords(sent)
    assert torch.equal(shown[0] * shown, mapping.map_bits(bits[0] ^ bits, mapping.modulation("qpsk")))
