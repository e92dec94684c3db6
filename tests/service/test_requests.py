"""What a request may hold: HEAD as GET, declared fields only, each once."""

import httpx
import pytest
from stand_in_tasks import START, order


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/metrics", "/page.js", "/page.css", "/icon.svg", "/v1/about",
     "/v1/openapi.json", "artefact", "/v1/records/0123456789abcdef", "/nothing", "/v1/verify"],
)  # fmt: skip
def test_head_is_answered_as_get_without_a_body(start, path):
    server = start()
    if path == "artefact":
        path = server.client().send("/v1/verify", START).json()["artefacts"]["received"]["url"]
    url = server.url.rstrip("/") + path
    with httpx.Client() as client:  # one connection: a body after the head would spoil the next answer
        head, get = client.head(url), client.get(url)
        assert head.status_code == get.status_code and head.content == b""
        assert head.status_code == {"/nothing": 404, "/v1/verify": 405}.get(
            path, 404 if "records" in path else 200
        )
        for name in ("content-type", "content-length", "etag", "allow", "cache-control"):
            if path != "/metrics" or name != "content-length":
                assert head.headers.get(name) == get.headers.get(name), name
        assert client.head(url).status_code == get.status_code
    counted = server.client().get("/metrics").body.decode()
    assert 'method="HEAD"' in counted


PICTURE = ("picture", ("a.png", order("answer")))


@pytest.mark.parametrize(
    ("path", "parts", "named"),
    [
        ("/v1/verify", [PICTURE, PICTURE], "`picture` came 2 times"),
        ("/v1/verify", [PICTURE, ("picture", (None, "text"))], "`picture` came 2 times"),
        ("/v1/protect", [PICTURE, PICTURE], "`picture` came 2 times"),
        ("/v1/protect", [PICTURE, ("strenght", (None, "2"))], "`strenght`"),
        ("/v1/protect", [PICTURE, ("strength", (None, "2")), ("strength", (None, "1"))], "`strength` came 2"),
        ("/v1/protect", [PICTURE, ("mask", ("m.png", START))], "`mask`"),
        ("/v1/verify", [PICTURE, ("strength", (None, "1"))], "`strength`"),
        ("/v1/verify?thorough=true", [PICTURE], "`thorough`"),
        ("/v1/protect?strength=2", [PICTURE], "`strength`"),
        ("/v1/verify", [PICTURE, ("Picture", ("b.png", START))], "`Picture`"),
    ],
)  # fmt: skip
def test_unknown_and_repeated_fields_are_refused_by_name(start, path, parts, named):
    reply = httpx.post(start().url.rstrip("/") + path, files=parts)
    assert reply.status_code == 422 and named in reply.json()["detail"], reply.text
    assert reply.json()["type"].endswith(("unknown-field", "repeated-field"))


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"focus": "0,0,9"}, "x,y,width,height"), ({"focus": "faces", "system": "gifguard"}, "gifguard")],
)
def test_an_impossible_focus_is_refused(start, fields, named):
    parts = [PICTURE, *((name, (None, value)) for name, value in fields.items())]
    reply = httpx.post(start().url.rstrip("/") + "/v1/protect", files=parts)
    assert reply.status_code == 422 and named in reply.json()["detail"], reply.text


@pytest.mark.parametrize("fields", [{"recover": "pretty"}, {"recover": "natural", "system": "gifguard"}])
def test_an_impossible_recovery_is_refused(start, fields):
    parts = [PICTURE, *((name, (None, value)) for name, value in fields.items())]
    reply = httpx.post(start().url.rstrip("/") + "/v1/verify", files=parts)
    assert reply.status_code == 422 and "recover" in reply.text


def test_unknown_parameters_of_look_ups_are_refused(start):
    client = start().client()
    assert client.get("/v1/about?verbose=1").status == 422
    assert client.get("/v1/about").status == 200
