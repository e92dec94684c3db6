"""Write the ONNX graphs of the networks that run without PyTorch, beside their weights.

    python tools/export_graphs.py          write them again, after a change of an architecture
    python tools/export_graphs.py --check  exit with 1 where a stored graph is not that of its network

A graph holds operations, names and shapes of parameters; the parameters stay in the safetensors files.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import onnx
import torch
from torch import Tensor, nn

from underdrawing import systems
from underdrawing.attacks.face_forgery import autoencoder, resynthesis
from underdrawing.carriers.lattice import locator, locator_net
from underdrawing.content.manipulation_trunk import model as trunk_model
from underdrawing.content.manipulation_trunk import network as trunk_network
from underdrawing.content.manipulation_trunk.plain_head import PlainHead
from underdrawing.content.sketch import fusion, fusion_net, parameters, sketch_net, transform
from underdrawing.faces import regions
from underdrawing.judging.map_scorer import MAPS
from underdrawing.judging.witness import network, witness
from underdrawing.nets import face_autoencoder
from underdrawing.nets.efficientnet_lite import SameConv
from underdrawing.systems.amtennet import network as amtennet
from underdrawing.systems.box_prompt_iml import model as box_prompt_iml
from underdrawing.systems.box_prompt_iml import network as box_prompt_iml_network
from underdrawing.systems.cmb_net import network as cmb_net
from underdrawing.systems.cmb_net import words
from underdrawing.systems.courtroom import network as courtroom
from underdrawing.systems.dawf import model as dawf_model
from underdrawing.systems.dawf import network as dawf
from underdrawing.systems.diffmark import model as diffmark_model
from underdrawing.systems.diffmark import network as diffmark
from underdrawing.systems.dpnet_fgl import network as dpnet_fgl
from underdrawing.systems.gifguard import network as gifguard
from underdrawing.systems.gocnet import network as gocnet
from underdrawing.systems.grnet import network as grnet
from underdrawing.systems.sc_iml import network as sc_iml
from underdrawing.systems.waveguard import model as waveguard_model
from underdrawing.systems.waveguard import network as waveguard

OPSET = 20
SYSTEMS = Path(systems.__file__).parent
_ROWS, _COLS = 8, 12  # of blocks in the example; sides of pictures are free in the graph


@dataclass(frozen=True)
class Source:
    """A network and an example of its inputs."""

    path: Path
    """The graph."""
    make: Callable[[], nn.Module]
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    many: bool = False
    """Whether the first axis of all inputs is free, in place of the sides of pictures."""

    def export(self) -> bytes:
        """The graph file: the same bytes for the same network."""
        file, network = io.BytesIO(), self.make().eval()
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_()  # the exporter would merge parameters of equal values
        free = {name: {2: f"{name}_h", 3: f"{name}_w"} for name, x in self.inputs.items() if x.ndim == 4}
        free |= {name: {2: "frames_t"} for name, x in self.inputs.items() if x.ndim == 5}
        if self.many:
            free = {name: {0: "count"} for name in self.inputs}
        with warnings.catch_warnings(), mock.patch.object(SameConv, "forward", _same_conv):
            warnings.simplefilter("ignore")  # of the exporter by tracing, which keeps the parameters' names
            torch.onnx.export(
                network,
                tuple(self.inputs.values()),
                file,
                dynamo=False,
                opset_version=OPSET,
                input_names=list(self.inputs),
                output_names=list(self.outputs),
                dynamic_axes=free,
                do_constant_folding=False,
            )
        model = onnx.load_from_string(file.getvalue())
        model.producer_version = ""
        for parameter in model.graph.initializer:
            _drop_values(parameter)
        _shorten_names(model.graph)
        return model.SerializeToString(deterministic=True)


class _OneConv(torch.autograd.Function):
    """SameConv as one node: run by itself, padding costs a third of a network's time."""

    @staticmethod
    def forward(
        context: Any, plane: Tensor, weight: Tensor, pads: list[int], strides: list[int], groups: int
    ) -> Tensor:
        padded = nn.functional.pad(plane, (pads[1], pads[3], pads[0], pads[2]))
        return nn.functional.conv2d(padded, weight, None, strides, groups=groups)

    @staticmethod
    def symbolic(
        graph: Any, plane: Any, weight: Any, pads: list[int], strides: list[int], groups: int
    ) -> Any:
        return graph.op("Conv", plane, weight, pads_i=pads, strides_i=strides, group_i=groups)


def _same_conv(conv: SameConv, plane: Tensor) -> Tensor:
    before, after = conv.padding_around
    pads = [before, before, after, after]
    return _OneConv.apply(plane, conv.weight, pads, list(conv.stride), conv.groups)


def _drop_values(parameter: onnx.TensorProto) -> None:
    parameter.ClearField("raw_data")
    parameter.data_location = onnx.TensorProto.EXTERNAL
    parameter.external_data.add(key="location", value="safetensors")


def _shorten_names(graph: onnx.GraphProto) -> None:
    """Number the values between nodes, whose names are most of a file; others keep theirs."""
    assert not any(a.HasField("g") for node in graph.node for a in node.attribute), "a graph in the graph"
    kept = {value.name for value in graph.output}
    made = [name for node in graph.node for name in node.output if name and name not in kept]
    short = {name: f"v{number}" for number, name in enumerate(made)}
    for node in graph.node:
        node.ClearField("name")
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short.get(name, name) for name in node.output]


def _detector(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A network for faces that returns the tensors that judging.face_scorer takes."""

    def network() -> nn.Module:
        network = make()
        forward = network.forward
        network.forward = lambda faces: tuple(forward(faces)[:3])
        return network

    return network


def _maps(channels: int, scale: int = 1, kind: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(1, channels, scale * _ROWS, scale * _COLS, dtype=kind)


def sources() -> list[Source]:
    """Graphs of the main job."""
    config = parameters.Config()
    bits, planes = witness.BITS, witness.PLANES
    return [
        Source(
            locator.WEIGHTS.with_suffix(".onnx"),
            locator_net.LocatorNet,
            {"features": _maps(locator_net.FEATURES), "image": _maps(3, 8, torch.uint8)},
            ("logits",),
        ),
        Source(
            fusion.WEIGHTS.with_suffix(".onnx"),
            fusion_net.FusionNet,
            {"planes": _maps(fusion_net.CHANNELS, 8)},
            ("output",),
        ),
        Source(
            witness.WEIGHTS.with_name("hash.onnx"),
            network.CellHash,
            {"planes": _maps(planes, 8)},
            ("values",),
        ),
        Source(
            witness.WEIGHTS.with_name("comparison.onnx"),
            network.Comparison,
            {
                "received": _maps(planes, 8),
                "sketch": _maps(planes, 8),
                "signed": _maps(bits),
                "measured": _maps(bits),
                "visible": _maps(1, 4),
                "sketch_bits": _maps(1, 4),
            },
            ("local", "other"),
        ),
        Source(
            transform.DECODER,
            lambda: sketch_net.Decoder(config),
            {
                "latent": _maps(config.channels),
                "refinement": _maps(config.channels),
                "step": torch.ones(1),
                "condition": torch.zeros(1, parameters.CONDITIONS),
            },
            ("image",),
        ),
        *_face_autoencoders(),
    ]


def _face_autoencoders() -> list[Source]:
    """Of the forgery laboratory."""
    swap, patch = face_autoencoder.SwapConfig(("one",)), face_autoencoder.PatchConfig()
    return [
        Source(
            autoencoder.ENCODER,
            lambda: face_autoencoder.SwapEncoder(swap),
            {"face": torch.zeros(1, 3, swap.side, swap.side)},
            ("code",),
        ),
        Source(
            autoencoder.DECODER,
            lambda: face_autoencoder.SwapDecoder(swap),
            {"code": torch.zeros(1, swap.start, swap.cells, swap.cells)},
            ("face",),
        ),
        Source(
            resynthesis.ENCODER,
            lambda: face_autoencoder.PatchEncoder(patch),
            {"picture": _maps(3, 8)},
            ("latent",),
        ),
        Source(
            resynthesis.DECODER,
            lambda: face_autoencoder.PatchDecoder(patch),
            {"latent": _maps(patch.latent)},
            ("picture",),
        ),
    ]


def detectors() -> list[Source]:
    """Graphs of the detectors of forged faces, at the sizes of the released weights."""
    makers = {
        "amtennet": (lambda: amtennet.AMTENnet(amtennet.RELEASED), amtennet.RELEASED.side),
        "dpnet_fgl": (lambda: dpnet_fgl.DPNet(dpnet_fgl.RELEASED), dpnet_fgl.RELEASED.side),
        "gocnet": (lambda: gocnet.GocNet(gocnet.RELEASED), gocnet.RELEASED.side),
        "grnet": (lambda: grnet.GRNet(grnet.RELEASED), grnet.RELEASED.side),
    }
    return [
        Source(
            SYSTEMS / name / "weights" / f"{name}.onnx",
            _detector(make),
            {"faces": torch.zeros(1, 3, side, side)},
            ("logit", "embedding", "heat"),
        )
        for name, (make, side) in makers.items()
    ]


def _trunk() -> nn.Module:
    """The trunk, with its list of maps as a tuple."""
    network = trunk_network.ManipulationTrunk()
    forward = network.forward
    network.forward = lambda images: tuple(forward(images))
    return network


def _localizer(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A network on the trunk with the inputs and outputs of judging.map_scorer."""

    def network() -> nn.Module:
        network = make()
        forward = network.forward
        network.forward = lambda images, *inputs: tuple(forward(images, list(inputs[:4]), *inputs[4:])[:2])
        return network

    return network


def localizers() -> list[Source]:
    """Graphs of the trunk of the localizers, and of the localizers on it."""
    height, width = 64, 96
    images = {"images": torch.zeros(1, 3, height, width)}
    maps = {
        name: torch.zeros(1, channels, height // stride, width // stride)
        for name, channels, stride in zip(MAPS, trunk_network.CHANNELS, trunk_network.STRIDES, strict=True)
    }
    makers: dict[Path, Callable[[], nn.Module]] = {
        trunk_model.HEAD_GRAPH: PlainHead,
        box_prompt_iml.GRAPH: lambda: box_prompt_iml_network.BoxPromptIML(box_prompt_iml_network.RELEASED),
        SYSTEMS / "courtroom/weights/courtroom.onnx": lambda: courtroom.Courtroom(courtroom.RELEASED),
        SYSTEMS / "sc_iml/weights/sc_iml.onnx": lambda: sc_iml.ScIML(sc_iml.RELEASED),
    }
    return [
        Source(trunk_model.TRUNK_GRAPH, _trunk, images, MAPS),
        *(
            Source(path, _localizer(make), images | maps, ("logits", "reliability"))
            for path, make in makers.items()
        ),
        Source(
            SYSTEMS / "cmb_net/weights/cmb_net.onnx",
            _localizer(lambda: cmb_net.CMBNet(cmb_net.RELEASED)),
            images | maps | _text(),
            ("logits", "reliability"),
        ),
    ]


def _text() -> dict[str, Tensor]:
    """A text, and the whole as the part of the picture that is at hand."""
    return {
        "words": torch.ones(1, words.WORDS, words.CODE),
        "present": torch.ones(1, words.WORDS),
        "extent": torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
    }


def _gifguard() -> list[Source]:
    """Encoder and decoder of clips of any number of frames, beside the plain code."""
    folder, side = SYSTEMS / "gifguard/weights", 128
    frames, one = torch.zeros(1, 3, 3, side, side), torch.zeros(1, 1, 3, side, side)
    return [
        Source(
            folder / "stare.onnx",
            lambda: gifguard.STARE(gifguard.RELEASED),
            {"frames": frames, "plain": one},
            ("change",),
        ),
        Source(
            folder / "dird.onnx",
            lambda: gifguard.DIRD(gifguard.RELEASED),
            {"frames": frames, "z": one},
            ("volume",),
        ),
    ]


def _dawf() -> list[Source]:
    """Of both networks, for any number of faces."""
    config, faces = dawf.Config(), {"faces": torch.zeros(2, 4, regions.SIDE, regions.SIDE)}
    message = {"bits": torch.ones(2, config.bits), "strength": torch.ones(2)}
    return [
        Source(dawf_model.EMBEDDER, lambda: dawf.Embedder(config), faces | message, ("residuals",), True),
        Source(dawf_model.READER, lambda: dawf.Reader(config), faces, ("logits", "maps"), True),
    ]


def _diffmark() -> list[Source]:
    """Of the sampling's step and of the decoder, for one face."""
    config = diffmark.RELEASED
    faces = torch.zeros(1, 3, config.side, config.side)
    step = {"x_t": faces, "x_c": faces + 0, "t": torch.ones(1), "bits": torch.ones(1, config.bits)}

    def part(name: str) -> Callable[[], nn.Module]:
        def network() -> nn.Module:
            network = diffmark.DiffMark(config)
            network.forward = getattr(network, name)
            return network

        return network

    return [
        Source(diffmark_model.DENOISER, part("denoise"), step, ("x0",)),
        Source(diffmark_model.DECODER, part("read"), {"faces": faces}, ("logits",)),
    ]


def _waveguard() -> list[Source]:
    """Of the encoder and of both heads, for one face."""
    config = waveguard.RELEASED
    faces = torch.zeros(1, 3, config.side, config.side)
    inputs = {"images": faces, "bits": torch.ones(1, config.bits)}
    heads = (
        (waveguard_model.TRACER, waveguard.Tracer),
        (waveguard_model.DETECTOR, waveguard.Detector),
    )
    return [
        Source(waveguard_model.ENCODER, lambda: waveguard.Encoder(config), inputs, ("marked",)),
        *(
            Source(path, lambda kind=kind: kind(config), {"received": faces}, ("logits",))
            for path, kind in heads
        ),
    ]


def carriers() -> list[Source]:
    """Graphs of the carriers of bits in faces and in clips."""
    return [*_dawf(), *_diffmark(), *_gifguard(), *_waveguard()]


def main(arguments: list[str]) -> int:
    """Write or compare; the exit code."""
    graphs, differ = [*sources(), *detectors(), *localizers(), *carriers()], []
    for source in graphs:
        data = source.export()
        if "--check" not in arguments:
            source.path.write_bytes(data)
        elif not source.path.is_file() or source.path.read_bytes() != data:
            differ.append(source.path.name)
    print(f"not those of their networks: {', '.join(differ)}" if differ else f"{len(graphs)} graphs")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
