"""Attacks on the air against receivers that name classes, and the cheapest indices that turn a class."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import torch

from semrobust.attacks.base import Target
from semrobust.attacks.code.words import words_of
from semrobust.attacks.naming import NamedTarget
from semrobust.attacks.on_air.turned_indices import Uses, by_multiplier
from semrobust.phy import mapping
from semrobust.phy.channel import awgn
from semrobust.phy.power import noise_variance
from semrobust.systems.draw import Draw
from tests.attacks.samples import attack
from tests.systems.test_classification import created, pictures, ready

ON_AIR = ["mae_vq", "mae_vq_coded", "mae_no_codebook", "jpeg_vit_payload", "hevc_vit"]
COUNT = 4


def loud(name: str = "mae_vq") -> Any:
    """An untrained network whose class hangs on what is received and not on the biases alone."""
    system = created(name)
    system.module.eval().requires_grad_(False)
    system.module.head.first.weight *= 20
    system.module.head.last.weight *= 20
    return system


def on_its_way(system: Any, snr_db: float = 12.0, right: bool = True) -> NamedTarget:
    """Images on their way, each with the class that the receiver names, or another one."""
    images, numbers = pictures(COUNT), torch.arange(COUNT)
    draw = Draw(5, numbers)
    rows, view = system.by_length(images)[-1]
    part = draw.take(rows)
    sent = view.transmit(images[rows], part)
    normal = torch.randn(sent.codewords.shape, generator=torch.Generator().manual_seed(1))
    received = awgn(sent.codewords, snr_db, normal)
    named = view.listen(received, noise_variance(snr_db), part).argmax(1)
    labels = named if right else (named + 1) % 10
    where = (view, images[rows], sent, received, noise_variance(snr_db), 0.0, normal, 0)
    return NamedTarget(*where, labels=labels, draw=part)


@pytest.mark.parametrize("name", ON_AIR)
def test_what_is_sent_and_heard_without_noise_is_what_is_classified_without_loss(name: str) -> None:
    system, images = ready(name), pictures()
    draw = Draw(5, torch.arange(len(images)))
    whole = system.logits(images, None, draw)
    seen = torch.zeros(len(images), dtype=torch.bool)
    for rows, view in system.by_length(images):
        sent = view.transmit(images[rows], draw.take(rows))
        assert sent.codewords.shape == (len(rows), view.real_uses)
        if name != "mae_no_codebook":  # analog features are sent with unit power
            heard = view.listen(sent.codewords, 1e-3, draw.take(rows))
            torch.testing.assert_close(heard, whole[rows], rtol=1e-4, atol=1e-5)
        seen[rows] = True
    assert seen.all()


def test_images_of_other_lengths_are_sent_apart() -> None:
    groups = ready("jpeg_vit_payload").by_length(pictures())
    assert len({view.real_uses for _, view in groups}) == len(groups) > 1


@pytest.mark.parametrize("right", [True, False])
def test_the_distortion_reaches_its_threshold_where_another_class_wins(right: bool) -> None:
    target = on_its_way(loud(), right=right)
    broken = target.distortion(torch.zeros_like(target.received)) >= target.threshold
    assert broken.all().item() is not right
    part = target.take(torch.tensor([2, 0]))
    torch.testing.assert_close(
        part.distortion(torch.zeros_like(part.received)),
        target.distortion(torch.zeros_like(target.received))[[2, 0]],
    )


@pytest.mark.parametrize("name", ["jpeg_vit_payload", "hevc_vit"])
def test_a_lost_word_is_as_bad_as_mid_grey(name: str) -> None:
    target = on_its_way(ready(name))
    words = words_of(target)
    assert len(words) == len(target) * target.system.soft_bits().blocks
    flipped = -2.0 * target.received
    flipped[:, words.received.shape[1] :] = 0.0  # the first word alone
    heard = target.receiver.listen(target.received + flipped, target.noise_variance, target.draw)
    lost = target.receiver.lost()
    assert lost is not None
    torch.testing.assert_close(heard, lost.expand_as(heard), rtol=1e-4, atol=1e-5)
    assert torch.equal(target.breakable(), lost.argmax() != target.labels)


@pytest.mark.parametrize("name", ["random", "pulse_jamming", "minimum_norm", "turned_indices"])
def test_attacks_on_the_air_turn_the_class_by_what_they_claim(name: str) -> None:
    target: Target = on_its_way(loud())
    result = attack(name).run(target)
    assert torch.equal(target.distortion(result.perturbation) >= 0, result.success)
    assert result.success.all() or name != "turned_indices"
    assert (result.power_total > 0).all()


def test_no_one_or_two_indices_turn_the_class_for_less() -> None:
    target = on_its_way(loud())
    given = target.receiver.indices_on_air(target.draw)
    uses = Uses.of(given, target.received, target.noise_variance)
    read = uses.read(given)
    least = attack("turned_indices").run(target).power_total
    places, choices, _ = given.bits.shape
    for row in range(len(target)):
        one = target.take(torch.tensor([row]))
        tried = []
        for first, second in combinations(range(places), 2):
            for k, m in product(range(choices), repeat=2):
                chosen = read[row].clone()
                chosen[[first, second]] = torch.tensor([k, m])
                tried.append(chosen)
        chosen = torch.stack(tried)
        vectors = uses.vectors(torch.full((len(chosen),), row), chosen)
        vectors = vectors[vectors.square().sum(1) < 0.98 * least[row].float()]
        for part in torch.split(vectors, 4096):
            rows = torch.zeros(len(part), dtype=torch.int64)
            assert not (one.distortion(part, rows) >= 0).any()


@pytest.mark.parametrize("snr_db", [-3.0, 6.0, 20.0])
def test_uses_say_what_is_read_and_moves_make_it_read_otherwise(snr_db: float) -> None:
    target = on_its_way(loud(), snr_db)
    system: Any = target.receiver
    transport, given = system.transport, target.receiver.indices_on_air(target.draw)
    uses = Uses.of(given, target.received, target.noise_variance)
    read = uses.read(given)
    assert torch.equal(read, transport.read(target.received, target.noise_variance))
    wanted = (read + torch.arange(read.shape[1])) % given.bits.shape[1]
    vectors = uses.vectors(torch.arange(len(read)), wanted)
    assert torch.equal(transport.read(target.received + vectors, target.noise_variance), wanted)
    shorter = transport.read(target.received + 0.99 * vectors, target.noise_variance)
    assert (shorter != wanted).any(dim=1).all()
    for place in (0, read.shape[1] - 1):
        alone = read.clone()
        alone[:, place] = wanted[:, place]
        power = uses.vectors(torch.arange(len(read)), alone).square().sum(1)
        energy = uses.energies(torch.arange(len(read)), read, place)
        torch.testing.assert_close(energy.gather(1, wanted[:, place, None]).squeeze(1), power)


def test_shares_of_indices_add_up_to_the_logits() -> None:
    target = on_its_way(loud())
    given = target.receiver.indices_on_air(target.draw)
    system: Any = target.receiver
    read = system.transport.read(target.received, target.noise_variance)
    shares = given.shares.gather(2, read[:, :, None, None].expand(-1, -1, 1, 10)).sum((1, 2))
    heard = target.receiver.listen(target.received, target.noise_variance, target.draw)
    offset = heard - shares  # the bias, the same for every image
    torch.testing.assert_close(offset, offset[:1].expand_as(offset), rtol=1e-4, atol=1e-4)


def test_the_multiplier_finds_a_choice_of_little_energy() -> None:
    generator = torch.Generator().manual_seed(4)
    energies, gains = (torch.rand(6, 4, 5, generator=generator) for _ in range(2))
    energies[:, :, 0], gains[:, :, 0] = 0.0, 0.0  # as things are
    behind = torch.tensor([0.5, 1.0, 1.5, 2.0, 2.5, 9.0])
    chosen, reached = by_multiplier(energies, gains, behind)
    assert reached.tolist() == [float(gains[row].amax(1).sum()) >= behind[row] for row in range(6)]
    for row in reached.nonzero().squeeze(1).tolist():
        all_choices = torch.tensor(list(product(range(5), repeat=4)))
        energy = energies[row].gather(1, all_choices.T).sum(0)
        gain = gains[row].gather(1, all_choices.T).sum(0)
        found = energies[row].gather(1, chosen[row, :, None]).sum()
        assert gains[row].gather(1, chosen[row, :, None]).sum() >= behind[row]
        assert found <= energy[gain >= behind[row]].min() + energies[row].amax()  # short of the best by one choice


@pytest.mark.parametrize("variance", [1e-3, 0.06, 1.0, 4.0])
@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16qam"])
def test_hard_decisions_change_at_the_boundaries(name: str, variance: float) -> None:
    modulation = mapping.modulation(name)
    borders = mapping.boundaries(variance, modulation)
    assert len(borders) == len(modulation.levels) - 1
    assert (np.diff(borders) > 0).all()
    order = np.argsort(modulation.levels)
    for border, below, above in zip(borders, order[:-1], order[1:], strict=True):
        for value, level in ((border - 1e-3, below), (border + 1e-3, above)):
            uses = torch.full((1, modulation.symbol_uses), value)
            bits = (mapping.llr(uses, variance, modulation) < 0).int().reshape(modulation.bits_per_use, -1)
            assert bits[:, 0].tolist() == modulation.labels[level].tolist()
