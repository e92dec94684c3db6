"""A real PostgreSQL server: killed in the middle, answers that get lost, tampering, damage, refusals."""

import contextlib
import socket
import threading
import time

import pytest
from sample_records import record, rendition, view

from underdrawing import cli
from underdrawing.core.errors import RegistryError
from underdrawing.registry.facts import Facts
from underdrawing.registry.postgres import PostgresRegistry
from underdrawing.registry.postgres_schema import MIGRATIONS
from underdrawing.registry.store import open_registry


@pytest.fixture
def url(postgres) -> str:
    """Of an empty database."""
    return postgres.url()


@pytest.fixture
def filled(url) -> str:
    with open_registry(url, create=True) as registry:
        registry.add([record(n, rendition=rendition(n)) for n in range(1, 11)])
    return url


def tampered(postgres, *statements: str) -> None:
    """Behind the registry's back, as the server's owner."""
    postgres.ask(
        "; ".join(
            ("SET session_replication_role = replica", "SET search_path = underdrawing, public", *statements)
        )
    )


class CuttingSocket:
    """Stands between a client and the server and cuts the line when the client sends COMMIT."""

    def __init__(self, folder, server: str, *, forwards: bool) -> None:
        """forwards: whether the server still gets to see the COMMIT."""
        self._server, self._forwards, self.cut = server, forwards, False
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source, target, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_client and not self.cut and b"COMMIT" in data:
                    self.cut = True
                    source.shutdown(socket.SHUT_RDWR)  # the answer will find nobody
                    if self._forwards:
                        target.sendall(data)
                        time.sleep(0.3)
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


@pytest.mark.parametrize("forwards", [True, False])
def test_an_answer_that_gets_lost_is_asked_for_again(postgres, filled, tmp_path, forwards):
    proxy = CuttingSocket(tmp_path, str(postgres.folder / ".s.PGSQL.5432"), forwards=forwards)
    with open_registry(filled.replace(str(postgres.folder), str(tmp_path))) as registry:
        if forwards:
            assert registry.add([record(11), record(12)]) == [11, 12]
        else:
            with pytest.raises(RegistryError, match="nothing of it was"):
                registry.add([record(11), record(12)])
        assert proxy.cut
        assert len(registry) == (12 if forwards else 10) and registry.audit().ok
    proxy.close()


def test_killed_server_loses_nothing_that_was_kept(postgres, url):
    """A writer goes on after each kill with what it was told was not kept: all is there once, in a chain."""
    reported, errors, stop = [], [], threading.Event()
    registry = open_registry(url, create=True)

    def write() -> None:
        n = 0
        while not stop.is_set():
            batch = [record(3 * n + k) for k in range(3)]
            try:
                reported.append((registry.add(batch), batch))
                n += 1
            except RegistryError as error:
                errors.append(str(error))
                time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    for kill in range(3):
        before = len(reported)
        while len(reported) < before + 3:
            time.sleep(0.01)
        time.sleep(0.013 * kill)
        postgres.kill()
        postgres.start()
    before = len(reported)
    while len(reported) == before:
        time.sleep(0.01)
    stop.set()
    writer.join()
    identities = [entry.record.identity for entry in registry]
    assert identities == [one.identity for _, batch in reported for one in batch]
    assert [number for numbers, _ in reported for number in numbers] == list(range(1, len(identities) + 1))
    assert registry.audit().ok
    assert errors and all("postgresql://" in error for error in errors)
    registry.close()


def test_server_that_is_away_is_reported_and_found_again(postgres, filled):
    with open_registry(filled) as registry:
        assert registry.nearest([view(3)], 1)[0].number == 3
        postgres.kill()
        for ask in (
            lambda: registry.by_identity("0" * 16),
            lambda: registry.add([record(11)]),
            registry.audit,
        ):
            with pytest.raises(RegistryError, match="cannot be reached, or went away"):
                ask()
        with pytest.raises(RegistryError, match="cannot be reached"):
            open_registry(filled)
        postgres.start()
        assert registry.by_identity(record(3).identity)[0].number == 3
        assert registry.add([record(11)]) == [11]
        assert registry.nearest([view(11)], 1)[0].number == 11


@pytest.mark.parametrize(
    ("statements", "reported"),
    [
        (["UPDATE records SET text = replace(text, 'Number 4', 'Number 5') WHERE number = 4"], "record 4"),
        (["DELETE FROM records WHERE number = 4"], "record 4: missing"),
        (["UPDATE records SET number = -number",
          "UPDATE records SET number = 11 + number"], "record 1"),
        (["UPDATE vectors SET vector = decode(repeat('00', 496), 'hex') WHERE number = 3"],
         "record 3: its vector is another"),
        (["DELETE FROM vectors WHERE number = 3"], "record 3: its vector is missing"),
        (["INSERT INTO vectors VALUES (50, 'grids-1', '')"], "record 50: a vector without"),
        (["UPDATE renditions SET file = '' WHERE number = 3"], "record 3: its rendition is another"),
        (["DELETE FROM renditions WHERE number = 3"], "record 3: its rendition is missing"),
        (["INSERT INTO renditions VALUES (50, '')"], "record 50: a rendition without"),
        (["INSERT INTO records (number, text, hash) VALUES (11, '{}', '')"], "record 11"),
        (["UPDATE head SET count = 9"], "9 records were noted"),
        (["DELETE FROM vectors WHERE number > 8", "DELETE FROM records WHERE number > 8",
          "UPDATE head SET count = 8, "
          "hash = (SELECT hash FROM records WHERE number = 8)"], "the one of the kept head is missing"),
    ],
)  # fmt: skip
def test_tampering_is_found(postgres, filled, statements, reported):
    with open_registry(filled) as registry:
        kept = registry.head()
        assert registry.audit(kept).ok
        tampered(postgres, *statements)
        faults = registry.audit(kept).faults
    assert any(reported in fault for fault in faults), faults


def test_the_server_refuses_to_change_records(postgres, filled):
    for statement in ("DELETE FROM underdrawing.records", "TRUNCATE underdrawing.vectors",
                      "UPDATE underdrawing.records SET text = '{}'"):  # fmt: skip
        with pytest.raises(Exception, match="non-zero"):
            postgres.ask(statement)
    with open_registry(filled) as registry:
        assert registry.audit().ok


def test_full_disk_is_reported_and_keeps_the_registry_whole(postgres, filled):
    """The server says what it says when its disk is full, in the middle of a batch."""
    tampered(
        postgres,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.number = 200 THEN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; "
        "END IF; RETURN NEW; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION full_disk()",
    )  # fmt: skip
    with open_registry(filled) as registry:
        with pytest.raises(RegistryError, match="disk is full; nothing of this batch") as caught:
            registry.add([record(n) for n in range(100, 400)])
        assert "postgresql://" in str(caught.value)
        assert len(registry) == 10 and registry.audit().ok
        assert registry.add([record(11)]) == [11]


def test_damaged_files_of_the_server_are_reported(postgres, filled):
    with open_registry(filled) as registry:
        postgres.ask("CHECKPOINT")
        place = postgres.folder / "data" / postgres.ask("SELECT pg_relation_filepath('underdrawing.records')")
        postgres.kill()
        data = bytearray(place.read_bytes())
        data[5000:5100] = bytes(100)
        place.write_bytes(data)
        postgres.start()
        with pytest.raises(RegistryError, match="damaged") as caught:
            list(registry)
        assert "postgresql://" in str(caught.value)
        with pytest.raises(RegistryError, match="damaged"):
            registry.audit()


def test_what_is_no_registry_is_refused(postgres, url):
    with pytest.raises(RegistryError, match="no such registry"):
        open_registry(url)
    postgres.ask("CREATE SCHEMA underdrawing")
    with pytest.raises(RegistryError, match="another program"):
        open_registry(url, create=True)
    with pytest.raises(RegistryError, match="does not exist"):
        open_registry(url.replace("photos", "nobody_has_this"), create=True)
    postgres.ask("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(RegistryError, match="LATIN1"):
        open_registry(url.replace("photos", "latin"), create=True)


def test_later_versions_are_refused(postgres, filled):
    postgres.ask(f"UPDATE underdrawing.about SET version = {len(MIGRATIONS) + 1}")
    with pytest.raises(RegistryError, match="later version"):
        open_registry(filled)


def test_refusals_are_reported_in_words(postgres, filled, monkeypatch):
    with open_registry(filled) as registry:
        with pytest.raises(RegistryError, match="NUL"):
            registry.add([record(20), record(21, facts=Facts(caption="a\0b"))])
        assert len(registry) == 10
    with (
        open_registry(filled + "&options=-c%20default_transaction_read_only%3Don") as registry,
        pytest.raises(RegistryError, match="only allows reading"),
    ):
        registry.add([record(20)])
    monkeypatch.setattr("underdrawing.registry.postgres_connection.LOCK_S", 0.1)
    with open_registry(filled) as writer, open_registry(filled) as waiting:
        held = writer._link.connection()
        with held.transaction():
            held.execute("SELECT * FROM underdrawing.head FOR UPDATE")
            with pytest.raises(RegistryError, match="another process"):
                waiting.add([record(20)])
            assert len(waiting.by_identity(record(3).identity)) == 1  # readers go on
        assert waiting.add([record(20)]) == [11]


def test_passwords_are_not_shown(postgres, url, capsys):
    secret = url.replace("postgres@", "postgres:s3cret@") + "&password=s3cret"
    with pytest.raises(RegistryError) as caught:
        open_registry(secret)
    assert "s3cret" not in str(caught.value) and "postgresql://postgres@" in str(caught.value)
    with open_registry(secret, create=True) as registry:
        registry.add([record(1)])
    assert cli.main(["registry", "audit", secret]) == 0
    reported = capsys.readouterr()
    assert "WHOLE, 1 records" in reported.out and "s3cret" not in reported.out + reported.err


def test_many_make_one_registry_at_once(url):
    opened, errors = [], []

    def work(start: int) -> None:
        try:
            registry = PostgresRegistry(url, create=True)
            registry.add([record(start), record(start + 1)])
            opened.append(registry)
        except RegistryError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(10 * k,)) for k in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(opened[0]) == 10 and opened[0].audit().ok
    for registry in opened:
        registry.close()


def test_look_up_reads_no_other_vectors_whatever_the_server_thinks_of_its_tables(postgres):
    with open_registry(postgres.url(), create=True) as registry:
        registry.add([record(n) for n in range(1, 30)])
    look_up = f"{PostgresRegistry._select} WHERE identity = '{record(3).identity}' ORDER BY number DESC"
    plan = postgres.ask(f"SET enable_nestloop = off; EXPLAIN {look_up}")
    assert "Join" not in plan and "on vectors v" in plan
