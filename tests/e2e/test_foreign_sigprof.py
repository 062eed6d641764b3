#!/usr/bin/env python3
"""SIGPROF from elsewhere is not CPU time, is handed to the host's handler, and is never fatal.

The target sends 200 from a constructor's thread, and more from main; its library's constructor runs before the
profiler's (there it installs the host's handler) and its destructor after the profiler's.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

SENT = 2000
# A sleeping program's CPU time in the profile: what the kernel has counted, and a period per thread for the samples
# that stand for a part of one, twice over because each is drawn at random. 2000 SIGPROFs taken for samples: 20 s.
SLACK_NS = 4 * 10_000_000


def go(directory, how, ms, options=(), **environment):
    env = {**os.environ, **{key: str(number) for key, number in environment.items()}}
    return e2e.record(directory, [e2e.target("foreign_sigprof"), how, SENT, ms], options, env=env)


def check_cpu(got, what):
    total, cpu_ns = got.profile().total(), e2e.value(got.stdout, "cpu_ns")
    e2e.within(total, cpu_ns, 0.10, SLACK_NS, f"{what}: CPU time in the profile, of getrusage's")
    e2e.equal(got.lost(), 0, f"{what}: lost")


def check_without_handler(directory, how, ms=400):
    got = go(directory, how, ms, HOST_LATE=10)
    e2e.equal(got.status, 0, f"{how} without a handler: exit\n{got.stderr}")
    e2e.equal(e2e.value(got.stdout, "handled"), 0, "signals in a handler that is not installed")
    check_cpu(got, how)


def check_with_handler(directory, how, ms=400):
    got = go(directory, how, ms, HOST_HANDLER=1, HOST_EARLY=1000, HOST_LATE=10)
    e2e.equal(got.status, 0, f"{how} with the host's handler: exit\n{got.stderr}")
    handled = e2e.value(got.stdout, "handled")
    wanted = e2e.value(got.stdout, "sent") + 1000 + 10
    if how == "kill":
        # One to the process may be taken by the early thread, and is merged with one that is pending there.
        e2e.check(wanted // 2 <= handled <= wanted, f"{how}: {handled} handled of {wanted}")
    elif how in ("raise", "tgkill"):
        e2e.equal(handled, wanted, f"{how}: handled")
    else:
        # A timer's signals are merged while one is pending, at least down to the kernel's tick (10 ms at HZ=100).
        e2e.check(handled >= wanted + ms // 20, f"{how}: {handled} handled, {wanted} of them no timer's")
    e2e.equal(e2e.value(got.stdout, "with_info"), handled, f"{how}: handled with siginfo and context")
    check_cpu(got, how)


def test_kill_without_handler(directory):
    check_without_handler(directory, "kill")


def test_raise_without_handler(directory):
    check_without_handler(directory, "raise")


def test_tgkill_without_handler(directory):
    check_without_handler(directory, "tgkill")


def test_foreign_monotonic_timer_without_handler(directory):
    check_without_handler(directory, "monotonic")


def test_foreign_cpu_timer_without_handler(directory):
    check_without_handler(directory, "cpu", 600)


def test_itimer_prof_without_handler(directory):
    check_without_handler(directory, "itimer", 600)


def test_kill_with_handler(directory):
    check_with_handler(directory, "kill")


def test_raise_with_handler(directory):
    check_with_handler(directory, "raise")


def test_tgkill_with_handler(directory):
    check_with_handler(directory, "tgkill")


def test_foreign_monotonic_timer_with_handler(directory):
    check_with_handler(directory, "monotonic")


def test_foreign_cpu_timer_with_handler(directory):
    check_with_handler(directory, "cpu", 600)


def test_itimer_prof_with_handler(directory):
    check_with_handler(directory, "itimer", 600)


def test_after_the_session_without_handler(directory):
    """-d ends sampling after 0.2 of 0.8 s; the target sends on."""
    got = go(directory, "raise", 800, ["-d", "0.2"], HOST_LATE=10)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.check(got.profile().total() < 200e6, f"{got.profile().total()} ns for a program that sleeps")


def test_after_the_session_with_handler(directory):
    got = go(directory, "raise", 800, ["-d", "0.2"], HOST_HANDLER=1, HOST_LATE=10)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.equal(e2e.value(got.stdout, "handled"), e2e.value(got.stdout, "sent") + 10, "handled")


def test_cpu_timer_after_the_session(directory):
    """The host's timer goes on ticking when ours have gone."""
    got = go(directory, "itimer", 900, ["-d", "0.3"], HOST_HANDLER=1)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    e2e.check(e2e.value(got.stdout, "handled") >= 200 + 900 // 20, f"handled: {got.stdout}")


if __name__ == "__main__":
    e2e.main(globals())
