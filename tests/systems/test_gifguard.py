"""GIFGuard before any training: plain code, alignment, start of the networks, the carrier on real GIFs."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from underdrawing.attacks.clip_channels import QUANTIZERS, FrameDrop, Reorder, SentClip, Speed, gif_first
from underdrawing.attacks.face_channels import KernelBlur, NearestResize, SaltPepper, SentFace
from underdrawing.core.errors import CapacityError, ShapeError, WeightsError
from underdrawing.data.motion import Path, View, frames_of
from underdrawing.metrics.quality import psnr_db
from underdrawing.nets.graph import Graph
from underdrawing.nets.loading import save_network
from underdrawing.nets.weights import read_tensors
from underdrawing.ops.window import SIDE, Window
from underdrawing.systems.gifguard import network as networks
from underdrawing.systems.gifguard.alignment import PRESENT, align, patterns_of, suppressed
from underdrawing.systems.gifguard.model import WEIGHTS, GifGuard
from underdrawing.systems.gifguard.network import CODE, RELEASED, Config, GIFGuard
from underdrawing.systems.gifguard.spread_code import SpreadCode
from underdrawing.systems.gifguard.training import SCALE
from underdrawing.train.bits import PREFIX

SMALL = Config(patch=8, width=8, blocks=1, levels=(8, 8, 8))
TABLES = SpreadCode.of(CODE)
BITS = np.random.default_rng(4).integers(0, 2, 128).astype(np.uint8)
SIGNS = np.concatenate([BITS * 2.0 - 1, np.ones(CODE.pilots), [0]]).astype(np.float32)[None]


def clip(photo=None, count=10, side=160):
    """A pan with zoom over a photograph."""
    photo = data.coffee() if photo is None else photo
    steps = np.linspace(0, 1, count)
    views = tuple(View(40 + 60 * t, 10 + 30 * t, 280 + 60 * t) for t in steps)
    return frames_of(photo, Path(views, ((0.0, 0.0),) * count, (200.0, 200.0)), side)


def volume(frames):
    return np.ascontiguousarray(np.stack(frames).transpose(3, 0, 1, 2), np.float32)


def small(frames):
    return volume([Window().placed(frame) for frame in frames])


@pytest.fixture(scope="module")
def carrier(tmp_path_factory):
    """With the parameters that a training starts from."""
    path = tmp_path_factory.mktemp("start") / "gifguard.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save_network(GIFGuard(RELEASED), path, {}, prefix=PREFIX, others={SCALE: torch.tensor([1.0])})
    return GifGuard(path)


@pytest.fixture(scope="module")
def marked(carrier):
    return carrier.embed_frames(clip(), BITS)


def errors(carrier, frames):
    return int((carrier.read_frames(frames).bits != BITS).sum())


def test_the_groups_share_the_band_and_nothing_else():
    places = TABLES.order.ravel()
    assert len(np.unique(places)) == len(places) and TABLES.order.shape[0] == CODE.bits + CODE.pilots
    radius = np.hypot(*np.indices(TABLES.gain.shape))
    low, high = CODE.band
    assert radius.ravel()[places].min() >= low and radius.ravel()[places].max() < high
    assert np.array_equal(TABLES.signs != 0, TABLES.gain > 0)
    assert (TABLES.place.ravel()[TABLES.order] == np.arange(len(TABLES.order))[:, None]).all()
    mean = radius.ravel()[TABLES.order].mean(1)
    assert mean.std() < 1
    assert np.allclose(TABLES.basis @ TABLES.transposed, np.eye(high), atol=1e-5)


def test_statistics_are_correlations_with_the_patterns():
    z = np.random.default_rng(1).standard_normal((SIDE, SIDE)).astype(np.float32)
    for group in (0, 77, 139):
        values = np.zeros(141, np.float32)
        values[group] = 1
        assert TABLES.statistics(z)[group] == pytest.approx(
            float((TABLES.pattern(values) * z).sum()), abs=1e-3
        )


def test_the_soft_clip_and_its_slope():
    y = np.float32([0.1, 3.0, 300.0])
    assert np.allclose(TABLES.suppressed(y), [0.1, 3 / 2**0.5, 3.0], rtol=1e-2)
    step = 1e-3
    derivative = (TABLES.suppressed(y[1] + step) - TABLES.suppressed(y[1] - step)) / (2 * step)
    assert derivative == pytest.approx(TABLES.slope(y[1]) ** 3, rel=1e-3)


@pytest.mark.parametrize("photo", ["coffee", "chelsea"])
def test_every_group_reaches_its_margin_in_every_frame(photo):
    frames = small(clip(getattr(data, photo)()[:300], 2))
    change = TABLES.embedded(frames, SIGNS)
    reached = TABLES.statistics(TABLES.suppressed(TABLES.band((frames + change).clip(0, 255).mean(0))))
    before = TABLES.statistics(TABLES.suppressed(TABLES.band(frames.mean(0))))
    assert (reached * SIGNS[:, :-1]).min() > 0 and (before * SIGNS[:, :-1]).min() < -10
    assert np.median(reached * SIGNS[:, :-1]) > 0.6 * CODE.margin
    assert (change**2).mean((1, 2)).max() ** 0.5 <= CODE.most_rms * 1.001


def test_numpy_and_pytorch_run_the_same_code():
    frames = small(clip(count=3))
    with torch.random.fork_rng():
        net = GIFGuard(SMALL)
    bits = torch.from_numpy(SIGNS[:, :128])
    plain = net.plain(torch.from_numpy(frames)[None], bits)
    assert np.abs(plain[0, 0].numpy() - TABLES.embedded(frames, SIGNS)).max() < 1e-3


def test_the_networks_start_as_the_plain_code():
    frames = torch.from_numpy(small(clip(count=2)))[None]
    with torch.random.fork_rng():
        net = GIFGuard(SMALL)
    bits = torch.from_numpy(SIGNS[:, :128])
    marked = net.encode(frames, bits)
    assert torch.allclose(marked, frames + net.plain(frames, bits), atol=1e-4)
    z = net.suppressed(marked.clamp(0, 255))
    found = net.decode(marked.clamp(0, 255))
    assert torch.allclose(found, net.scale * net.code.statistics(z.mean((1, 2)))[:, :128], atol=1e-4)
    assert ((found > 0) == (bits > 0)).all()


def test_a_volume_of_patches_is_the_volume_again():
    frames = torch.rand(2, 3, 5, 16, 24)
    patches = networks.to_patches(frames, 4)
    assert patches.shape == (2, 48, 5, 4, 6) and torch.equal(networks.from_patches(patches, 4), frames)
    assert torch.equal(patches[0, 5, 2, 1, 3], frames[0, 0, 2, 5, 13])


def test_a_gate_closes_a_channel_and_opens_another():
    gate = networks.Recalibration(4, 2)
    torch.nn.init.zeros_(gate.gate[2].weight)
    gate.gate[2].bias.data = torch.tensor([-20.0, 20.0, 0.0, 0.0])
    maps = torch.rand(1, 4, 2, 3, 3)
    assert torch.allclose(gate(maps), maps * torch.tensor([0, 1, 0.5, 0.5]).view(1, 4, 1, 1, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["stare", "dird"])
def test_the_graphs_are_the_networks(name, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        net = GIFGuard(RELEASED)
        for parameter in net.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    save_network(net, tmp_path / "w.safetensors", {}, prefix=PREFIX)
    stored = read_tensors(tmp_path / "w.safetensors", PREFIX)
    net.load_state_dict({key: torch.from_numpy(value) for key, value in stored.items()})
    part = getattr(net, name)
    graph = Graph(WEIGHTS.with_name(f"{name}.onnx"), tmp_path / "w.safetensors", f"{PREFIX}{name}.")
    for count in (1, 5):
        frames, other = (
            volume(clip(count=count, side=128)),
            np.random.default_rng(1).normal(size=(count, 128, 128)),
        )
        inputs = [frames[None], other.astype(np.float32)[None, None]]
        with torch.inference_mode():
            expected = part(*map(torch.from_numpy, inputs)).numpy()
        names = ("frames", "plain") if name == "stare" else ("frames", "z")
        (found,) = graph(**dict(zip(names, inputs, strict=True)))
        assert np.abs(found - expected).max() < 1e-3 < np.abs(expected).max()


def test_all_bits_of_a_gif_file_are_read(carrier, marked):
    file, first = io.BytesIO(), Image.fromarray(marked[0]).quantize(256)
    first.save(
        file, "GIF", save_all=True, append_images=[Image.fromarray(f).quantize(256) for f in marked[1:]]
    )
    with Image.open(file) as gif:
        frames = []
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.append(np.asarray(gif.convert("RGB")))
    reading = carrier.read_frames(np.stack(frames))
    assert reading.present and np.array_equal(reading.bits, BITS)
    assert psnr_db(clip(), marked) > 37


@pytest.mark.parametrize("channel", [*QUANTIZERS, *gif_first((FrameDrop(0.3), Reorder(), Speed(2.0)))],
                         ids=lambda channel: channel.name)  # fmt: skip
def test_all_bits_are_read_after_palettes_and_other_timing(carrier, marked, channel):
    received = channel(SentClip(marked, marked), np.random.default_rng(3))
    assert errors(carrier, received.frames) == 0


def test_frames_are_read_alone_and_as_older_versions_marked_them(carrier, marked):
    assert errors(carrier, marked[2:3]) == errors(carrier, marked[3:6]) == 0
    older = np.concatenate([carrier.embed_frames(frame[None], BITS) for frame in clip()])
    assert not np.array_equal(older[1], marked[1]) and np.array_equal(older[0], marked[0])
    assert errors(carrier, older) == 0


def test_a_still_scene_is_read_after_most_pixels_are_restored(carrier):
    still = np.stack([data.coffee()[60:220, 120:280]] * 8)
    older = np.concatenate([carrier.embed_frames(frame[None], BITS) for frame in still])
    wrong = []
    for frames in (older, carrier.embed_frames(still, BITS)):
        lost = np.random.default_rng(2).random(still.shape[:3]) < 0.6
        wrong.append(errors(carrier, np.where(lost[..., None], still, frames)))
    assert wrong[1] <= 2 < wrong[0]


def test_all_bits_are_read_at_another_size_and_from_a_crop(carrier, marked):
    sizes = [np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in marked])
             for size in ((96, 96), (220, 150))]  # fmt: skip
    assert [errors(carrier, frames) for frames in sizes] == [0, 0]
    assert errors(carrier, marked[:, 12:150, 9:147]) <= 2


def test_the_window_of_a_crop_is_found(marked):
    found = align(TABLES, marked[:6, 16:152, 20:156], np.arange(6), lambda found: False)
    window, truth = found.window, (0.1, 0.125, 0.85, 0.85)
    assert found.ratio > PRESENT
    assert np.abs(np.subtract((window.top, window.left, window.height, window.width), truth)).max() < 0.015


@pytest.mark.parametrize("channel", [NearestResize(0.8), SaltPepper(0.1), KernelBlur(5, 5.0)])
def test_a_single_picture_is_read_after_what_can_be_undone(carrier, channel):
    face = data.astronaut()[40:168, 160:288]
    received = channel(
        SentFace(carrier.embed(face, BITS).apply(face), face, np.zeros((5, 2))), np.random.default_rng(1)
    )
    assert (carrier.read(received, 128).bits != BITS).sum() <= 10  # 25 to 40 as received


def test_a_placed_frame_lies_where_its_window_is():
    frame = data.coffee()[:128, :128]
    placed = Window(0.25, 0.5, 0.5, 0.25).placed(frame[32:96, 64:96])
    assert np.abs(placed[34:94, 66:94] - frame[34:94, 66:94]).max() < 1e-3
    assert Window(0.25, 0.5, 0.5, 0.25).mask().sum() == 64 * 32


def test_no_mark_is_found_where_there_is_none(carrier):
    found = align(TABLES, clip(count=2), np.arange(2), lambda found: False)
    assert found.window == Window() and found.ratio < 1.5
    assert not carrier.read_frames(clip(data.astronaut(), 2)).present
    noise = np.random.default_rng(1).normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    assert (
        0.6 < patterns_of(TABLES, suppressed(TABLES, noise.mean(-1)[None], Window()), np.arange(1))[1] < 1.5
    )


def test_a_picture_is_an_animation_of_one_frame(carrier):
    photo = data.coffee()[:240, :300]
    protection = carrier.embed(photo, BITS[:50])
    reading = carrier.read(protection.apply(photo), 50)
    assert reading.present and np.array_equal(reading.bits, BITS[:50])


def test_other_frames_are_refused(carrier, tmp_path):
    frames = clip(count=2)
    with pytest.raises(CapacityError, match="128 bits"):
        carrier.embed_frames(frames, BITS[:100])
    with pytest.raises(CapacityError, match="80 px"):
        carrier.read_frames(frames[:, :79])
    for wrong in (frames[0], frames[:0], frames.astype(np.float32)):
        with pytest.raises(ShapeError):
            carrier.read_frames(wrong)
    with pytest.raises(WeightsError, match="no such file"):
        GifGuard(tmp_path / "none.safetensors")
