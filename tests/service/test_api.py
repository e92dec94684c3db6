"""The whole way over HTTP: a server as people start it, with real workers, registry, key and tokens."""

import hashlib
import io
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import numpy as np
import pypdf
import pytest
import skimage.data
from conftest import png, wait_for
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "data"))
from hostile_files import BROKEN, NARROW, ODD

from underdrawing import api
from underdrawing.coding.keys import Owner


def image_of(reply) -> np.ndarray:
    assert reply.status == 200, reply.body
    return np.array(Image.open(io.BytesIO(reply.body)))


def test_an_altered_photograph_is_reported_and_shown(desk, protected, suspect, photo):
    reply = desk.client("reader").send("/v1/verify", suspect)
    assert reply.status == 200
    body = reply.json()
    assert (body["status"], body["present"], body["identity"]) == ("altered", True, protected[0])
    assert body["signature"]["state"] == "valid" and body["signature"]["trusted"]
    assert body["signature"]["name"] == "the desk"
    assert body["layers"] and body["details"]["false_accept_probability"] < 1e-6
    (record,) = body["records"]
    assert record["facts"]["source"] == "Rachel Michetti" and record["number"] == 1

    get = desk.client().get  # the addresses are all that is needed
    mask = image_of(get(body["artefacts"]["mask"]["url"]))
    truth = np.zeros(mask.shape, bool)
    truth[96:176, 120:216] = True
    overlap = ((mask > 127) & truth).sum() / ((mask > 127) | truth).sum()
    assert overlap > 0.7 and len(np.unique(mask)) > 2
    recovered = image_of(get(body["artefacts"]["recovered"]["url"])).astype(float)
    original, altered = (np.array(Image.open(io.BytesIO(data))).astype(float) for data in (photo, suspect))
    error, before = (np.abs(x - original)[truth].mean() for x in (recovered, altered))
    assert error < 0.6 * before
    assert set(np.unique(image_of(get(body["artefacts"]["source"]["url"])))) <= {0, 1, 2, 3}
    assert image_of(get(body["artefacts"]["confidence"]["url"])).shape == mask.shape
    report = get(body["artefacts"]["report"]["url"])
    assert b"Altered" in report.body and "sandbox" in report.headers["content-security-policy"]
    assert str(desk.folder).encode() not in reply.body + report.body


def test_the_public_gets_yes_or_no(desk, protected, suspect):
    body = desk.client().send("/v1/verify", suspect).json()
    assert (body["status"], body["identity"]) == ("altered", protected[0])
    assert body["layers"] is body["details"] is None and "confidence" not in body["artefacts"]
    assert set(np.unique(image_of(desk.client().get(body["artefacts"]["mask"]["url"])))) == {0, 255}
    (record,) = body["records"]
    assert record["facts"]["who"] == ["Nobody"]
    assert record["number"] is record["original"] is record["protected"] is record["hash"] is None


def test_a_copy_without_a_mark_is_found_by_what_it_shows(desk, protected, thumbnail):
    reply = desk.client("reader").send("/v1/verify", thumbnail)
    assert reply.status == 200, reply.body
    body = reply.json()
    assert (body["status"], body["present"]) == ("intact", False), body["message"]
    assert body["assurance"]["strongest"] == "registered original"
    assert body["records"][0]["identity"] == protected[0]
    found = desk.client("reader").send("/v1/retrieve", thumbnail).json()
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
    for wrong in ("xyz", "0" * 15, "A" + identity[1:], "%2e%2e%2f", identity + "%00"):
        assert desk.client().get(f"/v1/records/{wrong}").status in (404, 422)


def test_protect_keeps_the_format_and_takes_an_identity(desk):
    buffer = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()[:256, :320]).save(buffer, "WEBP", quality=95)
    identity = "00112233445566aa"
    reply = desk.client("protector").send(
        "/v1/protect", buffer.getvalue(), {"identity": identity, "strength": "2.1"}
    )
    body = reply.json()
    assert body["identity"] == identity and body["signed_by"] and body["registered"] > 1
    made = desk.client().get(body["artefacts"]["protected"]["url"])
    assert made.headers["content-type"] == "image/webp"
    report = api.verify(made.body, trust=desk.folder / "trust")
    assert report.verdict.identity == identity and report.signer == "the desk"


@pytest.mark.parametrize(
    "fields",
    [{"identity": "xyz"}, {"strength": "9"}, {"strength": "nan"}, {"facts": "{"}, {"facts": "[]"},
     {"facts": '{"author": "Ada"}'}, {"facts": '{"when": "soon"}'}, {"facts": "[" * 50_000}],
)  # fmt: skip
def test_values_that_cannot_be_are_reported(desk, photo, fields):
    before = desk.client("admin").get("/v1/about").json()
    reply = desk.client("protector").send("/v1/protect", photo, fields)
    assert reply.status == 422 and reply.headers["content-type"] == "application/problem+json"
    assert before["registry"]


def test_malformed_pictures_are_refused_and_hurt_nobody(desk, protected):
    for name, make in BROKEN.items():
        reply = desk.client("reader").send("/v1/verify", make())
        taken = name == "gif" or name.startswith("animated_")  # by GIFGuard
        assert reply.status in ((200,) if taken else (413, 415, 422)), (name, reply.status, reply.body)
        assert str(desk.folder) not in reply.body.decode()
    for name in list(ODD)[:2]:
        assert desk.client("reader").send("/v1/verify", ODD[name]()).status in (200, 422), name
    large = png(np.zeros((2100, 2000, 3), np.uint8))  # of a few kB, and of 4.2 megapixels
    reply = desk.client("reader").send("/v1/verify", large)
    assert reply.status == 422 and "megapixels" in reply.json()["detail"]
    narrow = png(np.tile(skimage.data.coffee(), (1, 5, 1))[:64, :1344])
    for data in (narrow, NARROW["tall_png"](), NARROW["wide_avif"]()):
        for path in ("/v1/verify", "/v1/protect", "/v1/retrieve"):
            reply = desk.client("protector").send(path, data)
            assert reply.status == 422 and "20 times" in reply.json()["detail"], (path, reply.body)
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


def test_the_name_is_returned_harmless(desk, suspect):
    name = "..\\secret/<b>&.png"
    body = httpx.post(desk.url + "v1/verify", files={"picture": (name, suspect)}, timeout=60).json()
    assert body["file"] == "<b>&.png"
    report = desk.client().get(body["artefacts"]["report"]["url"]).body.decode()
    assert "&lt;b&gt;&amp;.png" in report and "<b>&.png" not in report


def test_artefacts_cannot_be_used_to_read_other_files(desk, suspect):
    body = desk.client().send("/v1/verify", suspect).json()
    url = body["artefacts"]["mask"]["url"]
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


def posted(protected: tuple[str, bytes]) -> bytes:
    """What a platform makes of the photograph: recompressed, without any metadata."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(protected[1])).convert("RGB").save(buffer, "JPEG", quality=88)
    assert b"c2pa" not in buffer.getvalue()
    return buffer.getvalue()


class TestCredentials:
    def test_they_are_signed_in_and_public(self, desk, protected):
        body = desk.client().send("/v1/verify", protected[1]).json()
        found = body["credentials"]
        assert body["status"] == "intact" and (found["state"], found["issuer"]) == ("valid", "Test Agency")
        assert found["actions"] == ["c2pa.opened", "c2pa.watermarked.bound"]
        assert found["soft_binding"] == {
            "algorithm": "underdrawing.photo.1", "value": protected[0], "agrees": True,
        }  # fmt: skip
        assert found["recovered"] is None and "manifest" not in body["artefacts"]
        assert body["sha256"] == hashlib.sha256(protected[1]).hexdigest()
        assert body["checked"].endswith("Z")

    def test_they_are_found_again_where_the_file_lost_them(self, desk, protected):
        body = desk.client().send("/v1/verify", posted(protected)).json()
        found = body["credentials"]
        assert found["state"] == "none" and found["recovered"]["state"] == "valid"
        assert found["recovered"]["issuer"] == "Test Agency"
        fetched = desk.client().get(body["artefacts"]["manifest"]["url"])
        assert fetched.headers["content-type"] == "application/c2pa" and fetched.body in protected[1]
        (record,) = body["records"]
        kept = desk.client().get(record["manifest"])
        assert kept.body == fetched.body and f"{protected[0]}.c2pa" in kept.headers["content-disposition"]

    def test_records_and_matches_have_the_address(self, desk, protected):
        address = f"/v1/records/{protected[0]}/manifest"
        (record,) = desk.client().get(f"/v1/records/{protected[0]}").json()["records"]
        assert record["manifest"] == address
        found = desk.client("reader").send("/v1/retrieve", posted(protected)).json()
        assert found["matches"][0]["manifest"] == address
        assert desk.client().get("/v1/records/" + "0" * 16 + "/manifest").status == 404

    def test_one_that_was_changed_is_not_given_out(self, desk, photo):
        client = desk.client("protector")
        identity = client.send("/v1/protect", photo).json()["identity"]
        (kept,) = (desk.folder / "photos.db.credentials").rglob(f"{identity}/*.c2pa")
        kept.write_bytes(kept.read_bytes().replace(identity.encode(), b"ff" * 8))
        assert desk.client().get(f"/v1/records/{identity}/manifest").status == 404

    def test_they_can_be_left_out(self, desk, photo):
        body = desk.client("protector").send("/v1/protect", photo, {"credentials": "false"}).json()
        made = desk.client().get(body["artefacts"]["protected"]["url"]).body
        assert body["credentials"] is False and b"c2pa" not in made
        (record,) = desk.client().get(f"/v1/records/{body['identity']}").json()["records"]
        assert record["manifest"] is None

    def test_a_format_without_room_goes_without_or_fails_as_asked(self, desk, photo):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(photo)).save(buffer, "BMP")
        client = desk.client("protector")
        body = client.send("/v1/protect", buffer.getvalue()).json()
        assert body["credentials"] is False and body["artefacts"]["protected"]["media_type"] == "image/bmp"
        reply = client.send("/v1/protect", buffer.getvalue(), {"credentials": "true"})
        assert reply.status == 422 and "BMP" in reply.json()["detail"]

    def test_no_key_leaves_the_server(self, desk, protected):
        body = desk.client("admin").send("/v1/verify", protected[1]).body
        assert desk.client("admin").get("/v1/about").json()["credentials"] is True
        secret = (desk.folder / "agency" / "key.pem").read_text().split("\n")[1].encode()
        assert secret not in body + protected[1] and secret.decode() not in desk.log


def test_the_report_is_a_pdf_with_facts_and_credentials(desk, protected, suspect):
    body = desk.client("reader").send("/v1/verify", suspect).json()
    file = body["artefacts"]["pdf"]
    reply = desk.client().get(file["url"])
    assert reply.headers["content-type"] == file["media_type"] == "application/pdf"
    assert len(reply.body) == file["bytes"] and "report.pdf" in reply.headers["content-disposition"]
    pages = pypdf.PdfReader(io.BytesIO(reply.body)).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    for words in (
        body["message"],
        body["sha256"],
        "Rachel Michetti",
        "Test Agency",
        "trusted here as the desk",
    ):
        assert words in text, words
    assert "Confidence" in text
    public = desk.client().send("/v1/verify", suspect).json()
    data = desk.client().get(public["artefacts"]["pdf"]["url"]).body
    assert "Confidence" not in " ".join(
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages
    )


def test_a_key_that_only_the_registry_knows_holds_and_is_not_trusted(desk, photo):
    """As of somebody whose archive this server shares."""
    other = Owner.create()
    report = api.protect(
        np.array(Image.open(io.BytesIO(photo))), sign=other, registry=desk.folder / "photos.db"
    )
    signature = desk.client().send("/v1/verify", png(report.protected.image)).json()["signature"]
    assert signature == {
        "state": "valid", "key": other.public.fingerprint, "trusted": False, "name": None,
    }  # fmt: skip
