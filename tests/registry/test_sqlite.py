"""One SQLite file: killed writers, several at once, damage, a full disk, tampering."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sample_records import record, rendition, view

from underdrawing.core.errors import RegistryError
from underdrawing.registry.chain import Head
from underdrawing.registry.sqlite import APPLICATION_ID, MIGRATIONS, SqliteRegistry
from underdrawing.registry.store import open_registry

HERE = Path(__file__).parent
WRITER = """
import os, sys
from pathlib import Path
from sample_records import record
from underdrawing.registry.sqlite import SqliteRegistry

def write(path, start, batches, committed=None):
    registry = SqliteRegistry(Path(path), create=True)
    for n in range(start, start + batches):
        numbers = registry.add([record(3 * n + k) for k in range(3)])
        sys.stdout.write(f"{numbers[-1]} {record(3 * n).identity}\\n")
        sys.stdout.flush()
        if committed is not None:
            os.write(committed, b".")
"""
INSERTING = WRITER + "write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"
KILLING = (
    WRITER
    + """
import random, signal, time
from underdrawing.registry.store import open_registry

rng = random.Random(5)
told, committed = os.pipe()
for start in range(0, 20_000, 1000):
    child = os.fork()
    if child == 0:
        write(sys.argv[1], start, 1000, committed)
    for _ in range(rng.randrange(5)):  # so many commits, then any moment in or between the next
        os.read(told, 1)
    time.sleep(rng.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    with open_registry(sys.argv[1], create=True) as registry:
        sys.stdout.write(f"{len(registry)} {' '.join(registry.audit().faults) or 'whole'}\\n")
        sys.stdout.flush()
"""
)

OPENING = """
import os, sys
from pathlib import Path
from underdrawing.registry.sqlite import SqliteRegistry

for number in range(10):
    path, (waiting, starting), children = Path(sys.argv[1]) / f"{number}.db", os.pipe(), []
    for _ in range(8):
        children.append(os.fork())
        if children[-1] == 0:
            os.close(starting)
            os.read(waiting, 1)  # until the parent closes the other end: all at once
            SqliteRegistry(path, create=True).close()
            os._exit(0)
    os.close(starting)
    os.close(waiting)
    for child in children:
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\\n")
        sys.stdout.flush()
"""


def python(script: str, *arguments: object) -> subprocess.Popen:
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, text=True)


def tampered(path: Path, *statements: str) -> None:
    """Change the file behind the registry's back, as somebody with write access could."""
    with sqlite3.connect(path) as database:
        for table in ("records", "vectors", "renditions"):
            database.execute(f"DROP TRIGGER {table}_UPDATE")
            database.execute(f"DROP TRIGGER {table}_DELETE")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "deep" / "registry.db"


@pytest.fixture
def filled(path) -> Path:
    with SqliteRegistry(path, create=True) as registry:
        registry.add([record(n, rendition=rendition(n)) for n in range(1, 11)])
    return path


def test_killed_writers_lose_nothing_that_was_committed(path):
    """A line is written after each commit, and after each kill the state of the registry."""
    running = python(KILLING, path)
    lines = [line.split(" ", 1) for line in running.communicate()[0].splitlines()]
    assert running.returncode == 0
    with open_registry(path) as registry:
        identities = {entry.number: entry.record.identity for entry in registry}
        assert registry.audit().ok
    kills, committed, count = 0, 0, 0
    for number, reported in lines:
        if len(reported) == 16:
            committed, count = committed + 1, int(number)
            assert identities[count - 2] == reported  # the first of its three
        else:
            kills += 1
            assert reported == "whole"
            assert int(number) % 3 == 0 and count <= int(number) <= count + 3  # one may not have been told
            count = int(number)
    assert kills == 20 and committed >= 10 and len(identities) >= 3 * committed


def test_two_processes_insert_at_once(path):
    both = [python(INSERTING, path, start, 40) for start in (0, 1000)]
    numbers = [[int(line.split()[0]) for line in running.communicate()[0].splitlines()] for running in both]
    assert [running.returncode for running in both] == [0, 0]
    assert sorted(numbers[0] + numbers[1]) == list(range(3, 241, 3))
    with open_registry(path) as registry:
        assert len(registry) == 240 and registry.audit().ok
        assert registry.nearest([view(3005)], 1)[0].number in numbers[1] + [n - 1 for n in numbers[1]]


def test_eight_processes_make_one_registry_at_once(tmp_path):
    running = python(OPENING, tmp_path)
    assert running.communicate()[0].split() == ["0"] * 80
    for path in tmp_path.glob("*.db"):
        with open_registry(path) as registry:
            assert len(registry) == 0 and registry.audit().ok


@pytest.mark.parametrize("held", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT 1 FROM sqlite_master"])
def test_the_switch_to_the_write_ahead_log_waits_for_other_processes(path, held):
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for statement in held.split(";"):
        other.execute(statement)
    release = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
    release.start()
    with SqliteRegistry(path, create=True) as registry:
        assert not other.in_transaction
        assert registry.add([record(1)]) == [1]
    release.join()
    other.close()


def test_the_switch_to_the_write_ahead_log_does_not_wait_for_ever(path, monkeypatch):
    monkeypatch.setattr("underdrawing.registry.sqlite._BUSY_MS", 50)
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="another process"):
            SqliteRegistry(path, create=True)


@pytest.mark.parametrize("read", ["sqlite_master", "application_id", "user_version"])
def test_a_registry_that_appears_between_two_reads_is_opened(path, read, monkeypatch):
    connect, waiting = sqlite3.connect, [read]

    class Interrupted(sqlite3.Connection):
        def execute(self, statement, *values):
            if waiting and read in statement:
                waiting.clear()
                SqliteRegistry(path, create=True).close()
            return super().execute(statement, *values)

    def interrupted(*places, **options):
        return connect(*places, **options, factory=Interrupted)

    monkeypatch.setattr("underdrawing.registry.sqlite.sqlite3.connect", interrupted)
    with SqliteRegistry(path, create=True) as registry:
        assert not waiting and registry.add([record(1)]) == [1]


@pytest.mark.parametrize(
    ("statements", "reported"),
    [
        (["UPDATE records SET text = replace(text, 'Number 4', 'Number 5') WHERE number = 4"], "record 4"),
        (["DELETE FROM records WHERE number = 4"], "record 4: missing"),
        (["DELETE FROM vectors WHERE number > 9", "DELETE FROM records WHERE number > 9"], "10 records were"),
        (
            ["UPDATE records SET number = -1 WHERE number = 4",
             "UPDATE records SET number = 4 WHERE number = 5",
             "UPDATE records SET number = 5 WHERE number = -1"],
            "record 4",
        ),
        (["UPDATE records SET hash = zeroblob(32) WHERE number = 7"], "record 7"),
        (["UPDATE records SET text = CAST(text AS BLOB) WHERE number = 7"], "record 7"),
        (["UPDATE vectors SET vector = zeroblob(496) WHERE number = 3"], "record 3: its vector is another"),
        (["DELETE FROM vectors WHERE number = 3"], "record 3: its vector is missing"),
        (["INSERT INTO vectors VALUES (50, 'grids-1', zeroblob(496))"], "record 50: a vector without"),
        (["UPDATE renditions SET file = zeroblob(9) WHERE number = 3"], "record 3: its rendition is another"),
        (["DELETE FROM renditions WHERE number = 3"], "record 3: its rendition is missing"),
        (["INSERT INTO renditions VALUES (50, zeroblob(9))"], "record 50: a rendition without"),
        (["INSERT INTO records (number, text, hash) SELECT 11, '{}', zeroblob(32)"], "record 11"),
        (["UPDATE head SET count = 9"], "9 records were noted"),
    ],
)  # fmt: skip
def test_tampering_is_found(filled, statements, reported):
    with open_registry(filled) as registry:
        assert registry.audit().ok
        kept = registry.head()
    tampered(filled, *statements)
    with open_registry(filled) as registry:
        faults = registry.audit(kept).faults
    assert any(reported in fault for fault in faults), faults


def test_cut_off_and_noted_again_shows_against_the_kept_head(filled):
    with open_registry(filled) as registry:
        kept = registry.head()
    noted = "UPDATE head SET count = 8, hash = (SELECT hash FROM records WHERE number = 8)"
    cut_off = [f"DELETE FROM {table} WHERE number > 8" for table in ("vectors", "renditions", "records")]
    tampered(filled, *cut_off, noted)
    with open_registry(filled) as registry:
        assert registry.audit().ok  # nothing inside the file can tell
        assert registry.audit(kept).faults == ("record 10: the one of the kept head is missing",)


def test_records_are_not_changed_by_accident(filled):
    with sqlite3.connect(filled) as database:
        for statement in ("DELETE FROM records", "UPDATE records SET text = '{}'", "DELETE FROM vectors"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                database.execute(statement)
    database.close()


def test_full_disk_is_reported_and_keeps_the_registry_whole(filled):
    with open_registry(filled) as registry:
        (pages,) = registry._database.execute("PRAGMA page_count").fetchone()
        registry._database.execute(f"PRAGMA max_page_count = {pages + 8}")
        with pytest.raises(RegistryError, match="disk is full") as caught:
            registry.add([record(n) for n in range(100, 400)])
        assert str(filled) in str(caught.value)
        assert len(registry) == 10 and registry.audit().ok
        assert registry.add([record(11)]) == [11]


def test_damage_is_reported(filled, tmp_path):
    data = bytearray(filled.read_bytes())
    noise = random.Random(3).randbytes(len(data) - 200)
    filled.write_bytes(data[:100] + noise + data[-100:])
    with pytest.raises(RegistryError, match="damaged") as caught:
        open_registry(filled)
    assert str(filled) in str(caught.value)


def test_damaged_page_is_reported_by_the_audit(filled):
    data = bytearray(filled.read_bytes())
    place = data.rfind(b"Number 6: a bridge")
    data[place : place + 8] = b"Number \xff"
    filled.write_bytes(data)
    with open_registry(filled) as registry:
        assert any("record 6" in fault for fault in registry.audit().faults)
        with pytest.raises(RegistryError, match=str(filled)):
            registry.by_identity(record(6).identity)


def test_what_is_no_registry_is_refused(tmp_path):
    text, other, empty = (tmp_path / name for name in ("photo.jpg", "other.db", "empty.db"))
    text.write_bytes(b"not a database at all, but long enough to look at" * 40)
    empty.write_bytes(b"")
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE cats (name)")
    database.close()
    for path, reported in ((text, "not a registry"), (other, "another program"), (empty, "not a registry")):
        before = path.read_bytes()
        with pytest.raises(RegistryError, match=reported) as caught:
            open_registry(path, create=path is not empty)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == before
    with pytest.raises(RegistryError, match="no such registry"):
        open_registry(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
    with pytest.raises(RegistryError, match="expected a path"):
        open_registry("mysql://somewhere/photos")
    with pytest.raises(RegistryError, match="cannot be"):
        open_registry(text / "registry.db", create=True)


def test_later_versions_are_refused(filled):
    with sqlite3.connect(filled) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(RegistryError, match="later version"):
        open_registry(filled)


def test_migrations_continue_where_a_file_stopped(filled, monkeypatch):
    more = "CREATE TABLE notes (number INTEGER PRIMARY KEY, note TEXT NOT NULL);"
    monkeypatch.setattr("underdrawing.registry.sqlite.MIGRATIONS", (*MIGRATIONS, more))
    with open_registry(filled) as registry:
        assert len(registry) == 10 and registry.audit().ok
    with sqlite3.connect(filled) as database:
        assert database.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    database.close()


def test_files_of_the_first_version_are_read_and_go_on(path):
    path.parent.mkdir()
    old, head = [record(n, format=1) for n in (1, 2)], Head()
    with sqlite3.connect(path) as database:
        database.executescript(MIGRATIONS[0])
        for entry in old:
            head = head.extend(entry.to_text())
            row = (head.count, entry.to_text(), head.hash)
            database.execute("INSERT INTO records (number, text, hash) VALUES (?, ?, ?)", row)
            database.execute(
                "INSERT INTO vectors VALUES (?, ?, ?)", (head.count, entry.embedding, entry.vector)
            )
        database.execute("UPDATE head SET count = ?, hash = ?", (head.count, head.hash))
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
    database.close()
    with open_registry(path) as registry:
        assert [entry.record for entry in registry] == old and registry.audit(head).ok
        assert registry.add([record(3, rendition=rendition(3))]) == [3]
        assert registry.rendition(3) == rendition(3).file and registry.audit(head).ok


def test_a_writer_that_waits_too_long_is_reported(filled, monkeypatch):
    monkeypatch.setattr("underdrawing.registry.sqlite._BUSY_MS", 50)
    with sqlite3.connect(filled, isolation_level=None) as database, open_registry(filled) as registry:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="another process"):
            registry.add([record(20)])
        assert len(registry.by_identity(record(3).identity)) == 1  # readers go on
        database.execute("ROLLBACK")
    database.close()
