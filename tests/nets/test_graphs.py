"""Networks run by onnxruntime and numpy: the same outputs as their PyTorch definitions, graphs up to date."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from underdrawing.attacks.face_forgery import autoencoder, resynthesis
from underdrawing.carriers.lattice import locator, locator_net
from underdrawing.content.manipulation_trunk import model as trunk_model
from underdrawing.content.manipulation_trunk import network as trunk_network
from underdrawing.content.manipulation_trunk.plain_head import HeadConfig, PlainHead
from underdrawing.content.sketch import fusion, fusion_net, sketch, sketch_net
from underdrawing.content.sketch.parameters import Config
from underdrawing.content.sketch.transform import Transform
from underdrawing.core.errors import WeightsError
from underdrawing.judging.face_scorer import PREFIX
from underdrawing.judging.map_scorer import MAPS
from underdrawing.judging.witness import network, witness
from underdrawing.nets import face_autoencoder
from underdrawing.nets.graph import Graph
from underdrawing.nets.loading import load_network, save_network
from underdrawing.systems.cmb_net import network as cmb_net
from underdrawing.systems.cmb_net import words
from underdrawing.systems.waveguard import model as waveguard_model
from underdrawing.systems.waveguard import network as waveguard

TOOLS = Path(__file__).parents[2] / "tools"


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


def torch_outputs(net, *inputs: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        outputs = net(*map(torch.from_numpy, inputs))
    return [y.numpy() for y in (outputs if isinstance(outputs, tuple) else (outputs,))]


def same(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float) -> None:
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert np.abs(a - b).max() < tolerance


@pytest.mark.parametrize(("rows", "cols"), [(8, 8), (9, 21), (40, 33)])
def test_the_locator_is_that_of_pytorch(rows, cols):
    net = load_network(locator.WEIGHTS, None, locator_net.LocatorNet)
    features = normal(1, locator_net.FEATURES, rows, cols)
    image = np.random.default_rng(1).integers(0, 256, (1, 3, 8 * rows, 8 * cols), np.uint8)
    found = Graph(locator.WEIGHTS.with_suffix(".onnx"), locator.WEIGHTS)(features=features, image=image)
    same(found, torch_outputs(net, features, image), 1e-4)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (72, 136), (256, 64)])
def test_the_fusion_is_that_of_pytorch(height, width):
    net = load_network(fusion.WEIGHTS, None, fusion_net.FusionNet)
    planes = normal(1, fusion_net.CHANNELS, height, width)
    found = Graph(fusion.WEIGHTS.with_suffix(".onnx"), fusion.WEIGHTS)(planes=planes)
    same(found, torch_outputs(net, planes), 1e-4)


@pytest.mark.parametrize("threads", ["2,1", "0", "many", ""])
def test_any_number_of_threads_in_the_environment(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    planes = normal(1, fusion_net.CHANNELS, 16, 16)
    assert Graph(fusion.WEIGHTS.with_suffix(".onnx"), fusion.WEIGHTS)(planes=planes)


@pytest.mark.parametrize(("rows", "cols"), [(2, 2), (3, 9), (16, 12)])
def test_the_witness_is_that_of_pytorch(rows, cols):
    """rows, cols: cells."""
    net = load_network(witness.WEIGHTS, None, network.WitnessNet)
    planes = normal(1, witness.PLANES, 8 * rows, 8 * cols)
    hashed = Graph(witness.WEIGHTS.with_name("hash.onnx"), witness.WEIGHTS, "hash.")(planes=planes)
    same(hashed, torch_outputs(net.hash, planes), 1e-5)
    inputs = {
        "received": planes,
        "sketch": planes[..., ::-1].copy(),
        "signed": np.sign(normal(1, witness.BITS, rows, cols)),
        "measured": hashed[0],
        "visible": (normal(1, 1, 4 * rows, 4 * cols) > 0).astype(np.float32),
        "sketch_bits": np.abs(25 * normal(1, 1, 4 * rows, 4 * cols)),
    }
    comparison = Graph(witness.WEIGHTS.with_name("comparison.onnx"), witness.WEIGHTS, "comparison.")
    same(comparison(**inputs), torch_outputs(net.comparison, *inputs.values()), 1e-4)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 12), (16, 16), (13, 7)])
def test_the_sketch_is_that_of_pytorch(rows, cols):
    net = load_network(sketch.WEIGHTS, Config, sketch_net.SketchNet, "net.")
    own = Transform(sketch.WEIGHTS)
    picture = np.random.default_rng(2).integers(0, 256, (16 * rows, 16 * cols, 3), np.uint8)
    latent = own.latent(picture)
    (expected,) = torch_outputs(net.encoder, picture.transpose(2, 0, 1)[None].astype(np.float32))
    same([latent], [expected[0]], 1e-2)
    tokens, described = own.quantize(latent, 8)
    with torch.inference_mode():
        grids, totals = net.quantizer.quantize(torch.from_numpy(expected[:, : net.config.token_dim]), 8)
    assert all((a == b[0].numpy()).all() for a, b in zip(tokens, grids, strict=True))
    same([described], [net.widen(totals[-1])[0].numpy()], 1e-2)
    for step in (0.0, 50.0):
        refinement = np.rint(normal(*latent.shape)).astype(np.float32) * np.float32(step)
        condition = sketch_net.conditions(torch.tensor([step]), torch.tensor([8]), 8).numpy()
        inputs = (described + refinement)[None], refinement[None], np.array([step], np.float32), condition
        (image,) = torch_outputs(net.decoder, *inputs)
        expected = np.rint(image[0]).clip(0, 255).transpose(1, 2, 0)
        assert np.abs(own.picture(tokens, refinement, step) - expected).max() <= 1


@pytest.mark.parametrize(("name", "kind"), [("dpnet_fgl", "DPNet"), ("gocnet", "GocNet"), ("grnet", "GRNet")])
def test_detectors_are_those_of_pytorch(name, kind, tmp_path):
    """With other weights than the released ones; graphs without parameters fit any."""
    module = import_module(f"underdrawing.systems.{name}.network")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = getattr(module, kind)(module.RELEASED).train()
        for parameter in net.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    faces = np.random.default_rng(1).uniform(0, 255, (3, 3, 128, 128)).astype(np.float32)
    with torch.no_grad():
        net(torch.from_numpy(faces))  # statistics of batch normalization
    save_network(net, tmp_path / "weights.safetensors", {}, prefix=PREFIX)
    net = load_network(tmp_path / "weights.safetensors", module.Config, getattr(module, kind), PREFIX)
    graph = Path(module.__file__).parent / "weights" / f"{name}.onnx"
    found = Graph(graph, tmp_path / "weights.safetensors", PREFIX)(faces=faces[:1])
    with torch.inference_mode():
        expected = [y.numpy() for y in net(torch.from_numpy(faces[:1]))[:3]]
    same(found, expected, 1e-3)
    assert np.abs(found[2] - expected[2]).max() < 0.01 * np.abs(expected[2]).max()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 96)])
@pytest.mark.parametrize("text", ["a small pasted object at the top left", ""])
def test_cmb_net_is_that_of_pytorch(height, width, text, tmp_path):
    """With heads that only the training has, so that the graph has fewer parameters than the weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = cmb_net.CMBNet(cmb_net.RELEASED)
        for parameter in net.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    save_network(net, tmp_path / "weights.safetensors", {}, prefix=PREFIX)
    net = load_network(tmp_path / "weights.safetensors", cmb_net.Config, cmb_net.CMBNet, PREFIX)
    maps = {f"maps{s}": normal(1, c, height // s, width // s)
            for c, s in zip(net.config.channels, (4, 8, 16, 32), strict=True)}  # fmt: skip
    codes, present = words.encode(text)
    inputs = {"words": codes[None], "present": present[None], "extent": np.float32([[0.1, 0.2, 0.5, 0.9]])}
    graph = Path(cmb_net.__file__).parent / "weights/cmb_net.onnx"
    found = Graph(graph, tmp_path / "weights.safetensors", PREFIX)(**maps, **inputs)
    with torch.inference_mode():
        given = [torch.from_numpy(x) for x in maps.values()], *map(torch.from_numpy, inputs.values())
        expected = [y.numpy() for y in net(torch.zeros(1, 3, height, width), *given)[:2]]
    assert expected[0].std() > 0.05
    same(found, expected, 1e-4)


@pytest.mark.parametrize(("name", "kind"), [("courtroom", "Courtroom")])
def test_localizers_are_those_of_pytorch(name, kind, tmp_path):
    """Of any size that the strides of the trunk's maps divide."""
    module = import_module(f"underdrawing.systems.{name}.network")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = getattr(module, kind)(module.RELEASED)
        for parameter in net.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    save_network(net, tmp_path / "weights.safetensors", {}, prefix=PREFIX)
    net = load_network(tmp_path / "weights.safetensors", module.Config, getattr(module, kind), PREFIX)
    graph = Graph(
        Path(module.__file__).parent / f"weights/{name}.onnx", tmp_path / "weights.safetensors", PREFIX
    )
    for height, width in ((96, 64), (128, 224)):
        images = np.random.default_rng(1).uniform(0, 255, (1, 3, height, width)).astype(np.float32)
        sizes = zip(trunk_network.CHANNELS, trunk_network.STRIDES, strict=True)
        maps = [normal(1, channels, height // stride, width // stride) for channels, stride in sizes]
        found = graph(images=images, **dict(zip(MAPS, maps, strict=True)))
        with torch.inference_mode():
            outputs = net(torch.from_numpy(images), [torch.from_numpy(x) for x in maps])
        expected = [outputs.logits.numpy(), outputs.reliability.numpy()]
        assert expected[0].std() > 1e-3
        same(found, expected, 1e-3)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (160, 96)])
def test_the_trunk_of_the_localizers_and_the_plain_head_are_those_of_pytorch(height, width, tmp_path):
    """With other weights than the released ones."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        nets = {"trunk": trunk_network.ManipulationTrunk().train(), "head": PlainHead().train()}
        for parameter in (p for net in nets.values() for p in net.parameters()):
            parameter.data += 0.02 * torch.randn_like(parameter)
    images = np.random.default_rng(1).uniform(0, 255, (2, 3, height, width)).astype(np.float32)
    with torch.no_grad():  # statistics of batch normalization
        nets["head"](None, nets["trunk"](torch.from_numpy(images)))
    for name, net in nets.items():
        save_network(net.eval(), tmp_path / name, {})
    trunk = load_network(tmp_path / "trunk", trunk_network.Config, trunk_network.ManipulationTrunk)
    head = load_network(tmp_path / "head", HeadConfig, PlainHead)
    with torch.inference_mode():
        maps = trunk(torch.from_numpy(images[:1]))
        expected = [y.numpy() for y in head(None, maps)[:2]]
    found = Graph(trunk_model.TRUNK_GRAPH, tmp_path / "trunk")(images=images[:1])
    same(found, [y.numpy() for y in maps], 2e-3)
    graph = Graph(trunk_model.HEAD_GRAPH, tmp_path / "head")
    assert graph.inputs == set(MAPS)
    same(graph(**dict(zip(MAPS, found, strict=True))), expected, 2e-3)


@pytest.mark.parametrize("identity", [0, 5, 16])
def test_the_swap_autoencoder_is_that_of_pytorch(identity):
    net = load_network(autoencoder.WEIGHTS, face_autoencoder.SwapConfig, face_autoencoder.SwapNet)
    side = net.config.side
    face = np.random.default_rng(identity).random((1, 3, side, side), np.float32)
    code = Graph(autoencoder.ENCODER, autoencoder.WEIGHTS, "encoder.")(face=face)
    same(code, torch_outputs(net.encoder, face), 1e-4)
    found = Graph(autoencoder.DECODER, autoencoder.WEIGHTS, f"decoders.{identity}.")(code=code[0])
    same(found, torch_outputs(net.decoders[identity], code[0]), 1e-4)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (136, 72)])
def test_the_autoencoder_of_resynthesis_is_that_of_pytorch(height, width):
    net = load_network(resynthesis.WEIGHTS, face_autoencoder.PatchConfig, face_autoencoder.PatchNet)
    picture = np.random.default_rng(height).random((1, 3, height, width), np.float32)
    own = resynthesis.PatchAutoencoder()
    latent = own.encode(picture)
    same([latent], torch_outputs(net.encoder, picture), 1e-4)
    same([own.decode(latent)], torch_outputs(net.decoder, latent), 1e-4)


def test_waveguard_is_that_of_pytorch(tmp_path):
    """With other weights than those of the start."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = waveguard.WaveGuard(waveguard.RELEASED)
        for parameter in net.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    scales = {f"calibration.{head}.scale": torch.tensor([2.0]) for head in net.heads}
    path = tmp_path / "weights.safetensors"
    save_network(net.eval(), path, {}, prefix=PREFIX, others=scales)
    net = load_network(path, waveguard.Config, waveguard.WaveGuard, PREFIX)
    codec = waveguard_model.WaveGuardCodec(path)
    face = np.random.default_rng(1).integers(0, 256, (128, 128, 3), np.uint8)
    bits = np.random.default_rng(2).integers(0, 2, 30).astype(np.uint8)
    image = torch.from_numpy(face.transpose(2, 0, 1)[None]).float()
    with torch.inference_mode():
        marked = net.encode(image, 2 * torch.from_numpy(bits[None]).float() - 1)
        logits = {name: head(image)[0] for name, head in net.heads.items()}
    same([codec.encode(face, bits)], [(marked - image)[0].permute(1, 2, 0).numpy()], 1e-2)
    same([codec.decode(face)], [-2 * logits["tracer"].numpy()], 1e-3)
    same([codec.soft_bits(face, "detector")], [-2 * logits["detector"].numpy()], 1e-3)


def test_weights_of_another_network_are_refused():
    with pytest.raises(WeightsError, match="do not fit"):
        Graph(fusion.WEIGHTS.with_suffix(".onnx"), locator.WEIGHTS)(planes=normal(1, 13, 16, 16))


def test_stored_graphs_are_those_of_the_networks(monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(TOOLS)
    import export_graphs

    kinds = (export_graphs.sources, export_graphs.detectors, export_graphs.localizers, export_graphs.carriers)
    for source in [source for graphs in kinds for source in graphs()]:
        assert source.path.read_bytes() == source.export(), "run tools/export_graphs.py"
