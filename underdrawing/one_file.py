"""What a batch does with one file: functions of a Job that give the object to print, and can be pickled."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def protect_file(
    job: Any, *, sign: str | None, password: bytes | None, facts: str | None, **options: Any
) -> dict[str, Any]:
    """Protect the job's file into its target; the object to print."""
    from underdrawing import api

    owner = None if sign is None else api.load_owner(sign, password)
    told = None if facts is None else api.load_facts(facts)
    chain, key = options.pop("credentials"), options.pop("credentials_key")
    if chain is not None:
        options["credentials"] = api.load_credentials(chain, key, password)
    return api.protect(job.path, job.target, sign=owner, facts=told, **options).to_json()


def verify_file(job: Any, **options: Any) -> dict[str, Any]:
    """Verify the job's file, findings beside its target; the object to print."""
    from underdrawing import api

    if job.target is None:
        return api.verify(job.path, **options).to_json()
    return api.verify(job.path, job.target.parent, stem=job.target.name, **options).to_json()


def retrieve_file(job: Any, *, registry: str, **options: Any) -> dict[str, Any]:
    """Look for the job's file in the registry, manifests beside its target; the object to print."""
    from underdrawing import api

    if job.target is not None:
        options |= {"output": job.target.parent, "stem": job.target.name}
    found = api.retrieve(job.path, _open(registry), **options)
    status = "found" if found and found[0].sure else "not found"
    return {"file": str(job.path), "status": status, "matches": [match.to_json() for match in found]}


@lru_cache(maxsize=1)
def _open(registry: str) -> Any:
    """A registry that stays open for the files that follow, with its vectors in memory."""
    from underdrawing import api

    return api.open_registry(registry)


def attack_file(job: Any, *, suite: str, seed: int, overwrite: bool) -> dict[str, Any]:
    """Write the job's picture through every channel of the suite, as PNG; the object to print."""
    import numpy as np

    from underdrawing.attacks.suites import SUITES
    from underdrawing.data.pictures import load_picture, save_picture

    picture = load_picture(job.path)
    written = {}
    for number, channel in enumerate(SUITES[suite]):
        received = channel(picture.image, np.random.default_rng([seed, number]))
        path = job.target.with_name(
            f"{job.target.name}.{channel.name.replace('%', 'pc').replace('/', '-')}.png"
        )
        save_picture(picture.with_image(received), path, overwrite=overwrite)
        written[channel.name] = str(path)
    return {"file": str(job.path), "status": "attacked", "outputs": written}
