"""Trust anchors of Content Credentials: certificates beside the public keys of the trust store.

TRUST/anchors/NAME.pem    a root or intermediate certificate, or several
"""

from __future__ import annotations

from pathlib import Path

from underdrawing.core.errors import KeyFileError

_LARGEST_FILE = 1 << 24
_FOLDER = "anchors"


def is_certificate(path: Path) -> bool:
    """Whether a file contains PEM certificates, as opposed to a key."""
    try:
        return b"-----BEGIN CERTIFICATE-----" in path.read_bytes()[:_LARGEST_FILE]
    except OSError:
        return False


def add_anchor(store: Path, path: Path, name: str) -> Path:
    """Add the certificates of a file to a trust store; the file written.

    KeyFileError where it holds none, another file of certificates has that name, or it cannot be written.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise KeyFileError(f"{name!r} is no usable name for certificates")
    target = store / _FOLDER / f"{name}.pem"
    try:
        data = path.read_bytes()
        if len(data) > _LARGEST_FILE:
            raise KeyFileError(f"{path}: too large for certificates")
        _parse(data)
        if target.exists() and target.read_bytes() != data:
            raise KeyFileError(f"{target.parent}: {name!r} is another already; give this one another name")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    except OSError as error:
        raise KeyFileError(f"{error.filename or target}: {error.strerror}") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: expected certificates in PEM form ({error})") from error
    return target


def anchors(store: Path) -> dict[str, str]:
    """The trusted certificates in PEM form, by name; files without any are skipped."""
    found = {}
    folder = store / _FOLDER
    for path in sorted(folder.glob("*.pem")) if folder.is_dir() else ():
        try:
            text = path.read_text(encoding="ascii")
            _parse(text.encode("ascii"))
        except (OSError, ValueError):
            continue
        found[path.stem] = text.strip() + "\n"
    return found


def _parse(data: bytes) -> None:
    """ValueError where there are no certificates in PEM form."""
    from cryptography.x509 import load_pem_x509_certificates  # slow to import

    load_pem_x509_certificates(data)
