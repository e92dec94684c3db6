"""Networks for inference: ONNX graphs, run by onnxruntime with the parameters of a safetensors file.

    NAME.onnx (operations, names and shapes of parameters) + NAME.safetensors (parameters) --> Graph

tools/export_graphs.py writes the graphs from the PyTorch definitions; they hold no parameters, so weights of
the same architecture need no new graph.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime as ort

from underdrawing.core.errors import WeightsError
from underdrawing.nets.weights import read_tensors


class Graph:
    """One network on the CPU, loaded at the first call; on one thread unless OMP_NUM_THREADS asks for more.

    graph: file whose initializers are named as the tensors in the file `weights` that start with `prefix`.
    Tensors that the graph does not name are left out: heads that only the training has. other: tensors by
    their names without the prefix, in place of those of the file.
    """

    def __init__(
        self, graph: Path, weights: Path, prefix: str = "", other: Mapping[str, np.ndarray] | None = None
    ):
        self._graph, self._weights, self._prefix, self._other = graph, weights, prefix, other or {}
        self._lock = threading.Lock()

    def __call__(self, **inputs: np.ndarray) -> list[np.ndarray]:
        """Outputs of the network. WeightsError where a file cannot be read or the two do not fit."""
        with self._lock:
            session = self._session
        return session.run(None, {name: np.ascontiguousarray(value) for name, value in inputs.items()})

    @property
    def inputs(self) -> frozenset[str]:
        """Names of its inputs: those of the network that it uses."""
        with self._lock:
            return frozenset(entry.name for entry in self._session.get_inputs())

    @cached_property
    def _session(self) -> ort.InferenceSession:
        graph, tensors = self._graph.read_bytes(), read_tensors(self._weights, self._prefix)
        tensors = {name: value for name, value in (tensors | self._other).items() if _string(name) in graph}
        options = ort.SessionOptions()
        options.intra_op_num_threads = _threads(os.environ.get("OMP_NUM_THREADS", ""))
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised
        values = [ort.OrtValue.ortvalue_from_numpy(value) for value in tensors.values()]
        try:
            options.add_external_initializers(list(tensors), values)
            return ort.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the errors of onnxruntime have no other common class
            text = f"{self._weights}: its tensors do not fit the network {self._graph.name} ({error})"
            raise WeightsError(text) from error


def _string(name: str) -> bytes:
    """As protocol buffers store it: after its length."""
    return bytes([len(name)]) + name.encode()


def _threads(setting: str) -> int:
    """Of OMP_NUM_THREADS, the first number of its list; 1 where it names none."""
    first = setting.partition(",")[0].strip()
    return max(1, int(first)) if first.isdecimal() else 1
