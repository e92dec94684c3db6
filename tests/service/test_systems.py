"""Requests that name another system: carriers of an identity, beside the main one."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data
from stand_in_tasks import START

from underdrawing import Session
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.judging.marked_bits import MarkedBits
from underdrawing.service import systems, tasks

IDENTITY = "0123456789abcdef"


def test_about_lists_the_systems_and_others_are_refused(start):
    client = start().client()
    assert client.get("/v1/about").json()["systems"] == list(systems.systems())
    assert systems.systems()[0] == "photo" and "imuge" not in systems.systems()
    for path, kind in (("/v1/verify", {}), ("/v1/protect", {}), ("/v1/jobs", {"do": "verify"})):
        reply = client.send(path, START, kind | {"system": "imuge"})
        assert reply.status == 422 and "this server has photo" in reply.json()["detail"]
    reply = client.send("/v1/jobs", START, {"do": "examine", "system": "photo"})
    assert reply.status == 422 and "protect and verify" in reply.json()["detail"]
    assert client.send("/v1/verify", START, {"system": "photo"}).status == 200


@pytest.fixture
def marked(monkeypatch):
    """Replaces the systems by a carrier."""
    monkeypatch.setattr("underdrawing.zoo.protector", lambda name: MarkedBits(LatticeCarrier("jpeg70")))


def test_a_worker_protects_and_verifies_with_the_system_of_the_task(marked, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(data.astronaut()[:256, 40:296])).save(buffer, "PNG")
    session = Session(trust=tmp_path / "trust")

    def task(name, content, **options):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.upload").write_bytes(content)
        places = {
            "picture": str(tmp_path / f"{name}.upload"),
            "folder": str(tmp_path / name),
            "name": "a.png",
        }
        return places | {"name": "a.png", "do": name, "system": "toy"} | options

    options = {"strength": 1.0, "quality": None, "focus": "none", "identity": IDENTITY}
    options |= {"facts": None, "credentials": None}
    made = tasks.run_task(session, task("protect", buffer.getvalue(), **options))
    assert made["report"]["identity"] == IDENTITY and made["report"]["bits"]["identity"] == 64
    protected = (tmp_path / "protect" / "protected.png").read_bytes()
    found = tasks.run_task(session, task("verify", protected, hard=False))["report"]
    assert (found["status"], found["identity"]) == ("unvouched", IDENTITY)
    assert "_model" not in session.__dict__  # its own system was not loaded
