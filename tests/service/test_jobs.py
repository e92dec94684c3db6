"""Asynchronous jobs on a server with stand-in workers."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from conftest import wait_for
from stand_in_tasks import START, order

from underdrawing.client.webhooks import HEADER, check_webhook
from underdrawing.service import webhooks
from underdrawing.service.tokens import TokenFile

SECRET = "a secret of the desk"


@pytest.fixture
def tokens(tmp_path):
    file = TokenFile(tmp_path / "tokens.json")
    return {name: file.add(name, role) for name, role in
            {"ann": "reader", "bob": "reader", "press": "protector", "all": "public"}.items()}  # fmt: skip


class Caller:
    """A client with one token."""

    def __init__(self, server, token=None):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=server.url, headers=headers, timeout=60)

    def create(self, *orders, do="verify", **fields):
        parts = [("picture", (f"{number}.png", order(words))) for number, words in enumerate(orders)]
        return self.http.post("/v1/jobs", files=parts, data={"do": do, **fields})

    def get(self, url):
        return self.http.get(url)

    def finished(self, url):
        wait_for(lambda: self.get(url).json()["state"] == "done", 30)
        return self.get(url).json()


def test_a_lot_is_done_in_order_and_answers_as_the_direct_route(start, tokens, tmp_path):
    server = start(tokens=str(tmp_path / "tokens.json"))
    ann = Caller(server, tokens["ann"])
    reply = ann.create("answer", "refuse", "answer")
    assert reply.status_code == 202 and reply.headers["location"] == reply.json()["url"]
    body = reply.json()
    assert (body["total"], body["do"], body["webhook"]) == (3, "verify", None)
    body = ann.finished(body["url"])
    assert (body["state"], body["done"], body["failed"]) == ("done", 2, 1) and body["finished"]
    assert [result["file"] for result in body["results"]] == ["0.png", "1.png", "2.png"]
    first, second, _ = body["results"]
    direct = server.client(tokens["ann"]).send("/v1/verify", START).json()
    assert first["answer"].keys() == direct.keys() and first["problem"] is None
    assert first["answer"]["details"] and first["answer"]["artefacts_seconds"] > 80_000
    assert second["answer"] is None and second["problem"]["detail"] == "not to my taste"
    artefact = ann.get(first["answer"]["artefacts"]["received"]["url"])
    assert artefact.status_code == 200 and '"0.received.jpg"' in artefact.headers["content-disposition"]
    assert not list(server.spool.rglob("*.upload"))
    assert ann.http.delete(body["url"]).status_code == 204
    assert ann.get(body["url"]).status_code == 404
    assert ann.get(first["answer"]["artefacts"]["received"]["url"]).status_code == 404


def test_only_the_token_that_made_a_job_finds_it(start, tokens, tmp_path):
    server = start(tokens=str(tmp_path / "tokens.json"))
    ann, bob = Caller(server, tokens["ann"]), Caller(server, tokens["bob"])
    url = ann.create("answer").json()["url"]
    for other in (bob, Caller(server, tokens["press"])):
        assert other.get(url).status_code == other.http.delete(url).status_code == 404
        assert other.get("/v1/jobs").json() == {"jobs": []}
    assert Caller(server).get(url).status_code == 401
    assert Caller(server, tokens["all"]).create("answer").status_code == 403
    assert bob.create("answer", do="protect").status_code == 403
    (listed,) = ann.get("/v1/jobs").json()["jobs"]
    assert listed["url"] == url and "results" not in listed
    file = TokenFile(tmp_path / "tokens.json")
    file.revoke("ann")
    namesake = Caller(server, file.add("ann", "reader"))
    assert namesake.get(url).status_code == 404


def test_without_a_token_the_address_is_the_key(start):
    caller = Caller(start())
    url = caller.create("answer").json()["url"]
    assert caller.finished(url)["done"] == 1
    assert caller.get("/v1/jobs").status_code == 401


def test_a_worker_that_dies_fails_one_picture_and_no_job(start):
    server = start()
    caller = Caller(server)
    body = caller.finished(caller.create("answer", "die", "break", "answer").json()["url"])
    assert [result["state"] for result in body["results"]] == ["done", "failed", "failed", "done"]
    assert body["results"][1]["problem"]["status"] == 500
    assert "secret" not in json.dumps(body)
    assert len(server.log.read_text().split()) == 3  # it was tried twice


def test_a_worker_that_dies_once_is_forgiven(start, tmp_path):
    caller = Caller(start())
    body = caller.finished(caller.create(f"die-once {tmp_path / 'died'}").json()["url"])
    assert body["results"][0]["state"] == "done"


def test_large_pictures_may_take_longer_than_direct_ones(start):
    server = start(job_seconds=0.5)
    assert server.client().send("/v1/verify", order("sleep 1.5")).status == 504
    caller = Caller(server)
    assert caller.finished(caller.create("sleep 1.5").json()["url"])["done"] == 1


def test_direct_requests_are_answered_while_a_lot_is_worked_on(start):
    server = start()
    caller = Caller(server)
    url = caller.create(*["sleep 1"] * 20).json()["url"]
    wait_for(lambda: caller.get(url).json()["state"] == "running", 10)
    assert server.client().send("/v1/verify", START).status == 200
    assert caller.get(url).json()["state"] == "running"
    assert caller.http.delete(url).status_code == 204
    wait_for(lambda: not list(server.spool.rglob("*.upload")), 10)


def test_number_and_size_are_bounded(start, tokens, tmp_path):
    server = start(tokens=str(tmp_path / "tokens.json"), jobs=3, jobs_per_token=2, job_pictures=2, job_mb=1)
    ann, bob = Caller(server, tokens["ann"]), Caller(server, tokens["bob"])
    reply = ann.create("answer", "answer", "answer")
    assert reply.status_code == 422 and "at most 2" in reply.json()["detail"]
    assert ann.create("answer " + "x" * (2 << 20)).status_code == 413
    assert ann.create().status_code == 415
    assert [ann.create("answer").status_code for _ in range(3)] == [202, 202, 429]
    assert [bob.create("answer").status_code for _ in range(2)] == [202, 503]
    wait_for(lambda: not list(server.spool.rglob("*.upload")), 20)


def test_a_job_expires(start):
    caller = Caller(start(job_keep_seconds=1.5))
    body = caller.finished(caller.create("answer").json()["url"])
    artefact = body["results"][0]["answer"]["artefacts"]["received"]["url"]
    time.sleep(1.6)
    assert caller.get(body["url"]).status_code == caller.get(artefact).status_code == 404


def test_what_is_no_picture_fails_alone(start):
    caller = Caller(start())
    files = [("picture", ("a.png", START)), ("picture", ("b.txt", b"a letter"))]
    body = caller.http.post("/v1/jobs", files=files, data={"do": "verify"}).json()
    body = caller.finished(body["url"])
    assert [result["state"] for result in body["results"]] == ["done", "failed"]
    assert body["results"][1]["problem"]["status"] == 415
    assert caller.http.post("/v1/jobs", files=files[1:], data={"do": "verify"}).status_code == 415


@pytest.mark.parametrize(
    "fields",
    [{"do": "paint"}, {"do": "verify", "strenght": "1"}, {}, {"do": "verify", "webhook": "https://a.b"}],
)
def test_fields_that_cannot_be_are_refused(start, fields):
    reply = httpx.post(start().url + "v1/jobs", files=[("picture", ("a.png", START))], data=fields)
    assert reply.status_code == 422


@pytest.fixture
def receiver():
    """A server that takes webhooks and answers with the given statuses, the last one for ever."""
    statuses, received = [200], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers), body))
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", statuses, received
    http.shutdown()
    thread.join()
    http.server_close()


class TestWebhooks:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr(webhooks, "PAUSES_S", (0.05, 0.05, 0.05))

    def test_it_is_signed_and_repeated_until_taken(self, start, receiver):
        url, statuses, received = receiver
        statuses[:] = [500, 302, 204]
        caller = Caller(start(webhook_hosts=url))
        job = caller.create("answer", webhook=f"{url}/hook?a=1", webhook_secret=SECRET).json()
        wait_for(lambda: caller.get(job["url"]).json()["webhook"]["state"] == "delivered", 20)
        assert caller.get(job["url"]).json()["webhook"]["attempts"] == 3
        assert [path for path, _, _ in received] == ["/hook?a=1"] * 3  # the redirect is not followed
        _, headers, body = received[-1]
        assert check_webhook(SECRET, body, headers[HEADER])
        assert not check_webhook("another secret!!", body, headers[HEADER])
        assert not check_webhook(SECRET, body + b" ", headers[HEADER])
        assert json.loads(body)["job"] == {
            "id": job["id"], "do": "verify", "url": job["url"], "total": 1, "done": 1, "failed": 0,
        }  # fmt: skip

    def test_it_is_given_up(self, start, receiver):
        url, statuses, _ = receiver
        statuses[:] = [503]
        caller = Caller(start(webhook_hosts=url))
        job = caller.create("answer", webhook=url, webhook_secret=SECRET).json()
        wait_for(lambda: caller.get(job["url"]).json()["webhook"]["state"] == "failed", 20)
        assert caller.get(job["url"]).json()["webhook"]["attempts"] == 4

    def test_the_server_may_have_the_secret(self, start, receiver, tmp_path):
        url, _, received = receiver
        (tmp_path / "secret").write_text(SECRET + "\n")
        caller = Caller(start(webhook_hosts=url, webhook_secret_file=str(tmp_path / "secret")))
        caller.create("answer", webhook=url)
        wait_for(lambda: received, 20)
        assert check_webhook(SECRET, received[0][2], received[0][1][HEADER])
        assert SECRET not in caller.get("/v1/about").text

    def test_only_to_listed_origins_and_never_unsigned(self, start, receiver):
        url, _, received = receiver
        caller = Caller(start(webhook_hosts=f"{url}, desk.example.org"))
        host = url.removeprefix("http://")
        for wrong in (
            f"https://{host}/", f"http://user@{host}/", "http://desk.example.org/", "http://127.0.0.1:1/",
            "https://desk.example.org:444/", "https://desk.example.org@evil.example/", "file:///etc/passwd",
            f"http://{host}.evil.example/", "//desk.example.org/", "https://sub.desk.example.org/",
        ):  # fmt: skip
            reply = caller.create("answer", webhook=wrong, webhook_secret=SECRET)
            assert reply.status_code == 422 and reply.json()["type"].endswith(":no-webhook"), wrong
        assert caller.create("answer", webhook=url).status_code == 422
        assert caller.create("answer", webhook=url, webhook_secret="short").status_code == 422
        assert not received
