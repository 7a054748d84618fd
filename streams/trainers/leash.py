"""Runs a program that ends with whoever started it. A script of the standard library alone: it starts at once.

    leash.py program argument...

Standard input is a pipe that the starter holds open. When it closes, be it by kill -9, the whole process group is
killed: a training that nobody waits for any more would only be in the way of the one that takes its place.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Start the program, and end as it ends."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # it is for the program, in our group: how that ends is what counts
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: cannot be started: {error.strerror}\n")
        sys.exit(127)
    threading.Thread(target=_watch, daemon=True).start()
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


def _watch() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
