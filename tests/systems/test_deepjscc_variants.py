"""DeepJSCC with a penalized slope, and the surrogate that listens to another's encoder."""

from __future__ import annotations

import pytest
import torch

from semrobust.config.params import Params, merge, validate
from semrobust.errors import ArtifactError, ParamsError
from semrobust.phy.power import noise_variance
from semrobust.systems.deepjscc import DeepJSCCSystem
from semrobust.systems.deepjscc_smooth import SmoothDeepJSCCSettings, SmoothDeepJSCCSystem
from semrobust.systems.deepjscc_surrogate import SurrogateSettings, SurrogateSystem
from tests.conftest import raw_params
from tests.systems.conftest import deepjscc_settings

PENALTY_DB = 3.0


@pytest.fixture(scope="module")
def smooth(small_params: Params) -> SmoothDeepJSCCSystem:
    plain = deepjscc_settings(small_params).model_dump()
    training = plain["training"] | {"train_snr_db": None, "penalty_snr_db": PENALTY_DB}
    settings = SmoothDeepJSCCSettings(**plain | {"kind": "deepjscc_smooth", "training": training})
    return SmoothDeepJSCCSystem.create(settings, 64, seed=4)


@pytest.mark.slow
def test_the_penalty_is_the_slope_that_noise_of_this_snr_would_cost(
    smooth: SmoothDeepJSCCSystem, images: torch.Tensor
) -> None:
    """Averaged over probes it is σ²‖J‖²_F per value, with J written out."""
    batch = images[:2]
    codewords = smooth.module.encoder(batch).detach()
    error = torch.nn.functional.mse_loss(smooth.module.decoder(codewords), batch)
    jacobians = [torch.func.jacrev(smooth.module.decoder)(codeword[None]) for codeword in codewords]
    slope = sum(float(jacobian.detach().square().sum()) for jacobian in jacobians) / 2
    expected = noise_variance(PENALTY_DB) * slope / batch[0].numel()
    generator = torch.Generator().manual_seed(0)
    losses = torch.stack([smooth.loss(batch, generator).detach() for _ in range(400)])
    measured = float(losses.mean() - error.detach())
    assert measured == pytest.approx(expected, rel=5 * float(losses.std()) / 20 / expected)
    assert measured > 0


def test_the_penalty_trains_encoder_and_decoder(smooth: SmoothDeepJSCCSystem, images: torch.Tensor) -> None:
    loss = smooth.loss(images[:4], torch.Generator().manual_seed(0))
    smooth.module.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for part in (smooth.module.encoder, smooth.module.decoder):
        assert any(parameter.grad is not None and parameter.grad.any() for parameter in part.parameters())
    smooth.module.zero_grad()


def test_validation_measures_the_same_loss_without_a_graph(smooth: SmoothDeepJSCCSystem, images: torch.Tensor) -> None:
    with torch.no_grad():
        without = smooth.loss(images[:4], torch.Generator().manual_seed(0))
    assert float(without) == pytest.approx(float(smooth.loss(images[:4], torch.Generator().manual_seed(0)).detach()))


def test_a_penalty_beside_noise_is_refused() -> None:
    raw = raw_params()
    raw["systems"]["trained"]["grid"]["way"]["smooth"]["training"]["train_snr_db"] = 10.0
    with pytest.raises(ParamsError, match=r"trained_smooth.training.train_snr_db"):
        validate(raw)


def test_a_surrogate_sends_what_the_other_sends_and_decodes_by_itself(
    small_params: Params, images: torch.Tensor
) -> None:
    plain = deepjscc_settings(small_params)
    victim = DeepJSCCSystem.create(plain, 128, seed=3)
    settings = SurrogateSettings(**plain.model_dump() | {"kind": "deepjscc_surrogate", "start": "deepjscc"})
    surrogate = SurrogateSystem.create(settings, 128, seed=5)
    surrogate.adopt(victim.state(), "deepjscc")
    before = {name: value.clone() for name, value in surrogate.state().items()}
    optimizer = torch.optim.AdamW(surrogate.module.parameters(), 1e-2, weight_decay=0.1)
    surrogate.loss(images, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert torch.equal(surrogate.encode(images).codewords, victim.encode(images).codewords)
    after = surrogate.state()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))
    assert not all(torch.equal(before[name], after[name]) for name in before if name.startswith("decoder."))
    received = victim.encode(images).codewords
    assert not torch.allclose(surrogate.decode(received, 0.1).images, victim.decode(received, 0.1).images)


def test_a_surrogate_of_another_size_is_refused(small_params: Params) -> None:
    plain = deepjscc_settings(small_params)
    victim = DeepJSCCSystem.create(plain, 64, seed=3)
    settings = SurrogateSettings(**plain.model_dump() | {"kind": "deepjscc_surrogate", "start": "other"})
    with pytest.raises(ArtifactError, match="the encoder of 'other' does not fit"):
        SurrogateSystem.create(settings, 128, seed=5).adopt(victim.state(), "other")


def test_a_system_that_starts_from_nothing_adopts_nothing(small_params: Params) -> None:
    victim = DeepJSCCSystem.create(deepjscc_settings(small_params), 64, seed=3)
    with pytest.raises(NotImplementedError, match="starts from no other system"):
        victim.adopt(victim.state(), "itself")


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"systems": {"deepjscc_surrogate": {"start": "hevc_ldpc_qpsk"}}}, "must be a system of kind 'deepjscc'"),
        ({"systems": {"deepjscc_surrogate": {"start": "nobody"}}}, "-> nobody is no system of the params"),
        ({"systems": {"deepjscc_surrogate": {"attacks": ["pga"]}}}, "must be an attack that 'deepjscc_surrogate' runs"),
        ({"systems": {"deepjscc_surrogate": None}}, "attacks.transfer_pga.kind"),
    ],
)
def test_a_surrogate_that_cannot_be_is_refused(overlay: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        validate(merge(raw_params(), overlay))
