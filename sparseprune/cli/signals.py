"""Ctrl-C and SIGTERM end a verb in order, and also while a library computes."""

import contextlib
import os
import signal
import socket
import sys
import threading

from sparseprune.cli.shell import INTERRUPTED

# What an orderly end may take: workers are ended, temporary files removed.
_PATIENCE_SECONDS = 5.0


def install() -> None:
    """Let SIGTERM end a verb as Ctrl-C does: by KeyboardInterrupt, so nothing half-made stays.

    Python raises that between two of its own instructions only. A model that computes for ever
    never comes back to one, so a thread looks on, and ends the process where it outlives the
    signal by some seconds, or a second signal comes.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_look_on, args=(reader, writer), daemon=True).start()


def _look_on(reader: socket.socket, writer: socket.socket) -> None:
    """``writer`` is held, because a socket that nobody holds is closed."""
    _await(reader)
    reader.settimeout(_PATIENCE_SECONDS)
    with contextlib.suppress(TimeoutError):
        _await(reader)
    sys.stderr.write("sparseprune: ended while a library was computing\n")
    sys.stderr.flush()
    writer.close()
    os._exit(INTERRUPTED)


def _await(reader: socket.socket) -> None:
    """Return when one of the two signals has come; others, such as SIGCHLD, do not count."""
    while reader.recv(1)[0] not in (signal.SIGINT, signal.SIGTERM):
        pass
