"""Other sites and hosts: pages that may use the API, URLs from which pictures are fetched."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from stand_in_tasks import START, order

from underdrawing.core.errors import UsageError
from underdrawing.service import outgoing
from underdrawing.service.origins import Origin, OriginList
from underdrawing.service.outgoing import Outgoing, OutgoingError, is_public, send
from underdrawing.service.settings import PREFIX, Settings


class TestOrigins:
    def test_parts_and_default_ports(self):
        assert Origin.parse("https://A.example/x?y") == Origin("https", "a.example", 443)
        assert str(Origin.parse("http://a.example:8080/")) == "http://a.example:8080"
        assert str(Origin.parse("https://[2001:DB8::0001]:443/")) == "https://[2001:db8::1]"
        for wrong in (
            "a.example",
            "ftp://a.example",
            "https://u@a.example",
            "https://a.example:x",
            "null",
            "",
            "https://",
            "https://a b",
            "https://a.example\\@b",
            "https://bücher.example",
            "https://[::1",
        ):
            assert Origin.parse(wrong) is None, wrong  # fmt: skip

    def test_a_list_is_exact_without_wildcards(self):
        listed = OriginList("a.example, http://10.0.0.7:8080 ,https://b.example:8443/")
        for url, known in {
            "https://a.example/x": True, "http://a.example": False, "https://a.example:444": False,
            "https://x.a.example": False, "http://10.0.0.7:8080/": True, "http://10.0.0.7": False,
            "https://b.example:8443": True, "https://b.example": False,
        }.items():  # fmt: skip
            assert (Origin.parse(url) in listed) == known, url
        assert None not in listed and not OriginList(" , ")

    @pytest.mark.parametrize("name", ["cors_origins", "webhook_hosts", "fetch_hosts"])
    @pytest.mark.parametrize(
        "entry", ["https://a.example/path", "ftp://a", "a b", "*.", "https://*.a.example"]
    )
    def test_wrong_entries_end_the_start(self, name, entry):
        with pytest.raises(UsageError, match=PREFIX + name.upper()):
            Settings.from_environment({}, **{name: entry})

    @pytest.mark.parametrize("name", ["cors_origins", "webhook_hosts"])
    def test_wildcards_are_for_pictures_only(self, name):
        for entry in ("*", "*.example.org"):
            with pytest.raises(UsageError, match=PREFIX + name.upper()):
                Settings.from_environment({}, **{name: entry})
            listed = OriginList(entry, wildcards=True)
            assert Origin.parse("https://a.example.org/") in listed
            assert Origin.parse("http://a.example.org/") not in listed
            assert Origin.parse("https://a.example.org:22/") not in listed
        assert Origin.parse("https://evilexample.org/") not in OriginList("*.example.org", wildcards=True)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
     "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "fec0::1",
     "64:ff9b:1::7f00:1", "::7f00:1"],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


def test_public_addresses():
    assert is_public("93.184.215.14") and is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


class TestCors:
    def test_no_other_site_unless_listed(self, start):
        server = start()
        origin = {"Origin": "https://news.example.org"}
        preflight = {**origin, "Access-Control-Request-Method": "POST"}
        for reply in (
            httpx.get(server.url + "v1/about", headers=origin),
            httpx.options(server.url + "v1/verify", headers=preflight),
        ):
            assert "access-control-allow-origin" not in reply.headers

    def test_listed_pages_may_use_it_with_the_rights_of_the_public(self, start):
        server = start(cors_origins="https://news.example.org")
        url = server.url + "v1/verify"
        preflight = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "Authorization",
        }
        for origin, allowed in {
            "https://news.example.org": True, "https://news.example.org.evil.example": False,
            "http://news.example.org": False, "https://news.example.org:444": False, "null": False,
        }.items():  # fmt: skip
            asked = httpx.options(url, headers={"Origin": origin, **preflight})
            sent = httpx.post(url, headers={"Origin": origin}, files={"picture": ("a.png", START)})
            assert sent.status_code == (200 if allowed else 403), origin
            for reply in (asked, sent):
                found = reply.headers.get("access-control-allow-origin")
                assert found == (origin if allowed else None)
                assert "access-control-allow-credentials" not in reply.headers
            if allowed:
                assert sent.json()["details"] is None  # the rights of this machine's user are not lent
                refused = httpx.get(server.url + "metrics", headers={"Origin": origin})
                assert refused.status_code == 401 and "access-control-allow-origin" in refused.headers


@pytest.fixture
def source():
    """A host with pictures: its address, and the paths that were asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = order("answer") if "picture" in self.path else b"secret of the inside"
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/picture.png")
            else:
                self.send_response(404 if self.path == "/nothing" else 200)
            self.send_header("Content-Length", str(9 << 20 if self.path == "/large-picture" else len(body)))
            self.end_headers()
            if self.path == "/slow-picture":
                time.sleep(2)
            self.wfile.write(body + bytes(9 << 20 if self.path == "/large-picture" else 0))

        def log_message(self, *_):
            pass

        def handle_one_request(self):
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}", asked
    http.shutdown()
    http.server_close()


def ask(server, **fields):
    return httpx.post(server.url + "v1/verify", files={name: (None, value) for name, value in fields.items()})


class TestFetching:
    def test_off_by_default(self, start, source):
        server = start()
        reply = ask(server, url=source[0] + "/picture.png")
        assert reply.status_code == 422 and reply.json()["type"].endswith(":no-fetching")
        assert not source[1] and server.client().get("/v1/about").json()["fetches"] is False

    def test_a_listed_host_gives_the_picture_and_its_name(self, start, source):
        server = start(fetch_hosts=source[0])
        reply = ask(server, url=source[0] + "/a/picture%20of%20harbour.png?x=1")
        assert reply.status_code == 200 and reply.json()["file"] == "picture of harbour.png"
        assert source[1] == ["/a/picture%20of%20harbour.png?x=1"]
        assert server.client().get("/v1/about").json()["fetches"] is True

    def test_no_redirects_no_errors_no_other_files(self, start, source):
        server = start(fetch_hosts=source[0], upload_mb=8)
        for path, status in {"/moved": 502, "/nothing": 502, "/inside": 415, "/large-picture": 502}.items():
            reply = ask(server, url=source[0] + path)
            assert reply.status_code == status and "secret" not in reply.text, path
        assert "/picture.png" not in source[1]

    def test_one_of_picture_and_url(self, start, source):
        server = start(fetch_hosts=source[0])
        parts = {"picture": ("a.png", START), "url": (None, source[0] + "/picture.png")}
        assert httpx.post(server.url + "v1/verify", files=parts).status_code == 422
        assert ask(server).status_code in (400, 415, 422) and not source[1]

    def test_hosts_that_are_not_listed_get_nothing(self, start, source):
        server = start(fetch_hosts="images.example.org, *.example.net")
        for url in (
            source[0] + "/picture.png",
            "https://images.example.org.evil.example/",
            "https://example.net/",
            "http://images.example.org/",
            "file:///etc/passwd",
            "ftp://a/b",
            "https://user@images.example.org/",
            "https://127.0.0.1/",
            "https://images.example.org:22/",
        ):
            reply = ask(server, url=url)  # fmt: skip
            assert reply.status_code == 422 and reply.json()["type"].endswith(":no-fetching"), url
        assert not source[1]

    @pytest.mark.parametrize("listed", ["*", "*.example.org", "inside.example.org"])
    @pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
    def test_a_name_that_leads_inside_is_refused(self, monkeypatch, listed, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        found = [(family, 1, 6, "", ("93.184.215.14", 443)), (family, 1, 6, "", (address, 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was connected to"))
        with pytest.raises(OutgoingError, match="public internet"):
            send(Outgoing("https://inside.example.org/", OriginList(listed, wildcards=True), 5, 1000))

    def test_the_address_that_was_checked_is_the_one_used(self, monkeypatch):
        answers = iter(["93.184.215.14", "127.0.0.1"])  # a name that changes its address
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 1, 6, "", (next(answers), 443))]
        )
        used = []

        def connect(address, _timeout):
            used.append(address)
            raise OSError

        monkeypatch.setattr(outgoing.socket, "create_connection", connect)
        with pytest.raises(OutgoingError):
            send(Outgoing("https://a.example.org/", OriginList("*", wildcards=True), 5, 1000))
        assert used == [("93.184.215.14", 443)]

    def test_a_slow_host_is_given_up(self, source):
        begun = time.monotonic()
        with pytest.raises(OutgoingError, match="not done within"):
            send(Outgoing(source[0] + "/slow-picture", OriginList(source[0]), 0.5, 1 << 20))
        assert time.monotonic() - begun < 1.5
