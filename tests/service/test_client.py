"""The Python client against real servers."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data
from stand_in_tasks import order

from underdrawing.api import Session
from underdrawing.client import Client, ServerError, check_webhook
from underdrawing.client.multipart import Form
from underdrawing.core.errors import CredentialsError, PictureError, RegistryError, UsageError
from underdrawing.core.types import DECODED, NATURAL


def test_the_whole_way(desk, photo, tmp_path):
    client = Client(desk.url, desk.tokens["protector"])
    source = tmp_path / "a photo.png"
    source.write_bytes(photo)
    protection = client.protect(source, facts={"source": "An agency"}, credentials=False)
    assert protection.registered and protection.file == "a photo.png" and not protection.credentials
    written = client.save(protection.protected, tmp_path / "protected.png")
    verdict = client.verify(io.BytesIO(written.read_bytes()))
    assert (verdict.status, verdict.identity) == ("intact", protection.identity)
    assert verdict.signature.state == "valid" and verdict.signature.name == "the desk"
    assert verdict.records[0].facts["source"] == "An agency"
    assert verdict.witnesses[-1].binding and verdict.raw["sha256"]
    assert Image.open(io.BytesIO(client.fetch(verdict.artefacts["received"]))).size == (320, 256)
    found = client.retrieve(written, limit=1)
    assert (found.status, found.matches[0].record.identity) == ("found", protection.identity)
    assert client.records(protection.identity)[0].number == protection.registered
    assert client.records("0" * 16) == () and client.about()["role"] == "protector"
    job = client.wait(
        client.create_job("protect", [source, photo, b"no picture"], strength=2.1), timeout_s=120
    )
    first, second, third = job.results
    assert {first.state, second.state} == {"done"} and third.problem and third.answer is None
    again = np.array(Image.open(io.BytesIO(client.fetch(first.answer.protected))))
    assert again.shape == (256, 320, 3)
    assert [known.id for known in client.jobs()] == [job.id]
    client.delete_job(job.id)
    with pytest.raises(ServerError, match="no such job") as error:
        client.job(job.id)
    assert error.value.status == 404


def test_a_natural_recovery_is_stated(desk, tmp_path):
    with Session() as session:
        edited = session.produce(data.astronaut(), "astronaut.jpg")[0].protected.image.copy()
    edited[60:180, 170:280] = 90
    Image.fromarray(edited).save(tmp_path / "edited.jpg", quality=85)
    client = Client(desk.url, desk.tokens["protector"])
    for recover, wanted, other in (("natural", NATURAL, DECODED), (None, DECODED, NATURAL)):
        found = client.verify(tmp_path / "edited.jpg", recover=recover)
        source = np.array(Image.open(io.BytesIO(client.fetch(found.artefacts["source"]))))
        assert found.status == "altered"
        assert wanted in source
        assert other not in source


def test_problems_are_the_errors_of_local_functions(start, tmp_path):
    client = Client(start().url, retries=1)
    with pytest.raises(PictureError, match="not to my taste"):
        client.verify(order("refuse"))
    with pytest.raises(PictureError, match="known type"):
        client.verify(b"a letter")
    with pytest.raises(RegistryError, match="keeps no registry"):
        client.retrieve(order("answer"))
    with pytest.raises(CredentialsError):
        client.protect(order("answer"), credentials=True)
    with pytest.raises(UsageError, match="strength"):
        client.protect(order("answer"), strength=9)
    with pytest.raises(ServerError, match="error of the server") as error:
        client.verify(order("break"))
    assert (error.value.status, error.value.kind) == (500, "fault")
    with pytest.raises(FileNotFoundError):
        client.verify(tmp_path / "missing.jpg")
    with pytest.raises(ServerError) as error:
        Client(start().url, "ud_wrong").about()
    assert error.value.kind == "unauthorized"
    with pytest.raises(ServerError, match="cannot be reached"):
        Client("http://127.0.0.1:1").about()
    with pytest.raises(UsageError, match="URL"):
        Client("photos.example.org")


def test_names_of_files_cannot_break_out_of_the_form(start, tmp_path):
    path = tmp_path / 'a"; name="strength.png'
    path.write_bytes(order("answer"))
    assert Client(start().url).verify(path).file == "a%22; name=%22strength.png"


def test_it_loads_neither_arrays_nor_the_server():
    code = (
        "import sys, underdrawing.client as c; "
        "print(sorted({'numpy', 'torch', 'PIL', 'fastapi', 'cv2'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_a_header_of_any_bytes_is_no_valid_signature():
    assert not check_webhook("secret of sixteen", b"{}", "t=1,v1=\xe9")


def test_names_that_are_no_utf_8_are_sent_escaped(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(b"picture")
    assert b'filename="caf\\udce9.jpg"' in b"".join(Form({}, [path]))
