"""Runs a command on a terminal of a given size: a pty of which it has the other end as stdin, stdout and stderr."""
import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

TIMEOUT_S = 60  # a hang, not a measure of speed


def _read_all(master, child):
    text = b""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            more = os.read(master, 65536)
        except OSError as error:  # Linux's way to say that nobody has the other end open
            if error.errno != errno.EIO:
                raise
            more = b""
        if not more:
            return text
        text += more
    child.kill()
    raise TimeoutError(f"{child.args} is not at its end after {TIMEOUT_S} s; it said {text!r}")


def run(command, columns=80, rows=24, env=None):
    """(exit status, text) of the command; the text has plain line ends."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        child = subprocess.Popen([str(word) for word in command], stdin=slave, stdout=slave, stderr=slave, env=env,
                                 start_new_session=True)
        os.close(slave)
        slave = -1
        text = _read_all(master, child)
        return child.wait(TIMEOUT_S), text.decode().replace("\r\n", "\n")
    finally:
        os.close(master)
        if slave >= 0:
            os.close(slave)
