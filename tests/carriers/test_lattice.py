"""The lattice carrier on real photographs: what is embedded is read, aligned, told from what is altered."""

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.attacks.channel import Blur, Contrast, Jpeg, Noise
from underdrawing.carriers.lattice import sync
from underdrawing.carriers.lattice.activity import activity, activity_before
from underdrawing.carriers.lattice.capacity import bits_after_edit, information
from underdrawing.carriers.lattice.embed import change, code_index, code_length
from underdrawing.carriers.lattice.grid import Alignment, grid_size
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.parameters import (
    FREQUENCIES,
    LAYERS,
    MOVES,
    STEPS,
    EmbeddingLevel,
    default_strength_for_size,
    nearest_strength,
)
from underdrawing.carriers.lattice.soft_bits import altered_probability, evidence, soft_bits
from underdrawing.ops.color import COLOUR_DIRECTION, LUMA, luma, with_luma_changed
from underdrawing.ops.dct import analyse, basis, synthesise

SIDE = 384


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(Image.fromarray(data.astronaut()).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def marked(photo):
    lattice, rng = Lattice(base_bits=512), np.random.default_rng(5)
    rows = cols = SIDE // 8
    base = rng.integers(0, 2, 512, dtype=np.uint8)
    layers = {n: rng.integers(0, 2, code_length(n, rows, cols), dtype=np.uint8) for n in ("middle", "top")}
    residual = lattice.embed(luma(photo), base, layers, EmbeddingLevel())
    image = with_luma_changed(photo, residual, COLOUR_DIRECTION)
    return lattice, image, base, layers


def first_view(lattice, image):
    received = luma(image)
    likely = (a for a in sync.intact(received, lattice.tables) if a.level.strength == 1)
    return lattice.view(received, next(likely))


def test_dct_basis_is_orthonormal_and_synthesis_undoes_analysis(photo):
    every = tuple((u, v) for u in range(8) for v in range(8))
    assert np.allclose(basis(every) @ basis(every).T, np.eye(64), atol=1e-5)
    plane = luma(photo)
    assert np.allclose(synthesise(analyse(plane, every), every), plane, atol=1e-2)


def test_colour_direction_changes_luma_by_one_and_is_the_shortest_that_does():
    assert pytest.approx(1, abs=1e-6) == LUMA @ COLOUR_DIRECTION
    assert np.linalg.norm(COLOUR_DIRECTION) < np.linalg.norm(np.ones(3)) * 10 ** (-1.26 / 20)


def test_change_leads_towards_the_named_lattice():
    rng = np.random.default_rng(0)
    shape = (4, 4, len(FREQUENCIES))
    c = rng.normal(0, 60, shape).astype(np.float32)
    bits, dither = rng.integers(0, 2, shape), rng.random(shape, dtype=np.float32)
    for level in (EmbeddingLevel(), EmbeddingLevel(strength=2.1)):
        moves = change(c, bits, dither, level)
        assert (np.abs(moves) <= level.steps / 2 + 1e-3).all()
        phase = np.mod((c + moves / MOVES) / level.steps - dither - 0.5 * bits + 0.25, 1) - 0.25
        assert np.abs(phase).max() < 1e-3


def test_strength_fills_the_picture_before_it_enlarges_the_steps(photo):
    texture = activity(luma(photo))
    archival, usual, robust = EmbeddingLevel(0.5), EmbeddingLevel(), EmbeddingLevel(strength=2.1)
    assert np.allclose(archival.steps, 0.5 * STEPS) and np.array_equal(usual.steps, STEPS)
    assert (robust.steps > STEPS).all() and (robust.steps[:2] < 1.5 * STEPS[:2]).all()
    assert robust.steps[-1] > 2.1 * STEPS[-1]
    assert np.array_equal(archival.density(texture), usual.density(texture))
    flat = texture < 6
    assert robust.density(texture)[flat].mean() > 2 * usual.density(texture)[flat].mean()


def test_the_untiled_coefficients_tell_strengths_apart_that_a_flat_picture_confuses(photo):
    lattice, rng = Lattice(base_bits=512), np.random.default_rng(5)
    flat = cv2.GaussianBlur(luma(photo), (0, 0), 8)
    rows = cols = SIDE // 8
    layers = {n: rng.integers(0, 2, code_length(n, rows, cols), dtype=np.uint8) for n in ("middle", "top")}
    level = EmbeddingLevel(strength=2.1)
    received = np.rint(flat + lattice.embed(flat, rng.integers(0, 2, 512, dtype=np.uint8), layers, level))
    first = next(sync.intact(received, lattice.tables))
    assert first.level.strength == 1.45, "no longer confused: the test needs another picture"
    view = lattice.place_view(lattice.view(received, first), received, (rows, cols))
    assert view.alignment.level.strength == 2.1


def test_a_brighter_picture_is_not_taken_for_one_of_larger_steps(marked):
    lattice, image, _, _ = marked
    ratio = float(EmbeddingLevel(strength=1.45).steps[0] / STEPS[0])
    received = luma(image) * np.float32(ratio)
    first = next(sync.intact(received, lattice.tables))
    assert first.level.strength == 1.45, "no longer confused: the test asks for nothing"
    view = lattice.place_view(lattice.view(received, first), received, (SIDE // 8, SIDE // 8))
    assert view.alignment.level.strength == 1
    assert abs(view.equalizer.gain - ratio) < 0.02


@pytest.mark.parametrize(
    "level", [EmbeddingLevel(), EmbeddingLevel(strength=1.45), EmbeddingLevel(strength=2.1)]
)
def test_the_reader_knows_what_is_in_use_although_the_mark_is_texture_itself(photo, level):
    lattice, rng = Lattice(base_bits=512), np.random.default_rng(5)
    plane, rows = luma(photo), SIDE // 8
    layers = {n: rng.integers(0, 2, code_length(n, rows, rows), dtype=np.uint8) for n in ("middle", "top")}
    marked = plane + lattice.embed(plane, rng.integers(0, 2, 512, dtype=np.uint8), layers, level)
    received = luma(
        Jpeg(70)(np.repeat(np.clip(np.rint(marked), 0, 255).astype(np.uint8)[..., None], 3, 2), rng)
    )
    true = level.density(activity(plane))
    off = np.abs(level.density(activity_before(received, level)) - true).mean()
    assert off < 0.04
    assert off < 0.75 * np.abs(level.density(activity(received)) - true).mean()


def test_a_texture_gain_uses_more_of_the_middle_layer_and_of_nothing_else():
    texture = np.geomspace(0.5, 20, 30)[None].astype(np.float32)
    plain, lifted = EmbeddingLevel().density(texture), EmbeddingLevel(texture_gain=2.8).density(texture)
    middle = LAYERS["middle"]
    assert (lifted[..., middle] >= plain[..., middle]).all()
    assert lifted[..., middle].sum() > 1.3 * plain[..., middle].sum()
    assert np.array_equal(lifted[..., LAYERS["base"]], plain[..., LAYERS["base"]])
    assert np.array_equal(lifted[..., LAYERS["top"]], plain[..., LAYERS["top"]])


def test_a_layer_spreads_over_the_whole_frame():
    index = code_index("middle", 32, 32, b"any")
    assert sorted(np.unique(index)) == list(range(code_length("middle", 32, 32)))
    here = index[:8, :8].ravel()
    assert here.max() > 0.9 * index.max() and here.min() < 0.1 * index.max()


def test_container_is_faint(photo, marked):
    error = np.mean((marked[1].astype(float) - photo) ** 2)
    assert 10 * np.log10(255**2 / error) > 40


@pytest.mark.parametrize(
    ("channel", "least"), [(None, 0.85), (Jpeg(50), 0.5), (Blur(1.0), 0.35), (Contrast(0.8), 0.85)], ids=str
)
def test_middle_layer_keeps_its_information(marked, channel, least):
    lattice, image, base, layers = marked
    received = image if channel is None else channel.attack(image, np.random.default_rng(1))[0]
    view = first_view(lattice, received)
    base_bits = base[lattice.base_index(view)]
    nothing = np.zeros(view.reading.altered.shape, np.float32)
    reading = view.reading.with_known(base_bits, nothing)
    bits = layers["middle"][lattice.layer_index(view, "middle", (SIDE // 8, SIDE // 8))]
    used = lattice.in_use(luma(image), layers, EmbeddingLevel())[..., LAYERS["middle"]].sum()
    assert information(reading, LAYERS["middle"], bits).sum() > least * used


def test_the_worst_edit_takes_what_carries_most():
    even, heap = np.ones((32, 48)), np.ones((32, 48))
    heap[8:24, 16:40] = 5  # a quarter of the blocks, five eighths of the bits
    assert bits_after_edit(even, 0.4) == pytest.approx(0.6 * even.size, abs=1)
    assert bits_after_edit(heap, 0.25) == pytest.approx(0.75 * heap.size, rel=0.1)
    assert bits_after_edit(heap, 0.4) < bits_after_edit(heap, 0.25) < bits_after_edit(heap, 0) == heap.sum()
    scattered = np.random.default_rng(0).permutation(heap.ravel()).reshape(heap.shape)
    assert bits_after_edit(scattered, 0.25) > 1.15 * bits_after_edit(heap, 0.25)


def test_noise_leaves_the_base_layer_readable(marked):
    lattice, image, base, _ = marked
    view = first_view(lattice, Noise(10.0).attack(image, np.random.default_rng(1))[0])
    assert np.mean((lattice.base_soft_bits(view) < 0) == base) > 0.85


def test_soft_bits_are_zero_where_the_block_is_altered(marked):
    lattice, image, *_ = marked
    reading = first_view(lattice, image).reading
    gone = reading.with_altered(np.ones_like(reading.altered))
    assert np.abs(soft_bits(gone, LAYERS["middle"])).max() < 1e-6


def test_evidence_finds_a_replaced_area(marked):
    lattice, image, base, _ = marked
    tampered = image.copy()
    tampered[96:224, 128:288] = np.asarray(Image.fromarray(data.coffee()).resize((160, 128)))
    view = first_view(lattice, tampered)
    known = base[lattice.base_index(view)]
    found = altered_probability(evidence(view.reading, {"base": known})) > 0.5
    truth = np.zeros_like(found)
    truth[12:28, 16:36] = True
    assert (found & truth).sum() / truth.sum() > 0.9
    assert (found & ~truth).mean() < 0.08


def test_a_wrong_key_sees_noise(marked):
    other = Lattice(b"another secret")
    received = luma(marked[1])
    assert all(a.score < 5 for a in sync.intact(received, other.tables))


@pytest.mark.parametrize("offset", [(3, 5), (40, 17), (0, 8)])
def test_a_crop_is_placed_to_the_pixel(marked, offset):
    lattice, image, *_ = marked
    y, x = offset
    part = Jpeg(80).attack(image[y : y + 300, x : x + 320], np.random.default_rng(0))[0]
    found = next(iter(sync.candidates(luma(part), lattice.tables)))
    assert found.offset == ((-y) % 8, (-x) % 8)
    assert found.origin == (-(-y // 8), -(-x // 8))


@pytest.mark.parametrize("factor", [0.63, 1.4])
def test_an_unknown_scale_is_found(marked, factor):
    lattice, image, *_ = marked
    size = round(SIDE * factor)
    received = luma(np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)))
    scales = [a.scaled for a in sync.resized(received, lattice.tables)]
    assert (SIDE, SIDE) in scales[:3]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_is_found(marked, quarters):
    lattice, image, *_ = marked
    received = luma(Jpeg(70)(np.ascontiguousarray(np.rot90(image, quarters)), np.random.default_rng(0)))
    best = max(sync.intact(received, lattice.tables), key=lambda a: a.score)
    assert best.transposed == bool(quarters % 2) and best.score > 10
    assert np.abs(best.oriented(received) - luma(image)).mean() < 4


def test_repeated_bits_agree_where_single_coefficients_do_not(marked):
    lattice, image, *_ = marked
    rng = np.random.default_rng(0)
    received = luma(Jpeg(50)(np.asarray(Image.fromarray(image).resize((290, 290))), rng))
    found = next(iter(sync.resized(received, lattice.tables)))
    assert found.scaled == (SIDE, SIDE) and found.score > 7


def stretched(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((round(1.04 * SIDE), SIDE), Image.Resampling.BICUBIC))


def enlarged_part(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image[20:320, 37:350]).resize((428, 410), Image.Resampling.BICUBIC))


def with_frame(image: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(image, 27, 40, 19, 19, cv2.BORDER_CONSTANT, value=(255, 255, 255))


@pytest.mark.parametrize("change", [stretched, enlarged_part, with_frame])
def test_a_part_is_found_at_other_scales_aspects_and_in_a_frame(marked, change):
    lattice, image, *_ = marked
    received = luma(Jpeg(85)(change(image), np.random.default_rng(0)))
    expected = {stretched: (1, 1 / 1.04), enlarged_part: (300 / 410, 313 / 428), with_frame: (1, 1)}[change]
    scales = (np.array(a.scaled) / received.shape for a in sync.candidates(received, lattice.tables))
    assert any(np.abs(scale - expected).max() < 0.008 for scale in scales)


def test_no_part_of_an_unmarked_picture_is_a_clear_candidate(photo, marked):
    lattice, *_ = marked
    assert all(a.score < 9 for a in sync.candidates(luma(photo), lattice.tables))


def test_a_mirrored_and_a_turned_picture_are_found(marked):
    lattice, image, *_ = marked
    received = luma(np.ascontiguousarray(image[:, ::-1]))
    mirrored = max(sync.candidates(received, lattice.tables), key=lambda a: a.score)
    assert mirrored.mirrored and not mirrored.upside_down and mirrored.score > 10
    turned = Image.fromarray(image).rotate(2, Image.Resampling.BICUBIC)
    found = [a for a in sync.candidates(luma(np.asarray(turned)), lattice.tables) if a.angle]
    assert abs(found[0].angle + 2) < 0.15


def test_alignment_maps_there_and_back():
    alignment = Alignment(300, 400, (240, 320), offset=(3.0, 5.0))
    rows, cols = alignment.blocks
    ramp = np.tile(np.arange(8 * cols, dtype=np.float32), (8 * rows, 1))
    there = alignment.to_received(ramp)
    back = alignment.sample(there)
    assert np.abs(back - ramp)[8:-8, 8:-8].max() < 1.0


def test_large_pictures_have_a_grid_of_at_most_1024_and_a_fainter_mark():
    assert grid_size(3000, 4000) == (768, 1024)
    assert grid_size(600, 800) == (600, 800)
    assert (
        nearest_strength(default_strength_for_size(4000))
        < nearest_strength(default_strength_for_size(1500))
        < 1
    )


def test_activity_is_nearly_the_same_after_a_codec(photo):
    before = activity(luma(photo))
    after = activity(luma(Jpeg(50).attack(photo, np.random.default_rng(0))[0]))
    busy = before > 4
    assert np.std(np.log(after[busy] / before[busy])) < 0.08
    smooth = cv2.GaussianBlur(luma(photo), (0, 0), 8)
    assert activity(smooth).mean() < 0.5 * before.mean()


def test_the_equalizer_finds_a_tone_curve(marked):
    lattice, image, _, _ = marked
    darker = (255 * (image / 255.0) ** 1.25 + 0.5).astype(np.uint8)
    view = first_view(lattice, darker)
    assert view.equalizer.gamma == 1.25
