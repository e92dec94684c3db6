"""Underdrawing hides in a photograph a signed code of its content; readers find what was altered.

The names in `__all__` are imported at first use, so that `import underdrawing` is fast.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"
_MODULES = {
    "api": (
        "Captions",
        "EncodedFile",
        "FindingsText",
        "FirstText",
        "GivenText",
        "Session",
        "add_trusted",
        "archive_info",
        "create_secret",
        "examine",
        "load_credentials",
        "load_owner",
        "open_registry",
        "pack",
        "placed_record",
        "protect",
        "retrieve",
        "trust_store",
        "unpack",
        "verify",
    ),
    "coding.keys": ("Owner", "PublicKey", "TrustStore"),
    "core.errors": (
        "CapacityError",
        "CodeError",
        "CredentialsError",
        "KeyFileError",
        "MissingExtraError",
        "MissingKeyFileError",
        "MissingPictureError",
        "MissingRegistryError",
        "OutputError",
        "PictureError",
        "RegistryError",
        "ShapeError",
        "UnderdrawingError",
        "UsageError",
        "WeightsError",
    ),
    "core.types": ("Assurance", "Credentials", "Signature", "Verdict", "Witness"),
    "data.pictures": ("Picture", "load_picture", "save_picture"),
    "registry.facts": ("Facts",),
    "registry.record": ("Record",),
    "registry.retrieval": ("Match",),
    "report.examination": ("ExamineReport", "FaceFinding"),
    "report.reports": ("ProtectReport", "VerifyReport"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = ["__version__", *_HOMES]  # also in __init__.pyi, for type checkers


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'underdrawing' has no attribute {name!r}")
    return getattr(_import_module(f"underdrawing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
