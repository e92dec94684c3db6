"""The way in from the command line: settings from options and environment, the extra checked, then serve."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from underdrawing.core.errors import MissingExtraError
from underdrawing.service.settings import Settings

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")


def start(options: dict[str, Any], say: Callable[[str], None]) -> None:
    """Serve until stopped. options: of Settings, None where not given; `say` hears the server's address.

    UsageError for settings that cannot be used, MissingExtraError without the extra `serve`, RegistryError.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingExtraError(
            f"{missing[0]} is missing; install the extra: pip install 'underdrawing[serve]'"
        )
    settings = Settings.from_environment(**options)
    from underdrawing.service.run import serve

    serve(settings, say)
