#!/usr/bin/env python3
"""Signals at `sigprof record`: each reaches the command once, and the profile is written all the same."""
import os
import pty
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

COUNTER_EXIT = 7


def start(directory, command, **options):
    path = os.path.join(directory, "out.pb.gz")
    words = e2e.record_command(path, command)
    return path, subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  **options)


def wait_ready(process):
    e2e.equal(process.stdout.readline(), b"ready\n", "first line of the command")


def finish(process, path):
    out, err = process.communicate(timeout=e2e.TIMEOUT_S)
    return e2e.Recording(subprocess.CompletedProcess([], process.returncode, out, err), path)


def counts(text):
    return {key: e2e.value(text, key) for key in ("int", "term", "hup", "quit", "usr1", "usr2")}


def only(**wanted):
    return {"int": 0, "term": 0, "hup": 0, "quit": 0, "usr1": 0, "usr2": 0, **wanted}


def check_counted(got, wanted):
    e2e.equal(got.status, COUNTER_EXIT, f"exit\n{got.stderr}")
    e2e.equal(counts(got.stdout), wanted, "signals that the command has had")
    e2e.check(got.profile().total() > 0, "the profile is empty")
    e2e.equal(e2e.files_in(os.path.dirname(got.path)), ["out.pb.gz"], "files left")


def check_forwarded(directory, number, name):
    path, process = start(directory, [e2e.target("count_signals")])
    with process:
        wait_ready(process)
        process.send_signal(number)
        check_counted(finish(process, path), only(**{name: 1}))


def test_sigterm_is_forwarded_once(directory):
    check_forwarded(directory, signal.SIGTERM, "term")


def test_sigint_by_kill_is_forwarded_once(directory):
    check_forwarded(directory, signal.SIGINT, "int")


def test_sighup_and_sigusr_are_forwarded(directory):
    check_forwarded(directory, signal.SIGHUP, "hup")
    check_forwarded(directory, signal.SIGUSR1, "usr1")
    check_forwarded(directory, signal.SIGUSR2, "usr2")


def test_sigterm_ends_a_command_without_a_handler(directory):
    path, process = start(directory, ["sh", "-c", f"echo ready; exec {e2e.target('burn')} 20000"])
    with process:
        wait_ready(process)
        time.sleep(0.5)
        process.terminate()
        got = finish(process, path)
    e2e.equal(got.status, 128 + signal.SIGTERM, f"exit\n{got.stderr}")
    got.profile()


def read_until(end, text, limit_s=60):
    """What the terminal shows, up to the text or the end of all who have it open."""
    seen, until = b"", time.monotonic() + limit_s
    while (text is None or text not in seen) and time.monotonic() < until:
        if not select.select([end], [], [], 1)[0]:
            continue
        try:
            data = os.read(end, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not data:
            break
        seen += data
    return seen


def on_terminal(command, keys):
    """Runs a command in the foreground of a terminal, types the keys once it is ready; what was shown, the status."""
    child, end = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    try:
        shown = read_until(end, b"ready")
        os.write(end, keys)
        shown += read_until(end, None)
    finally:
        _, status = os.waitpid(child, 0)
        os.close(end)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(status)


def test_terminal_interrupt_reaches_the_command_once(directory):
    path = os.path.join(directory, "out.pb.gz")
    shown, status = on_terminal(e2e.record_command(path, [e2e.target("count_signals"), "500"]), b"\x03")
    e2e.equal(status, COUNTER_EXIT, f"exit\n{shown}")
    e2e.equal(counts(shown), only(int=1), "signals that the command has had")
    e2e.check(e2e.pprof.read(path).check().total() > 0, "the profile is empty")


def test_terminal_interrupt_ends_a_command_without_a_handler(directory):
    path = os.path.join(directory, "out.pb.gz")
    script = f"echo ready; exec {e2e.target('burn')} 20000"
    shown, status = on_terminal(e2e.record_command(path, ["sh", "-c", script]), b"\x03")
    e2e.equal(status, 128 + signal.SIGINT, f"exit\n{shown}")
    e2e.check("signal 2" in shown, f"the signal is not named:\n{shown}")
    e2e.pprof.read(path).check()


def test_terminal_quit_reaches_the_command_once(directory):
    path = os.path.join(directory, "out.pb.gz")
    shown, status = on_terminal(e2e.record_command(path, [e2e.target("count_signals"), "500"]), b"\x1c")
    e2e.equal(status, COUNTER_EXIT, f"exit\n{shown}")
    e2e.equal(counts(shown), only(quit=1), "signals that the command has had")


def test_signal_to_the_process_group(directory):
    """What a supervisor or a shell's `kill %1` does. The command has its own; a second one must not be made of it...

    ...but cannot be told from one to the recorder alone, so that one more is what is allowed. The profile is written.
    """
    path, process = start(directory, [e2e.target("count_signals"), "500"], start_new_session=True)
    with process:
        wait_ready(process)
        os.killpg(process.pid, signal.SIGINT)
        got = finish(process, path)
    e2e.equal(got.status, COUNTER_EXIT, f"exit\n{got.stderr}")
    e2e.check(1 <= counts(got.stdout)["int"] <= 2, f"signals: {got.stdout}")
    e2e.check(got.profile().total() > 0, "the profile is empty")


if __name__ == "__main__":
    e2e.main(globals())
