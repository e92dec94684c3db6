"""A program that has imported the package and runs its commands in forks of itself, each as in a process of
its own: the documents have some eighty, and a cold start of each would take minutes.

warm.py serve SOCKET                 answers until its stdin ends
warm.py command SOCKET ARGUMENT...   `underdrawing ARGUMENT...`, run by that server
warm.py python SOCKET FILE           a file of Python, run by that server
"""

import array
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path


def serve(address: str) -> None:
    """Fork for every request; the child has the caller's folder, environment and standard files."""
    import arriving
    import rules

    import underdrawing
    import underdrawing.commands._findings
    import underdrawing.commands._jobs
    import underdrawing.report.findings
    import underdrawing.systems.photo.model
    from underdrawing import cli

    assert underdrawing.Session is not None  # imports the rest
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children: they answer themselves
    os.write(1, b"ready\n")
    while True:
        caller, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_answer(caller, cli, arriving, rules))
        caller.close()


def _answer(caller: socket.socket, cli, arriving, rules) -> int:
    data, ancillary, _, _ = caller.recvmsg(1 << 20, socket.CMSG_LEN(12))
    for number, handle in enumerate(array.array("i", ancillary[0][2])):
        os.dup2(handle, number)
    request = json.loads(data)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    code, text = 1, ""
    try:
        if request["mode"] == "command":
            arguments = request["arguments"]
            if rules.parsed_only(arguments):
                code = int(rules.fault("underdrawing", arguments) is not None)
            else:
                arriving.prepare(arguments)
                code = cli.main(arguments)
        else:
            text = Path(request["arguments"][0]).read_text(encoding="utf-8")
            arriving.prepare(arriving.NAMES & set(text.replace('"', " ").split()))
            program = compile(text, request["arguments"][0], "exec")
            if "underdrawing.client" not in text:  # which needs a server: tests/service runs it
                exec(program, {"__name__": "__main__"})
            code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except ImportError as error:  # of an extra that is not installed here, and that the block names
        extra = str(error).rpartition("underdrawing[")[2].partition("]")[0]
        code = int(not extra or extra not in text)
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    caller.sendall(bytes([code]))
    return code


def request(mode: str, address: str, arguments: list[str]) -> int:
    """Have the server do it; the exit code."""
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(address)
    asked = {"mode": mode, "arguments": arguments, "environment": dict(os.environ)}
    asked["folder"] = str(Path.cwd())
    handles = array.array("i", [0, 1, 2])
    caller.sendmsg([json.dumps(asked).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
    answer = caller.recv(1)
    return answer[0] if answer else 70


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(request(sys.argv[1], sys.argv[2], sys.argv[3:]))
