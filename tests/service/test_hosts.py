"""Under which names the server answers, and to whom it lends its key: over real connections."""

import json
import os
import subprocess
import sys

import pytest
from stand_in_tasks import START
from test_gate import answer, head, posted, talk

from underdrawing.bench.harness.http_client import Client
from underdrawing.coding.keys import Owner
from underdrawing.service.hosts import Host, HostList

FOREIGN = (
    "rebound.example.org", "127.0.0.1.example.org", "localhost.example.org", "localhost@example.org", "[::2]",
    "example.org:80", "127.0.0.1:80:80", "127.0.0.1:port", "127.0.0.1:99999", "localhost..", "[::1", "::1",
    "localhost, example.org", "local host", "2130706433", "0x7f.1", "0.0.0.0", "", "127.0.0.1/",
    "l\u00f6calhost",
)  # fmt: skip
OWN = (
    "127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "localhost.", "localhost.:8000", "[::1]",
    "[::1]:8000", "[0:0:0:0:0:0:0:1]",
)  # fmt: skip
ROUTES = ("/", "/page.js", "/v1/about", "/v1/openapi.json", "/v1/records/0123456789abcdef", "/healthz",
          "/readyz", "/metrics", "/v1/artefacts/a/b", "/nothing")  # fmt: skip


def test_hosts_are_read_as_browsers_write_them():
    assert Host.parse("Photos.Example.ORG.:8443") == Host("photos.example.org", 8443)
    assert Host.parse("[2001:DB8:0:0::1]") == Host("[2001:db8::1]")
    assert Host.parse("xn--bcher-kva.example") == Host("xn--bcher-kva.example")
    hosts = HostList.parse("photos.example.org, b.example:8443, 2001:db8::1, [2001:db8::2]:80,")
    for name in (
        "photos.example.org",
        "photos.example.org:1",
        "B.example:8443",
        "[2001:db8:0::1]:7",
        "[2001:db8::2]:80",
    ):
        assert Host.parse(name) in hosts, name
    for name in ("b.example", "b.example:8444", "[2001:db8::2]", "example.org", "a.photos.example.org"):
        assert Host.parse(name) not in hosts, name


def test_only_names_of_this_machine_by_default(start):
    server = start()
    for host in FOREIGN:
        said = talk(server, head("/v1/about", "GET", Host=host or " "))
        assert b" 421 " in said.splitlines()[0] or b" 400 " in said.splitlines()[0], host
    for host in OWN:
        assert answer(talk(server, head("/v1/about", "GET", Host=host)))[0] == 200, host


def test_every_route_compares_the_name(start):
    server = start(anonymous="public")
    for path in ROUTES:
        assert answer(talk(server, head(path, "GET", Host="rebound.example.org")))[0] == 421, path
    for path in ("/v1/verify", "/v1/protect", "/v1/retrieve", "/v1/examine"):
        said = talk(server, head(path, Host="rebound.example.org", Content_Length="0"))
        assert answer(said)[0] == 421, path


def test_a_list_replaces_no_name_of_this_machine_and_adds_others(start):
    server = start(host="0.0.0.0", hosts="photos.example.org,[2001:db8::1]:8000")
    for host in ("photos.example.org", "PHOTOS.example.org.:443", "[2001:db8::1]:8000", "127.0.0.1"):
        assert answer(talk(server, head("/v1/about", "GET", Host=host)))[0] == 200, host
    for host in ("example.org", "[2001:db8::1]", "0.0.0.0", "a.photos.example.org"):
        assert answer(talk(server, head("/v1/about", "GET", Host=host)))[0] == 421, host


def test_no_other_header_and_no_target_stands_in_for_the_name(start):
    server = start()
    for name in ("X_Forwarded_Host", "X_Host", "Forwarded", "X_Original_Host"):
        said = talk(server, head("/v1/about", "GET", Host="rebound.example.org", **{name: "localhost"}))
        assert answer(said)[0] == 421, name
        assert answer(talk(server, head("/v1/about", "GET", **{name: "rebound.example.org"})))[0] == 200, name
    for target in (
        "http://rebound.example.org/v1/about",
        "http://127.0.0.1/v1/about",
        "rebound.example.org:80",
    ):
        assert answer(talk(server, head(target, "GET")))[0] == 400, target
    twice = head("/v1/about", "GET").replace(
        b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nHost: rebound.example.org"
    )
    assert talk(server, twice).startswith(b"HTTP/1.1 400")
    none = b"GET /v1/about HTTP/1.0\r\n\r\n"
    assert answer(talk(server, none))[0] == 421


class TestTheKey:
    @pytest.fixture
    def owner(self, tmp_path):
        Owner.create().save(tmp_path / "owner.pem")
        return str(tmp_path / "owner.pem")

    def test_nobody_signs_without_a_token(self, start, owner):
        server = start(sign=owner)
        assert server.client().get("/v1/about").json()["role"] == "reader"
        assert server.client().send("/v1/protect", START).status == 401
        assert posted(server, Host="rebound.example.org", Origin="http://rebound.example.org")[0] == 421
        assert start(sign=owner, anonymous="none").client().send("/v1/protect", START).status == 401

    def test_local_callers_protect_where_nothing_is_signed(self, start):
        assert start().client().send("/v1/protect", b"no picture").status == 415

    @pytest.fixture
    def served(self, owner, tmp_path):
        """What `serve --sign` prints, and what it logs."""
        command = [sys.executable, "-m", "underdrawing.cli", "serve", "--port", "0", "--workers", "1"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("UNDERDRAWING_")}
        environment |= {"UNDERDRAWING_SPOOL": str(tmp_path / "spool")}
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, "--json", "--sign", owner],
                stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
            )  # fmt: skip
        yield json.loads(process.stdout.readline()), tmp_path / "log"
        process.terminate()
        process.communicate(timeout=60)

    def test_the_token_of_the_start_signs(self, served):
        said, log = served
        url, token = said["url"], said["token"]
        for other in (None, token[:-1] + ("A" if token[-1] != "A" else "B")):
            assert Client(url, other).send("/v1/protect", b"no picture").status == 401
        assert Client(url, token).get("/v1/about").json()["role"] == "protector"
        assert Client(url, token).send("/v1/protect", b"no picture").status == 415  # past the gate
        assert Client(url, token).get("/metrics").status == 403
        assert token not in log.read_text()
