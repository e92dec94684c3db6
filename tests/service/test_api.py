"""The whole way over HTTP: a server as people start it, with real workers, registry, key and tokens."""

import io
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import skimage.data
from conftest import png, wait_for
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "data"))
from hostile_files import BROKEN, ODD

from underdrawing import api


def image_of(reply) -> np.ndarray:
    assert reply.status == 200, reply.body
    return np.array(Image.open(io.BytesIO(reply.body)))


def test_an_altered_photograph_is_told_and_shown(desk, protected, suspect, photo):
    reply = desk.client("reader").send("/v1/verify", suspect)
    assert reply.status == 200
    told = reply.json()
    assert (told["status"], told["present"], told["identity"]) == ("altered", True, protected[0])
    assert told["signature"]["state"] == "valid" and told["signature"]["trusted"]
    assert told["signature"]["name"] == "the desk"
    assert told["layers"] and told["details"]["false_accept_probability"] < 1e-6
    (record,) = told["records"]
    assert record["facts"]["source"] == "Rachel Michetti" and record["number"] == 1

    get = desk.client().get  # the addresses are all that is needed
    mask = image_of(get(told["artefacts"]["mask"]["url"]))
    truth = np.zeros(mask.shape, bool)
    truth[96:176, 120:216] = True
    overlap = ((mask > 127) & truth).sum() / ((mask > 127) | truth).sum()
    assert overlap > 0.7 and len(np.unique(mask)) > 2
    recovered = image_of(get(told["artefacts"]["recovered"]["url"])).astype(float)
    original, altered = (np.array(Image.open(io.BytesIO(data))).astype(float) for data in (photo, suspect))
    error, before = (np.abs(x - original)[truth].mean() for x in (recovered, altered))
    assert error < 0.6 * before
    assert set(np.unique(image_of(get(told["artefacts"]["source"]["url"])))) <= {0, 1, 2}
    assert image_of(get(told["artefacts"]["confidence"]["url"])).shape == mask.shape
    report = get(told["artefacts"]["report"]["url"])
    assert b"Altered" in report.body and "sandbox" in report.headers["content-security-policy"]
    assert str(desk.folder).encode() not in reply.body + report.body


def test_the_public_gets_yes_or_no(desk, protected, suspect):
    told = desk.client().send("/v1/verify", suspect).json()
    assert (told["status"], told["identity"]) == ("altered", protected[0])
    assert told["layers"] is told["details"] is None and "confidence" not in told["artefacts"]
    assert set(np.unique(image_of(desk.client().get(told["artefacts"]["mask"]["url"])))) == {0, 255}
    (record,) = told["records"]
    assert record["facts"]["who"] == ["Nobody"]
    assert record["number"] is record["original"] is record["protected"] is record["hash"] is None


def test_a_stranger_is_unknown_and_found_by_what_it_shows(desk, protected, photo):
    told = desk.client("reader").send("/v1/verify", photo).json()
    assert (told["status"], told["identity"], told["records"]) == ("unprotected", None, [])
    found = desk.client("reader").send("/v1/retrieve", photo).json()
    assert found["status"] == "found"
    assert (found["matches"][0]["by"], found["matches"][0]["identity"]) == ("embedding", protected[0])


def test_another_photograph_is_not_found(desk, protected):
    other = png(skimage.data.rocket()[:128, :128])
    assert desk.client("reader").send("/v1/retrieve", other).json()["status"] == "not found"


def test_records(desk, protected):
    identity, file = protected
    (record,) = desk.client("reader").get(f"/v1/records/{identity}").json()["records"]
    assert record["original"]["place"] is None and record["protected"]["place"] is None
    with api.open_registry(desk.folder / "photos.db") as registry:
        (entry,) = registry.by_identity(identity)
        assert entry.to_json()["protected"] == record["protected"] and registry.audit().ok
    from underdrawing.registry.hashes import file_hash

    assert record["protected"]["file"] == file_hash(file)
    assert desk.client().get("/v1/records/" + "0" * 16).status == 404
    for wrong in ("xyz", "0" * 15, identity.upper(), "%2e%2e%2f", identity + "%00"):
        assert desk.client().get(f"/v1/records/{wrong}").status in (404, 422)


def test_protect_keeps_the_format_and_takes_an_identity(desk):
    buffer = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()[:256, :320]).save(buffer, "WEBP", quality=95)
    identity = "00112233445566aa"
    reply = desk.client("protector").send(
        "/v1/protect", buffer.getvalue(), {"identity": identity, "strength": "2.1"}
    )
    told = reply.json()
    assert told["identity"] == identity and told["signed_by"] and told["registered"] > 1
    made = desk.client().get(told["artefacts"]["protected"]["url"])
    assert made.headers["content-type"] == "image/webp"
    report = api.verify(made.body, trust=desk.folder / "trust")
    assert report.verdict.identity == identity and report.signer == "the desk"


@pytest.mark.parametrize(
    "fields",
    [{"identity": "xyz"}, {"strength": "9"}, {"strength": "nan"}, {"facts": "{"}, {"facts": "[]"},
     {"facts": '{"author": "Ada"}'}, {"facts": '{"when": "soon"}'}, {"facts": "[" * 50_000}],
)  # fmt: skip
def test_values_that_cannot_be_are_told(desk, photo, fields):
    before = desk.client("admin").get("/v1/about").json()
    reply = desk.client("protector").send("/v1/protect", photo, fields)
    assert reply.status == 422 and reply.headers["content-type"] == "application/problem+json"
    assert before["registry"]


def test_malformed_pictures_are_refused_and_hurt_nobody(desk, protected):
    for name, make in BROKEN.items():
        reply = desk.client("reader").send("/v1/verify", make())
        assert reply.status in (413, 415, 422), (name, reply.status, reply.body)
        assert str(desk.folder) not in reply.body.decode()
    for name in list(ODD)[:2]:
        assert desk.client("reader").send("/v1/verify", ODD[name]()).status in (200, 422), name
    large = png(np.zeros((2100, 2000, 3), np.uint8))  # of a few kB, and of 4.2 megapixels
    reply = desk.client("reader").send("/v1/verify", large)
    assert reply.status == 422 and "megapixels" in reply.json()["detail"]
    assert "fault" not in desk.log


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\a\\b.jpg", "a\r\nX-Evil: 1.png", "<script>alert(1)</script>.png",
             "x" * 5000, "", "\u202egnp.exe", "a;b\"c.png"],
)  # fmt: skip
def test_hostile_names_are_only_shown(desk, name):
    small = png(np.zeros((8, 8, 3), np.uint8))
    reply = httpx.post(desk.url + "v1/verify", files={"picture": (name, small)}, timeout=60)
    assert reply.status_code in (400, 422) and "x-evil" not in reply.headers
    assert not [path for path in (desk.folder / "spool").rglob("*") if "passwd" in path.name]


def test_the_name_is_told_back_harmless(desk, suspect):
    name = "..\\secret/<b>&.png"
    told = httpx.post(desk.url + "v1/verify", files={"picture": (name, suspect)}, timeout=60).json()
    assert told["file"] == "<b>&.png"
    report = desk.client().get(told["artefacts"]["report"]["url"]).body.decode()
    assert "&lt;b&gt;&amp;.png" in report and "<b>&.png" not in report


def test_artefacts_cannot_be_used_to_read_other_files(desk, suspect):
    told = desk.client().send("/v1/verify", suspect).json()
    url = told["artefacts"]["mask"]["url"]
    folder = url.rpartition("/")[0]
    for path in ("picture.report.json", "..%2f..%2ftokens.json", "%2e%2e/%2e%2e/owner.pem", "nothing", "%00"):
        assert desk.client().get(f"{folder}/{path}").status == 404
    assert desk.client().get(url.replace(url.split("/")[3], "A" * 32)).status == 404
    download = desk.client().get(url + "?download=true")
    assert download.headers["content-disposition"].startswith("attachment")


def test_keys_and_names_stay_inside(desk, suspect):
    httpx.post(
        desk.url + "v1/verify", files={"picture": ("holiday-of-the-minister.png", suspect)}, timeout=60
    )
    lines = [json.loads(line) for line in desk.log.splitlines()]
    assert any(line.get("verdict") == "altered" for line in lines)
    assert {"time", "level", "route", "status", "ms", "request_id"} <= lines[-1].keys()
    secrets = [*desk.tokens.values(), "minister", "Rachel", "PRIVATE"]
    assert not [secret for secret in secrets if secret in desk.log]
    shown = desk.client().get("/v1/openapi.json").body + desk.client("admin").get("/metrics").body
    assert b"PRIVATE" not in shown and str(desk.folder).encode() not in shown


def test_metrics_and_health(desk, suspect):
    desk.client().send("/v1/verify", suspect)
    counted = desk.client("admin").get("/metrics").body.decode()
    assert 'underdrawing_verdicts_total{status="altered"}' in counted
    assert 'underdrawing_requests_total{method="POST",route="/v1/verify",status="200"}' in counted
    assert "underdrawing_workers_ready 1.0" in counted and "process_resident_memory_bytes" in counted
    assert desk.client().get("/healthz").json() == {"status": "ok"}
    ready = desk.client().get("/readyz").json()
    assert ready == {"status": "ready", "workers": 1, "registry": True, "disk": True}


def test_a_killed_worker_is_replaced(desk, suspect):
    children = Path(f"/proc/{desk.process.pid}/task/{desk.process.pid}/children")
    workers = [
        int(pid)
        for task in children.parents[1].glob("*/children")
        for pid in task.read_text().split()
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(workers) == 1
    os.kill(workers[0], signal.SIGKILL)
    reply = desk.client("reader").send("/v1/verify", suspect)
    assert reply.status == 500 and reply.json()["type"].endswith(":fault")
    wait_for(lambda: desk.client().get("/readyz").status == 200, 240)
    assert desk.client("reader").send("/v1/verify", suspect).json()["status"] == "altered"
