"""What `systems.base` promises is all that attacks use: systems that keep the promise and nothing beyond it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from semrobust.attacks.base import Attack, AttackResult, Target, untouched
from semrobust.attacks.code.words import WordAttack, words_of
from semrobust.attacks.search import attacked
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import noise_variance
from semrobust.systems.base import Decoded, Sent, SoftBits, System
from tests.attacks import samples
from tests.attacks.samples import PARAMS, TOY, Diagonal, Saturated, aimed, attack, code_named, normal, structure_of

BLOCKS, NEEDED = 2, 40
KINDS = sorted({settings.kind for settings in PARAMS.attacks.values()})
ON_WORDS = [
    name
    for name, settings in PARAMS.attacks.items()
    if issubclass(ATTACKS[settings.kind], WordAttack) or settings.kind == "least_reliable_bits"
]
QUICK_LEARNING = {"learning": {"rounds": 1, "learning_rate": 1e-3, "snr_db": [2.0, 14.0]}, "max_bits": 6, "depth": 2}


class _Receiver:
    """Two words of a short code; of each message the bits after the first 40 are not needed."""

    blocks = BLOCKS
    modulation = mapping.modulation("qpsk")
    retry = None

    def __init__(self) -> None:
        self.decoder = Decoder(code_named("regular"))

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        k = self.decoder.code.k
        return (torch.arange(message.shape[1]) % k < NEEDED).expand(message.shape)

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        """A white image where a needed bit is wrong: every image is sent as the message of ones."""
        llr = self.llr(received, noise_variance).reshape(len(received) * BLOCKS, -1)
        message = self.decoder.decode(llr).bits.reshape(len(received), -1)
        failed = ((message != 1) & self.needed(message)).any(dim=1)
        return Decoded(failed.float()[:, None, None, None].expand(-1, 3, 32, 32), failed, message)


class Lamp(System):
    """A black image, sent as the message of ones; what it promises of its bits is another object's."""

    side = "classical"
    capabilities = frozenset({"soft_bits"})

    def __init__(self) -> None:
        self.receiver = _Receiver()
        super().__init__(TOY, BLOCKS * self.receiver.decoder.code.n)

    def soft_bits(self) -> SoftBits:
        return self.receiver

    def encode(self, images: torch.Tensor) -> Sent:
        code = self.receiver.decoder.code
        message = torch.ones(len(images), BLOCKS * code.k, dtype=torch.uint8)
        bits = code.encode(message.reshape(-1, code.k)).reshape(len(images), -1)
        codewords = mapping.map_bits(bits, self.receiver.modulation)
        return Sent(codewords, torch.ones(len(images), dtype=torch.bool), message, bits)

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        return self.receiver.decode(received, noise_variance)


def target_of(seed: int = 0) -> Target:
    system, images = Lamp(), torch.zeros(3, 3, 32, 32)
    sent, variance = system.encode(images), noise_variance(7.0)
    received = sent.codewords + variance**0.5 * normal(3, system.real_uses, seed=2)
    structure = structure_of(system.receiver.decoder.code)
    return Target(system, images, sent, received, variance, 0.5, normal(3, system.real_uses), seed, structure)


def cheap(name: str) -> dict[str, Any]:
    return QUICK_LEARNING if PARAMS.attacks[name].kind == "dqn_bits" else {}


@pytest.mark.parametrize("name", ON_WORDS)
def test_a_system_that_keeps_the_promise_is_attacked(name: str) -> None:
    target = target_of()
    assert not target.system.decode(target.received, target.noise_variance).failed.any()
    result = attack(name, **cheap(name)).run(target)
    assert result.success.all()
    shown = target.system.decode(target.received + result.perturbation, target.noise_variance)
    assert shown.failed.all()
    assert (result.power_total > 0).all()
    assert (result.power_total < target.system.real_uses).all()


def test_words_are_the_blocks_of_the_images() -> None:
    target = target_of()
    words, code = words_of(target), code_named("regular")
    assert len(words) == len(target) * BLOCKS
    assert torch.equal(code.encode(words.message), words.bits)
    assert torch.equal(words.needed.sum(dim=1), torch.full((len(words),), NEEDED))
    assert torch.equal(words.received.reshape(len(target), -1), target.received)


def test_who_promises_nothing_says_so() -> None:
    system = Diagonal(torch.ones(2))
    with pytest.raises(NotImplementedError, match="Diagonal does not offer"):
        system.soft_bits()
    with pytest.raises(ValueError, match="soft_bits"):
        system.encode(samples.grey(1)).coded()
    assert system.decoder_layers() is None


# what is not broken withstood something

BY_GRADIENT = ["pga", "pga_refined", "carlini_wagner", "minimum_norm", "universal"]


@pytest.mark.parametrize("name", [*BY_GRADIENT, "random", "transfer_pga"])
def test_an_image_without_a_gradient_is_no_image_without_power(name: str) -> None:
    target = aimed(Saturated(torch.ones(32)), samples.grey(4), 0.1 * normal(4, 32), 0.5)
    method = attack(name)
    (result,) = attacked(method, [target])
    assert not result.success.any()
    assert (result.power_total > 0.5 * target.system.real_uses).all()
    torch.testing.assert_close(result.mse, target.distortion(result.perturbation))
    vanished = method.vanished(target)
    assert vanished is None if name not in BY_GRADIENT else vanished is not None and vanished.all()


def test_what_an_attack_never_tried_is_broken_by_a_strong_random_vector() -> None:
    class Lost(Attack):
        def run(self, target: Target) -> AttackResult:
            return untouched(target)

    target = aimed(Diagonal(torch.ones(12)), samples.grey(3), 0.01 * normal(3, 12), 1e-3)
    (result,) = attacked(Lost(None), [target])
    assert result.success.all()
    assert (result.power_total > 0).all()
    torch.testing.assert_close(result.mse, target.distortion(result.perturbation))


def test_images_that_do_not_fit_withstand_a_strong_vector_too() -> None:
    """They are shown as grey, which here does not break them."""
    target = target_of()
    target.sent.feasible[1] = False
    target = replace(target, threshold=2.0)
    (result,) = attacked(attack("vulnerable_set"), [target])
    assert not result.success.any()
    torch.testing.assert_close(
        result.power_total, torch.full((3,), 100.0 * target.system.real_uses).double(), rtol=1e-6, atol=0.0
    )


# randomness


def random_ones() -> list[str]:
    """Attacks that draw something beside the directions that belong to the images."""
    return ["minimum_norm", "vulnerable_set", "bp_gradient"]


@pytest.mark.parametrize("name", random_ones())
def test_the_root_seed_draws_what_is_random(name: str) -> None:
    def run(seed: int) -> torch.Tensor:
        target = target_of(seed)
        if name == "minimum_norm":
            system = Diagonal(torch.linspace(0.5, 3.0, 12))
            images = samples.grey(3)
            sent = system.encode(images)
            noise = 0.1 * normal(3, 12)
            target = Target(system, images, sent, sent.codewords + noise, 0.1, 1e-3, normal(3, 12, seed=1), seed)
        return attack(name).run(target).perturbation

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


# settings and versions


@pytest.mark.parametrize("kind", KINDS)
def test_settings_of_an_attack_need_no_label(kind: str) -> None:
    name = next(name for name, settings in PARAMS.attacks.items() if settings.kind == kind)
    plain = PARAMS.section("attacks", name)
    plain.pop("label")
    assert ATTACKS[kind].parse(plain).model_dump(exclude={"label"}) == PARAMS.attacks[name].model_dump(
        exclude={"label"}
    )
    assert ATTACKS[kind].version >= 1


@pytest.mark.parametrize("name", list(PARAMS.systems))
def test_settings_of_a_system_need_nothing_that_changes_no_result(name: str) -> None:
    kind = SYSTEMS[PARAMS.systems[name].kind]
    plain = PARAMS.section("systems", name)
    shown = {"label", "attacks", "study", "left_out"}
    for key in shown:
        plain.pop(key, None)
    assert kind.parse(plain).model_dump(exclude=shown) == PARAMS.systems[name].model_dump(exclude=shown)
    assert kind.version >= 1
