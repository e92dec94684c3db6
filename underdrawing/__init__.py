"""Underdrawing: a hidden sketch of a photograph, under the photograph.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"
_HOMES = {
    "protect": "api",
    "verify": "api",
    "retrieve": "api",
    "Verdict": "core.types",
    "Signature": "core.types",
}
__all__ = ["Signature", "Verdict", "__version__", "protect", "retrieve", "verify"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'underdrawing' has no attribute {name!r}")
    return getattr(import_module(f"underdrawing.{_HOMES[name]}"), name)
