"""Systems that name a class: rows, gradients, checkpoints, what they start from, what they cost, and their params."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, interpolate

from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import iterative_fgsm
from semrobust.config.params import Params, merge, validate
from semrobust.config.registry import SYSTEMS
from semrobust.errors import ArtifactError, ParamsError
from semrobust.phy.air import Air
from semrobust.phy.fading import Fading
from semrobust.systems.base import Sent, State
from semrobust.systems.chain_vit import ChainVitSystem
from semrobust.systems.checkpoint import save
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw, Randomness
from semrobust.systems.jpeg_ldpc_vit import JpegLdpcVitSystem
from semrobust.systems.mae_vq import MaeVqSettings, MaeVqSystem, PretrainingSystem
from tests.conftest import raw_params

USES = 768
SIZE = {"width": 16, "depth": 1, "heads": 2, "hidden": 16}
MASKED = {"patch": 8, "encoder": SIZE, "features": 4, "codebook_size": 16, "least_perplexity": 1.0}
REGULAR = {"family": "regular", "column_weight": 3, "row_weight": 6, "draw": 0}
AT_ONCE = {"training": {"adversarial": {"warmup_share": 0.0}}}
TINY: dict[str, Any] = {
    "defaults": {"systems": {"recognition": AT_ONCE}},
    "systems": {
        **dict.fromkeys(("ladder", "ablation", "peg", "csi", "csi_chain", "csi_ablation")),
        "vit": {"patch": 8, "size": SIZE, "stem": 2},
        "vit_at": {"patch": 8, "size": SIZE, "stem": 2},
        "mae_pretrained": {**MASKED, "decoder": SIZE},
        "mae": {**MASKED, "head_hidden": 16},
        "jpeg_vit": {"patch": 8, "size": SIZE, "stem": 2, "block_bits": 384},
        "hevc_vit": {"patch": 8, "size": SIZE, "stem": 2, "real_uses": 384, "chain": {"decoder": {"iterations": 20}}},
    },
}
"""Networks of some thousand parameters on 16 patches, 8 of them sent; codes of some hundred bits; ε from the start."""

EVERY = ["vit", "mae_vq", "mae_vq_coded", "mae_no_codebook", "mae_no_mask", "jpeg_vit_payload", "hevc_vit"]
RAYLEIGH, AWGN = (Air(Fading(kind), 12.0) for kind in ("rayleigh", "awgn"))
SILENT, LOUD = Air(Fading("awgn"), 60.0), Air(Fading("awgn"), -20.0)


def tiny_raw(**overlay: Any) -> dict[str, Any]:
    """params.yaml with tiny networks of hu2022 and short regular codes, as plain values."""
    raw = merge(raw_params(), TINY)
    # not merged: the keys of one family are unknown to the other
    raw["systems"]["jpeg_vit"]["code"] = REGULAR
    raw["systems"]["hevc_vit"]["chain"]["code"] = REGULAR
    raw["systems"]["mae"]["grid"]["variant"]["vq_coded"]["transport"]["code"] = REGULAR
    return merge(raw, overlay)


@cache
def tiny() -> Params:
    return validate(tiny_raw())


def created(name: str, seed: int = 1, **changes: Any) -> Any:
    """A system of the tiny params with some settings changed, with random weights."""
    settings = tiny().systems[name].model_copy(update=changes)
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, ClassifyingSystem)
    return kind.create(settings, USES, seed)


@cache
def ready(name: str) -> Any:
    """As it comes out of a checkpoint, in evaluation mode; tests leave it as it is."""
    system = created(name)
    return type(system).restore(system.settings, USES, {key: value.clone() for key, value in system.state().items()})


def pictures(count: int = 5) -> torch.Tensor:
    """Smooth 8-bit images (count,3,32,32) of rising contrast, so that their JPEGs have different lengths."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(2)) - 0.5
    smooth = interpolate(coarse, size=32, mode="bilinear")
    contrast = torch.linspace(0.1, 1.0, count).view(-1, 1, 1, 1)
    return ((0.5 + contrast * smooth) * 255).round() / 255


def draw(count: int = 5, seed: int = 3) -> Draw:
    return Draw(seed, 10 + torch.arange(count))


def digest(state: State) -> str:
    parts = [name.encode() + tensor.detach().numpy().tobytes() for name, tensor in sorted(state.items())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


# rows and gradients


@pytest.mark.parametrize("air", [None, RAYLEIGH], ids=["error-free", "rayleigh"])
@pytest.mark.parametrize("name", EVERY)
def test_logits_of_an_image_do_not_depend_on_the_batch(name: str, air: Air | None) -> None:
    system, images = ready(name), pictures()
    whole = system.logits(images, air, draw())
    assert whole.shape == (5, 10)
    assert (whole.dtype, whole.device.type) == (torch.float32, "cpu")
    assert torch.pdist(whole).max() > 1e-4
    for rows in (torch.tensor([4, 1, 0, 3, 2]), torch.tensor([3]), torch.tensor([0, 4])):
        part = system.logits(images[rows], air, draw().take(rows))
        torch.testing.assert_close(part, whole[rows], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("air", [None, RAYLEIGH], ids=["error-free", "rayleigh"])
@pytest.mark.parametrize("name", EVERY)
def test_gradients_reach_every_image_through_its_own_logits(name: str, air: Air | None) -> None:
    system, images = ready(name), pictures().requires_grad_(True)
    logits = system.logits(images, air, draw())
    loss = cross_entropy(logits[:3], torch.tensor([1, 2, 3]))
    (gradient,) = torch.autograd.grad(loss, images)
    assert gradient.isfinite().all()
    assert torch.all(gradient[:3].flatten(1).abs().amax(1) > 0)
    assert torch.all(gradient[3:] == 0)
    assert all(parameter.grad is None for parameter in system.module.parameters())


@pytest.mark.parametrize("name", ["mae_vq", "mae_no_codebook", "mae_no_mask"])
def test_only_patches_that_are_sent_have_a_gradient(name: str) -> None:
    system, images = ready(name), pictures().requires_grad_(True)
    (gradient,) = torch.autograd.grad(system.logits(images, AWGN, draw()).square().sum(), images)
    patches = gradient.reshape(5, 3, 4, 8, 4, 8).abs().amax(dim=(1, 3, 5)).flatten(1)
    sent = torch.zeros(5, 16, dtype=torch.bool).scatter(1, system.visible(draw()), True)
    assert int(sent.sum()) == 5 * (16 if name == "mae_no_mask" else 8)
    assert torch.equal(patches > 0, sent)


@pytest.mark.parametrize("name", EVERY)
def test_without_noise_nothing_is_lost_and_with_much_noise_something(name: str) -> None:
    system, images = ready(name), pictures()
    clean = system.logits(images, None, draw())
    torch.testing.assert_close(system.logits(images, SILENT, draw()), clean, rtol=2e-2, atol=2e-3)
    loud = system.logits(images, LOUD, draw())
    assert torch.equal(loud, clean) if name == "vit" else not torch.allclose(loud, clean, atol=1e-3)


@pytest.mark.parametrize("name", ["mae_vq", "mae_vq_coded", "jpeg_vit_payload"])
def test_where_no_bit_is_lost_the_air_leaves_no_trace(name: str) -> None:
    """Values and gradients to the last bit: hard decisions are right, and count as the identity backward."""
    system, found = ready(name), []
    for air in (None, SILENT):
        images = pictures().requires_grad_(True)
        logits = system.logits(images, air, draw())
        found.append((logits, *torch.autograd.grad(logits.square().sum(), images)))
    for clean, sent in zip(*found, strict=True):
        assert torch.equal(clean, sent)


def test_the_plain_transformer_ignores_the_air() -> None:
    system = ready("vit")
    assert torch.equal(system.logits(pictures(), LOUD, draw()), system.module(pictures()))
    assert system.overhead(pictures(), draw()) is None


@pytest.mark.parametrize("name", ["mae_vq", "mae_no_codebook"])
def test_channel_noise_and_masks_are_those_of_the_draw(name: str) -> None:
    system, images, low = ready(name), pictures(), Air(Fading("awgn"), 0.0)
    once = system.logits(images, low, draw())
    assert torch.equal(system.logits(images, low, draw()), once)
    assert not torch.equal(system.logits(images, low, draw().named("other")), once)
    clean = system.logits(images, None, draw())
    assert torch.equal(system.logits(images, None, draw(seed=4)), clean)
    assert not torch.equal(system.logits(images, None, Draw(3, 50 + torch.arange(5))), clean)


# checkpoints


@pytest.mark.parametrize("name", EVERY)
def test_restored_from_its_file_it_gives_the_same_logits_bit_by_bit(name: str, tmp_path: Path) -> None:
    system = created(name)
    file = tmp_path / "system.safetensors"
    save(system, file)
    restored = type(system).restore(system.settings, USES, load_file(file))
    assert digest(restored.state()) == digest(system.state())
    for air in (None, RAYLEIGH):
        expected = system.logits(pictures(), air, draw()).detach()
        assert torch.equal(restored.logits(pictures(), air, draw()), expected)
    assert not any(part.training for part in restored.module.modules())
    assert not any(parameter.requires_grad for parameter in restored.module.parameters())


@pytest.mark.parametrize("name", ["mae_vq_coded", "jpeg_vit_payload"])
def test_the_code_is_the_stored_one_and_not_made_again(name: str) -> None:
    system = created(name)
    settings = system.settings
    if name == "mae_vq_coded":
        code = settings.transport.code.model_copy(update={"draw": 1})
        other = settings.model_copy(update={"transport": settings.transport.model_copy(update={"code": code})})
    else:
        other = settings.model_copy(update={"code": settings.code.model_copy(update={"draw": 1})})
    stored = system.code.to_arrays()
    made = type(system).create(other, USES, 1).code.to_arrays()
    assert any(not np.array_equal(stored[key], made[key]) for key in stored)
    restored = type(system).restore(other, USES, system.state())
    back = restored.code.to_arrays()
    assert stored.keys() == back.keys()
    assert all(np.array_equal(stored[key], back[key]) for key in stored)
    # and it is used: the same words arrive
    low = Air(Fading("awgn"), 9.0)
    expected = system.logits(pictures(), low, draw()).detach()
    assert torch.equal(restored.logits(pictures(), low, draw()), expected)


def test_the_seed_decides_the_weights_and_the_global_generator_stays() -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    first, again, second = (digest(created("mae_vq", seed).state()) for seed in (5, 5, 6))
    assert torch.equal(torch.rand(4), expected)
    assert first == again != second


@pytest.mark.parametrize(
    ("name", "ema_decay"), [*((name, None) for name in EVERY), ("mae_pretrained", None), ("mae_vq", 0.9)]
)
def test_use_and_attack_leave_everything_as_it_is(name: str, ema_decay: float | None) -> None:
    system = ready(name)
    if ema_decay is not None:  # a codebook that each pass in training mode moves
        fresh = created(name, ema_decay=ema_decay)
        system = type(fresh).restore(fresh.settings, USES, fresh.state())
    before, images, labels = digest(system.state()), pictures(), torch.tensor([0, 1, 2, 3, 4])
    given = images.clone()
    system.learn(images, labels, RAYLEIGH, draw())
    if name != "mae_pretrained":
        system.logits(images, None, draw())
        system.overhead(images, draw())
        noisy = attacked(system, images, labels)
        assert float((noisy - images).abs().max()) <= 8.001 / 255
        system.logits(noisy, RAYLEIGH, draw())
    assert digest(system.state()) == before
    assert torch.equal(images, given)
    assert all(parameter.grad is None for parameter in system.module.parameters())


def attacked(system: ClassifyingSystem, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    def classify(noisy: torch.Tensor, own: Randomness, /) -> torch.Tensor:
        return system.logits(noisy, AWGN, own)

    effort = NoiseSettings(norm="linf", epsilon=8 / 255, step=4 / 255, iterations=2)
    result = iterative_fgsm(classify, images, labels, effort, draw().named("noise"))
    assert torch.all(result.loss_after >= result.loss_before)
    return result.images


# what it starts from


def test_encoder_and_codebook_are_taken_over_and_the_receiver_is_new() -> None:
    source, system = created("mae_pretrained", seed=1), created("mae_vq", seed=2)
    assert isinstance(source, PretrainingSystem)
    head = {key: value.clone() for key, value in system.module.head.state_dict().items()}
    system.adopt(source.state(), "mae_pretrained")
    for part in ("encoder", "codebook"):
        own, given = getattr(system.module, part).state_dict(), getattr(source.module, part).state_dict()
        assert own.keys() == given.keys()
        assert all(torch.equal(own[key], given[key]) for key in own)
    assert all(torch.equal(head[key], value) for key, value in system.module.head.state_dict().items())
    assert torch.equal(system.indices(pictures(), draw()), created_indices(source))


def created_indices(source: PretrainingSystem) -> torch.Tensor:
    learned = source.learn(pictures(), torch.zeros(5, dtype=torch.int64), None, draw())
    assert learned.indices is not None
    return learned.indices


@pytest.mark.parametrize(("name", "start"), [("mae_vq_coded", "mae_vq"), ("jpeg_vit_payload", "vit_at")])
def test_a_system_without_training_is_all_of_what_it_starts_from(name: str, start: str) -> None:
    source, system = created(start, seed=1), created(name, seed=2)
    system.adopt(source.state(), start)
    assert digest(system.module.state_dict()) == digest(source.module.state_dict())


@pytest.mark.parametrize("features", [4, 9])
def test_a_system_without_a_codebook_takes_of_the_encoder_what_fits_its_features(features: int) -> None:
    source, system = created("mae_pretrained", seed=1), created("mae_no_codebook", seed=2, features=features)
    before = system.module.encoder.project.weight.clone()
    system.adopt(source.state(), "mae_pretrained")
    for part in ("embedding", "transformer"):
        own, given = (getattr(of.module.encoder, part).state_dict() for of in (system, source))
        assert digest(own) == digest(given)
    weight = system.module.encoder.project.weight
    assert torch.equal(weight, source.module.encoder.project.weight if features == 4 else before)


@pytest.mark.parametrize(
    ("name", "start", "part", "sizes"),
    [
        ("mae_vq", "mae_pretrained", "encoder", {"patch": 4}),
        ("mae_vq", "vit", "encoder", {}),
        ("jpeg_vit_payload", "vit", "embedding", {"patch": 4}),
        ("vit", "mae_pretrained", "embedding", {}),
    ],
)
def test_another_size_is_refused_and_changes_nothing(name: str, start: str, part: str, sizes: dict[str, Any]) -> None:
    source, system = created(start, seed=1), created(name, seed=2, **sizes)
    before = digest(system.state())
    with pytest.raises(ArtifactError, match=rf"'{start}' has no weights of the right size for {part}\..* must have"):
        system.adopt(source.state(), start)
    assert digest(system.state()) == before


@pytest.mark.parametrize("sizes", [{"head_hidden": 32}, {"codebook_size": 12}], ids=["receiver", "codebook"])
def test_a_system_without_training_must_have_the_sizes_of_its_start(sizes: dict[str, int]) -> None:
    """Else its receiver or codebook would stay random, untold."""
    ((key, value),) = sizes.items()
    found = problems(**of_system("mae", grid={"variant": {"vq_coded": sizes}}))
    assert any(line.startswith(f"systems.mae_vq_coded.{key}: {value}, must be that of mae_vq") for line in found)


@pytest.mark.parametrize("key", ["codebook_size", "features"])
def test_a_codebook_of_another_size_is_refused_in_training_too(key: str) -> None:
    found = problems(**of_system("mae", grid={"variant": {"no_at": {key: 12}}}))
    assert any(line.startswith(f"systems.mae_no_at.{key}: 12, must be that of mae_pretrained") for line in found)


def test_patches_that_do_not_pool_are_refused() -> None:
    found = problems(**of_system("mae", grid={"variant": {"no_mask": {"pooled": 3}}}))
    assert found == ["systems.mae_no_mask.pooled: 3, must divide the 16 patches that are visible"]


# what is learned


def test_loss_is_cross_entropy_with_smoothing_and_the_terms_of_the_codebook() -> None:
    system, labels = ready("mae_vq"), torch.tensor([3, 1, 4, 1, 5])
    learned = system.learn(pictures(), labels, AWGN, draw())
    logits = system.logits(pictures(), AWGN, draw())
    smoothing = system.settings.training.label_smoothing
    likely = logits.log_softmax(1)
    own = -likely.gather(1, labels[:, None]).mean()
    features, basis = learned.features, system.module.codebook.basis
    distance = torch.cdist(features.double(), basis.double().expand(5, -1, -1))
    assert torch.equal(distance.argmin(-1), learned.indices)
    quantization = distance.amin(-1).square().mean()  # the second and the third term of eq. 11 have one value
    expected = (1 - smoothing) * own - smoothing * likely.mean() + (1 + system.settings.commitment) * quantization
    assert smoothing > 0
    assert float(learned.loss) == pytest.approx(float(expected), rel=1e-4)
    assert torch.equal(learned.right, logits.argmax(1) == labels)
    assert torch.equal(system.indices(pictures(), draw()), learned.indices)


def test_pretraining_draws_hidden_patches_too() -> None:
    system, labels = ready("mae_pretrained"), torch.zeros(5, dtype=torch.int64)
    learned = system.learn(pictures(), labels, None, draw())
    assert learned.right is None
    assert torch.equal(learned.indices, system.learn(pictures(), labels, LOUD, draw()).indices)  # nothing is lost
    visible = system.visible(draw())[0].tolist()
    changed = pictures()
    patch = next(number for number in range(16) if number not in visible)
    row, column = divmod(patch, 4)
    changed[0, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1.0
    other = system.learn(changed, labels, None, draw())
    assert torch.equal(other.indices, learned.indices)  # it is not sent
    assert float(other.loss) != float(learned.loss)  # but it counts


# what it costs


@pytest.mark.parametrize(
    ("name", "bits", "symbols", "positions"),
    [
        ("mae_vq", 8 * 4, 8, 8),  # 4 bits of 16 vectors are one 16-QAM symbol
        ("mae_vq_coded", 8 * 4, 18, 8),  # 72 bits: the least multiple of 12 that is twice 32
        ("mae_no_mask", 8 * 4, 8, 16),  # an index for two patches
        ("mae_no_codebook", math.nan, 4 * 9 / 2, 8),  # nine analog features for two patches, two per symbol
    ],
)
def test_overhead_of_the_autoencoder_is_the_same_for_every_image(
    name: str, bits: float, symbols: float, positions: int
) -> None:
    system = ready(name)
    overhead = system.overhead(pictures(), draw())
    assert overhead.bits.tolist() == pytest.approx([bits] * 5, nan_ok=True)
    assert overhead.symbols.tolist() == [symbols] * 5
    assert overhead.positions == positions
    assert overhead.bits.dtype == overhead.symbols.dtype == torch.float64
    assert system.real_uses == 2 * symbols
    assert isinstance(system, MaeVqSystem)


def test_ablations_of_the_experiments_send_as_many_symbols_as_the_whole(params: Params) -> None:
    """32 indices of 9 bits over 16-QAM, or 144 analog uses."""
    symbols = {}
    for name in [name for name in params.of_task("class") if params.systems[name].kind == "mae_vq"]:
        settings = params.systems[name]
        assert isinstance(settings, MaeVqSettings)
        system = MaeVqSystem.create(settings, params.link.real_uses, 0)
        assert system.real_uses == 2 * system.overhead(pictures(2), draw(2)).symbols[0]
        symbols[name] = system.real_uses / 2
    assert symbols.pop("mae_vq_coded") == 144
    assert set(symbols) >= {"mae_vq", "mae_no_at", "mae_no_awp", "mae_no_mask", "mae_no_codebook"}
    assert set(symbols.values()) == {72}


@pytest.mark.parametrize("name", ["jpeg_vit_payload", "jpeg_vit_full"])
def test_overhead_of_jpeg_is_its_bytes_and_the_codewords_that_hold_them(name: str) -> None:
    system, images = ready(name), pictures()
    assert isinstance(system, JpegLdpcVitSystem)
    overhead = system.overhead(images, draw())
    pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    sizes = [len(system.codec.encode(image, 75)) for image in pixels]
    assert overhead.bits.tolist() == [8.0 * size for size in sizes]
    k, symbols = system.code.k, 384 / 4  # 16-QAM
    for size, sent in zip(sizes, overhead.symbols.tolist(), strict=True):
        # two bytes of checksum, and one or two for the length, by the bytes that the frame has room for
        words = next(w for w in range(1, 999) if w * k // 8 >= size + 2 + (1 if w * k // 8 <= 256 else 2))
        assert sent == words * symbols
    assert overhead.positions == 0
    assert len(set(overhead.symbols.tolist())) > 1


# JPEG


def test_over_a_good_channel_the_receiver_shows_the_decoded_jpeg() -> None:
    system, images = ready("jpeg_vit_payload"), pictures()
    clean = system.shown(images, None, draw())
    assert torch.equal(system.shown(images, SILENT, draw()), clean)
    assert torch.equal(system.logits(images, None, draw()), system.module(clean))
    errors = (clean - images).square().mean(dim=(1, 2, 3))
    assert torch.all((errors > 0) & (errors < 0.01))  # a JPEG of that image, and not of another
    assert torch.equal(clean * 255, (clean * 255).round())


def test_over_a_bad_channel_the_receiver_shows_mid_grey() -> None:
    system, images = ready("jpeg_vit_payload"), pictures()
    assert torch.all(system.shown(images, LOUD, draw()) == 0.5)
    logits = system.logits(images, LOUD, draw())
    torch.testing.assert_close(logits, logits[:1].expand(5, -1))


def test_an_image_is_shown_whole_or_not_at_all() -> None:
    """Around the threshold of the code, with a fade for each codeword."""
    system, images = ready("jpeg_vit_payload"), pictures(3).repeat(8, 1, 1, 1)
    air = Air(Fading("rayleigh"), 14.0, per_codeword=True)
    shown, clean = system.shown(images, air, draw(24)), system.shown(images, None, draw(24))
    whole, grey = (shown == clean).flatten(1).all(1), (shown == 0.5).flatten(1).all(1)
    assert torch.all(whole ^ grey)
    assert 0 < int(grey.sum()) < 24


# a chain of fixed length


def test_a_chain_of_fixed_length_shows_what_the_chain_itself_decodes() -> None:
    system, images = ready("hevc_vit"), pictures()
    assert isinstance(system, ChainVitSystem)
    sent = system.chain.encode(images)
    assert sent.codewords.shape == (5, 384)
    assert sent.feasible.all()
    clean = system.chain.decode(sent.codewords, 1e-3).images
    assert torch.equal(system.shown(images, None, draw()), clean)
    assert torch.equal(system.shown(images, SILENT, draw()), clean)
    assert torch.all(system.shown(images, LOUD, draw()) == 0.5)
    assert torch.equal(system.logits(images, None, draw()), system.module(clean))


def test_a_chain_encodes_a_batch_once_for_all_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    system, images = created("hevc_vit"), pictures()
    encode: Callable[[torch.Tensor], Sent] = system.chain.encode
    seen: list[torch.Tensor] = []

    def counted(batch: torch.Tensor) -> Sent:
        seen.append(batch)
        return encode(batch)

    monkeypatch.setattr(system.chain, "encode", counted)
    for air in (None, RAYLEIGH, AWGN):
        system.logits(images, air, draw())
    assert len(seen) == 1
    system.logits(images.flip(0), None, draw())
    assert len(seen) == 2


def test_a_chain_of_fixed_length_costs_the_same_for_every_image() -> None:
    system, images = ready("hevc_vit"), pictures()
    overhead = system.overhead(images, draw())
    assert overhead.symbols.tolist() == [192.0] * 5
    assert overhead.bits.tolist() == [float(system.code.k)] * 5
    assert (system.code.n, overhead.positions) == (768, 0)


# params


def problems(**overlay: Any) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        validate(tiny_raw(**overlay))
    return caught.value.problems


def of_system(name: str, **changes: Any) -> dict[str, Any]:
    return {"systems": {name: changes}}


def coded_by(**code: Any) -> dict[str, Any]:
    return of_system("mae", grid={"variant": {"vq_coded": {"transport": {"code": code}}}})


def of_noise(name: str, **changes: Any) -> dict[str, Any]:
    return {"recognition": {"noise": {name: changes}}}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (of_system("vit_at", start="vitt"), "systems.vit_at.start: 'vitt'", "vit_at -> vitt is no system of the params"),
    (of_system("vit_at", start="vitt"), "systems.jpeg_vit_full.start: 'vit_at'", "vit_at -> vitt is no system"),
    (of_system("vit", start="vit_at"), "systems.vit.start: 'vit_at'", "vit -> vit_at -> vit is a circle of systems"),
    (of_system("vit", start="vit"), "systems.vit.start: 'vit'", "vit -> vit is a circle of systems"),
    (of_system("jpeg_vit", start=None), "systems.jpeg_vit_full.start: ", "must name the system"),
    (of_system("vit", training={"channel": "fog", "snr_db": 3.0}), "systems.vit.training.channel: 'fog'", "awgn, ray"),
    (of_system("vit", attacks=["pga"]), "systems.vit.attacks: 'pga'", "must be of iterated, single"),
    (of_system("mae", attacks=["fgsm"]), "systems.mae_vq.attacks: 'fgsm'", "must be of iterated, single"),
    (of_system("mae_pretrained", patch=5), "systems.mae_pretrained.patch: 5", "must divide the 32 pixels"),
    (of_system("mae", codebook_size=None), "systems.mae_vq: ", "give both transport and codebook_size"),
    (coded_by(column_weight=6), "systems.mae_vq_coded.transport.code.column_weight: 6", "must be below row_weight"),
    (of_system("hevc_vit", real_uses=386), "systems.hevc_vit.chain.code.row_weight: 6", "must divide the 772 coded"),
    (of_system("hevc_vit", start=None), "systems.hevc_vit.training: null", "name a start"),
    (of_system("jpeg_vit", block_bits=386), "systems.jpeg_vit_full.block_bits: 386", "multiple of 4"),
    (of_system("jpeg_vit", block_bits=388), "systems.jpeg_vit_full.code.row_weight: 6", "must divide the 388"),
    (
        of_system("vit_at", training={"adversarial": {"step_share": 0.4}}),
        "systems.vit_at.training.adversarial: ",
        "must be at least 1",
    ),
    ({"recognition": {"default_level": 9.0}}, "recognition.default_level: 9.0", "recognition.noise.iterated.epsilon"),
    ({"recognition": {"default_noise": "pgd"}}, "recognition.default_noise: 'pgd'", "must be of iterated, single"),
    ({"recognition": {"channel": "fog"}}, "recognition.channel: 'fog'", "must be of awgn, rayleigh"),
    ({"recognition": {"snr_db": [3.0, 3.0]}}, "recognition.snr_db: [3.0, 3.0]", "must rise strictly"),
    ({"data": {"test_images": 500}}, "recognition.images: 2000", "must not exceed data.test_images = 500"),
    (of_noise("through_channel", through="fog"), "recognition.noise.through_channel.through: 'fog'", "awgn, rayleigh"),
    (of_noise("iterated", epsilon_levels=[8.0, 4.0]), "recognition.noise.iterated.epsilon_levels: ", "rise strictly"),
    (of_noise("iterated", iterations=2), "recognition.noise.iterated: ", "must be at least 1"),
    ({"channels": {"rayleigh": {"k_factor_db": 6.0}}}, "channels.rayleigh: ", 'what fading "rician" needs'),
    ({"channels": {"rayleigh_2x2": {"receive": 1}}}, "channels.rayleigh_2x2: ", "cannot part 2 symbols"),
]


@pytest.mark.parametrize(("overlay", "path", "allowed"), WRONG, ids=[path for _, path, _ in WRONG])
def test_a_mistake_is_told_with_its_path(overlay: dict[str, Any], path: str, allowed: str) -> None:
    found = [problem for problem in problems(**overlay) if problem.startswith(path)]
    assert len(found) == 1
    assert allowed in found[0]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("vit", {"training": {"channel": "awgn", "snr_db": None}}),  # trains as if nothing were lost
        ("vit", {"training": None}),  # never trained, and starts from nothing
        ("vit", {"patch": 5}),
        ("vit", {"size": {"heads": 3}}),
        ("mae", {"head_hidden": 18}),
    ],
    ids=["channel without snr_db", "neither start nor training", "patch", "heads", "head_hidden"],
)
def test_params_that_cannot_work_are_refused(name: str, changes: dict[str, Any]) -> None:
    problems(**of_system(name, **changes))


def test_tasks_and_noise_of_the_systems() -> None:
    params = tiny()
    assert params.of_task("pretraining") == ["mae_pretrained"]
    assert params.of_task("class") == [
        "vit", "vit_at", "mae_vq", "mae_vq_coded", "mae_no_at", "mae_no_awp", "mae_no_mask", "mae_no_codebook",
        "jpeg_vit_full", "jpeg_vit_payload", "hevc_vit",
    ]  # fmt: skip
    assert not {system for system, _ in params.pairs()} & {*params.of_task("class"), *params.of_task("pretraining")}
    assert params.noise_against("mae_vq") == list(params.recognition.noise)
    assert params.noise_against("mae_no_mask") == ["iterated", "single", "random"]
    assert params.noise_against("jpeg_vit_payload") == []


# what adaptive attackers use


@pytest.mark.parametrize("air", [None, AWGN], ids=["error-free", "awgn"])
@pytest.mark.parametrize("name", ["mae_vq", "mae_no_codebook", "jpeg_vit_payload", "hevc_vit"])
def test_soft_assignment_changes_gradients_and_nothing_else(name: str, air: Air | None) -> None:
    system, images = created(name), pictures()
    found = []
    for temperature in (None, 0.25):
        system.temperature = temperature
        leaf = images.clone().requires_grad_()
        logits = system.logits(leaf, air, draw())
        found.append((logits.detach(), torch.autograd.grad(logits.logsumexp(1).sum(), leaf)[0]))
    (hard, identity), (soft, through) = found
    assert torch.equal(hard, soft)
    assert bool(through.flatten(1).any(1).all())
    assert torch.equal(identity, through) == (name == "mae_no_codebook"), (
        "there is nothing to soften without a codebook"
    )


def test_who_does_not_know_the_masks_guesses_another_for_each_draw() -> None:
    public, guessed = draw(), Draw(3, draw().numbers, public_masks=False)
    assert torch.equal(public.visible(16, 8), public.named("another").visible(16, 8))
    masks = [one.visible(16, 8) for one in (public, guessed, guessed.named("another"))]
    assert all(not torch.equal(one, other) for one, other in zip(masks, [*masks[1:], masks[0]], strict=True))
    assert torch.equal(guessed.take(torch.tensor([2])).visible(16, 8), masks[1][2:3])
    assert torch.equal(guessed.normal(4), public.normal(4)), "only masks are guessed"


def test_adaptive_noise_is_tried_where_it_is_about_something() -> None:
    pairs = tiny().adaptive_pairs()
    of = {name: [noise for system, noise in pairs if system == name] for name in tiny().of_task("class")}
    every = list(tiny().recognition.adaptive.noise)
    assert of["mae_vq"] == every
    assert every[-4:] == ["unknown_mask", "through_air", "square", "auto_attack"]
    assert of["vit"] == [name for name in every if name not in ("soft", "unknown_mask", "through_air")]
    assert "soft" not in of["mae_no_codebook"]
    assert "unknown_mask" not in of["mae_no_mask"]
    assert {"soft", "through_air"} <= set(of["jpeg_vit_full"])
    assert of["jpeg_vit_payload"] == [], "the default noise is not made on it"
    some = validate(tiny_raw(recognition={"adaptive": {"systems": ["vit"]}}))
    assert {system for system, _ in some.adaptive_pairs()} == {"vit"}
    assert "through_channel" not in tiny().noise_against("vit")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"systems": ["deepjscc"]}, "adaptive.systems: 'deepjscc', must be of vit"),
        ({"noise": {"pgd": {"epsilon_levels": [4.0]}}}, r"noise.pgd.epsilon_levels: \[4.0\], must hold default_level"),
        ({"noise": {"square": {"norm": "l2"}}}, 'norm: kind "square" is for "linf" alone'),
        ({"noise": {"pgd": {"loss": "hinge"}}}, r"noise.pgd.loss"),
        ({"noise": {"single": {"kind": "pgd", "label": "again"}}}, "noise.single: the name is taken"),
        ({"noise": {"pgd": {"through": "nowhere"}}}, r"noise.pgd.through: 'nowhere', must be of awgn"),
    ],
)
def test_wrong_adaptive_noise_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        validate(tiny_raw(recognition={"adaptive": changes}))


# the picture upsampled before it is coded


def test_an_upsampled_picture_costs_more_and_is_seen_at_its_own_size() -> None:
    plain, larger = created("jpeg_vit_payload"), created("jpeg_vit_payload", upsampled=2)
    images = pictures(3)
    shown = larger.shown(images, None, draw(3))
    assert shown.shape == images.shape
    assert (shown - images).abs().mean() < 0.02
    assert torch.equal(larger.shown(images, SILENT, draw(3)), shown)
    bits = [system.overhead(images, draw(3)).bits for system in (plain, larger)]
    assert (bits[1] > 1.5 * bits[0]).all()


def test_a_soft_gradient_passes_the_upsampling() -> None:
    system, images = created("jpeg_vit_payload", upsampled=2), pictures(2).requires_grad_(True)
    system.temperature = 0.25
    (gradient,) = torch.autograd.grad(system.logits(images, None, draw(2))[0].sum(), images)
    assert (gradient[0] != 0).any()
    assert (gradient[1] == 0).all()
