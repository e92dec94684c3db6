"""Imuge: the networks' growth, the three mechanisms, inference at any size, training that repeats."""

import dataclasses

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.attacks.differentiable import pillow_jpeg
from underdrawing.core.errors import CapacityError, ShapeError, WeightsError
from underdrawing.losses.region import log_masked_mse
from underdrawing.metrics.quality import psnr_db
from underdrawing.nets.loading import save_network
from underdrawing.ops.binary_mask import binary_mask
from underdrawing.systems.imuge import model, training
from underdrawing.systems.imuge.model import Imuge, load_networks
from underdrawing.systems.imuge.network_lean import LeanConfig, LeanNetworks
from underdrawing.systems.imuge.network_published import (
    Decoder,
    PublishedConfig,
    PublishedNetworks,
    share_features,
)
from underdrawing.systems.imuge.recipes import RECIPES
from underdrawing.train.loop import Run, train

SMALL = LeanConfig((16, 16), (16, 16), (16, 16))


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]


@pytest.fixture(scope="module")
def lean() -> Imuge:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Imuge(LeanNetworks(SMALL))


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
@pytest.mark.parametrize("fade", [0.0, 0.5, 1.0])
def test_the_decoder_grows_by_stages(stage, fade):
    decoder, side = Decoder(4, (1, 2), sharing=True).eval(), 8 * 2**stage
    recovered = decoder(torch.rand(2, 3, side, side), torch.zeros(2, 1, side, side), stage, fade)
    assert recovered.shape == (2, 3, side, side)
    assert recovered.min() >= 0 and recovered.max() <= 1


def test_new_segments_start_without_a_jump():
    decoder = Decoder(4, (1,), sharing=False).eval()
    picture, mask = torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    small = torch.nn.functional.avg_pool2d(picture, 2)
    before = decoder(small, mask[..., ::2, ::2], 1, 1.0).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(decoder(picture, mask, 2, 0.0), before)


def test_equation_2():
    encoded, decoded = torch.full((1, 1, 1, 2), 3.0), torch.full((1, 1, 1, 2), 5.0)
    mask = torch.tensor([1.0, 0.25]).reshape(1, 1, 1, 2)
    assert share_features(encoded, decoded, mask).flatten().tolist() == [5.0, 3.5]


def test_sharing_changes_only_what_the_mask_marks():
    plain, mask = Decoder(4, (1,), sharing=False).eval(), torch.zeros(1, 1, 64, 64)
    shared = Decoder(4, (1,), sharing=True).eval()
    shared.load_state_dict(plain.state_dict())
    picture = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(plain(picture, mask), shared(picture, mask))
    assert not torch.allclose(plain(picture, mask + 1), shared(picture, mask + 1))


def test_lean_networks_recover_before_they_are_trained(photos):
    networks = LeanNetworks(SMALL).eval()
    crops = np.stack([photo[40:296, 40:296] for photo in photos])
    image = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    mask = torch.zeros(4, 1, 256, 256)
    mask[..., 60:140, 90:200] = 1
    with torch.no_grad():
        sent = pillow_jpeg(networks.immunize(image).clamp(0, 1), 95)
        recovered = networks.recover(sent * (1 - mask), mask)
    container_db = -10 * (sent - image).square().mean((1, 2, 3)).log10()
    inside_db = -10 * log_masked_mse(image, recovered, mask)
    assert container_db.min() > 33 and inside_db > 21


def test_the_mask_loses_specks_and_keeps_areas():
    prob = np.full((256, 256), 0.05, np.float32)
    prob[40:100, 60:140] = 0.9
    prob[200, 200] = 0.95
    mask = binary_mask(prob)
    assert mask[40:100, 60:140].all() and not mask[190:210, 190:210].any()
    assert mask.mean() < 0.1
    assert not binary_mask(np.random.default_rng(0).uniform(0, 0.2, (256, 256)).astype(np.float32)).any()


@pytest.mark.parametrize("size", [(256, 256), (200, 333), (513, 300)])
def test_any_size_goes_through(lean, photos, size):
    photo = photos[0][: size[0], : size[1]] if size[0] <= 512 else np.pad(photos[0], ((0, 1), (0, 0), (0, 0)))
    photo = photo[: size[0], : size[1]]
    protected = lean.protect(photo).apply(photo)
    verdict = lean.verify(protected)
    assert protected.shape == photo.shape and psnr_db(photo, protected) > 33
    assert verdict.tampered_prob.shape == photo.shape[:2] and verdict.recovered.shape == photo.shape
    changed = (verdict.recovered != protected).any(2)
    assert np.array_equal(changed, verdict.source_map > 0)
    assert verdict.tampered_prob.min() >= 0 and verdict.tampered_prob.max() <= 1


def test_what_it_cannot_do_is_said(lean, photos):
    with pytest.raises(CapacityError, match="no secret"):
        lean.protect(photos[0], secret=b"12345678")
    with pytest.raises(ShapeError, match="127x200"):
        lean.protect(photos[0][:200, :127])


def test_without_weights_the_error_names_the_training(monkeypatch, tmp_path):
    monkeypatch.setattr(model, "WEIGHTS", tmp_path / "imuge.safetensors")
    with pytest.raises(WeightsError, match="train imuge"):
        Imuge()


@pytest.mark.parametrize(
    "family, networks",
    [("lean", LeanNetworks(SMALL)), ("published", PublishedNetworks(PublishedConfig(4, (1, 2), False)))],
)
def test_saved_networks_are_loaded(family, networks, tmp_path):
    save_network(networks, tmp_path / "imuge.safetensors", {"family": family})
    back = load_networks(tmp_path / "imuge.safetensors")
    assert back.config == networks.config
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(back.locate(image), networks.eval().locate(image), atol=0.02, rtol=0.02)


def test_without_a_verifying_network_the_alteration_is_unknown(photos):
    system = Imuge(PublishedNetworks(PublishedConfig(4, (1,), sharing=False, verifier=False)))
    verdict = system.verify(photos[0][:130, :140])
    assert verdict.status == "unknown" and verdict.tampered_prob is None and verdict.altered_fraction is None
    assert verdict.recovered.shape == (130, 140, 3)


def test_damaged_weights_are_named(tmp_path):
    (tmp_path / "imuge.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"imuge\.safetensors"):
        Imuge(tmp_path / "imuge.safetensors")


CPU = torch.device("cpu")
LOG = {"smoke": "recover", "lean-smoke": "locate"}


@pytest.mark.parametrize("name", sorted(LOG))
def test_twenty_steps_repeat_and_a_resumed_run_goes_on(name, photos, tmp_path):
    recipe = RECIPES[name]
    rows = train(training.build(photos, recipe, CPU), Run(steps=20, clip=1.0), tmp_path / "whole")
    again = training.build(photos, recipe, CPU)
    draw, drawn = again.batch, []

    def stop_after_twelve(rng):
        if len(drawn) == 12:
            raise KeyboardInterrupt
        drawn.append(1)
        return draw(rng)

    again.batch = stop_after_twelve
    with pytest.raises(KeyboardInterrupt):
        train(again, Run(steps=20, clip=1.0, save_minutes=0.0), tmp_path / "part")
    rest = train(training.build(photos, recipe, CPU), Run(steps=20, clip=1.0), tmp_path / "part", resume=True)
    assert [row["step"] for row in rest] == list(range(12, 20))
    values = np.array([row[LOG[name]] for row in rows])
    np.testing.assert_allclose([row[LOG[name]] for row in rest], values[12:], rtol=2e-2, atol=1e-3)
    assert np.isfinite(values).all()
    assert values[-5:].mean() < values[:5].mean()


def test_stages_and_decoupling_follow_the_run(photos):
    system = training.build(photos, RECIPES["smoke"], CPU)
    stages = []
    for progress in (0.0, 0.1, 0.15, 0.2, 0.3, 0.35, 0.49, 0.5):
        system.begin(0, progress)
        stages.append((system.stage, round(system.fade, 3), system.coupled))
    assert stages == [(1, 1.0, False), (2, 0.0, False), (2, 1.0, False), (3, 0.0, False), (4, 0.0, False),
                    (4, 1.0, False), (4, 1.0, False), (4, 1.0, True)]  # fmt: skip


def test_the_lean_encoder_waits_for_its_readers(photos, tmp_path):
    recipe = dataclasses.replace(RECIPES["lean-smoke"], encoder_from=0.5)
    system = training.build(photos, recipe, CPU)
    moved = []
    for progress in (0.2, 0.7):
        system.begin(0, progress)
        _, terms = next(iter(system.losses(system.batch(rng := np.random.default_rng(3)), rng)))
        sum(terms.values()).backward()
        moved.append(any(value.grad is not None for value in system.nets.encoder.parameters()))
    assert moved == [False, True]


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("ablation")])
def test_each_row_of_table_3_can_be_trained(name, photos, tmp_path):
    smoke = RECIPES["smoke"]
    small = {field: getattr(smoke, field) for field in ("batch", "side", "shortest", "critic_width")}
    networks = dataclasses.replace(RECIPES[name].networks, width=smoke.networks.width)
    system = training.build(photos, dataclasses.replace(RECIPES[name], networks=networks, **small), CPU)
    rows = train(system, Run(steps=4), tmp_path)
    assert ("critic_container" in rows[-1]) == RECIPES[name].critics
    assert ("classify" in rows[-1]) == RECIPES[name].networks.verifier
    assert system.samples().shape == (64 * 4, 64 * 7, 3)


def test_a_run_leaves_weights_pictures_and_a_log(photos, tmp_path):
    training.run(photos, dataclasses.replace(RECIPES["lean-smoke"], steps=3), tmp_path)
    assert load_networks(tmp_path / "imuge.safetensors").config == SMALL
    assert (tmp_path / "log.jsonl").is_file() and list((tmp_path / "samples").glob("*.png"))
