#!/usr/bin/env python3
"""Where the profile goes, and what happens when it cannot: one clear error, the command unharmed, no half file."""
import contextlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402


def ran_marker(directory):
    """A command that leaves a file, and that file."""
    marker = os.path.join(directory, "ran")
    return marker, ["sh", "-c", f"echo ran > {marker}; {e2e.target('burn')} 100"]


def check_refused(got, marker, path):
    e2e.equal(got.status, 1, f"exit\n{got.stderr}")
    e2e.equal(len(got.ours()), 1, f"lines of sigprof's in\n{got.stderr}")
    e2e.check(path in got.ours()[0], f"the file is not named: {got.ours()[0]}")
    e2e.check(not os.path.exists(marker), "the command ran, though its profile could not be kept")


def test_unwritable_output_is_told_before_the_start(directory):
    marker, command = ran_marker(directory)
    missing = os.path.join(directory, "no", "such", "folder", "x")
    for path in ("/proc/no-such-folder/x", "/dev/null/x", missing, directory):
        check_refused(e2e.Recording(e2e.run(e2e.record_command(path, command)), path), marker, path)
    e2e.equal(e2e.files_in(directory), [], "files left")


def test_read_only_directory_is_told_before_the_start(directory):
    program = e2e.world_readable_copy(directory) if os.geteuid() == 0 else e2e.SIGPROF
    folder = os.path.join(directory, "read-only")
    os.mkdir(folder)
    os.chmod(folder, 0o555)
    path = os.path.join(folder, "x")
    marker = os.path.join(directory, "open")
    os.mkdir(marker)
    os.chmod(marker, 0o777)
    marker = os.path.join(marker, "ran")
    done = e2e.run(e2e.nobody([program, "record", "-o", path, "--", "sh", "-c", f"echo ran > {marker}"]))
    check_refused(e2e.Recording(done, path), marker, path)
    e2e.equal(e2e.files_in(folder), [], "files left")


def test_read_only_file_is_told_before_the_start(directory):
    program = e2e.world_readable_copy(directory) if os.geteuid() == 0 else e2e.SIGPROF
    folder = os.path.join(directory, "open")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "x")
    with open(path, "w", encoding="utf-8") as file:
        file.write("keep me")
    os.chmod(path, 0o444)
    marker = os.path.join(folder, "ran")
    done = e2e.run(e2e.nobody([program, "record", "-o", path, "--", "sh", "-c", f"echo ran > {marker}"]))
    check_refused(e2e.Recording(done, path), marker, path)
    with open(path, encoding="utf-8") as file:
        e2e.equal(file.read(), "keep me", "the file that was there")
    e2e.equal(e2e.files_in(folder), ["x"], "files left")


@contextlib.contextmanager
def small_disk(directory, size):
    folder = os.path.join(directory, "disk")
    os.mkdir(folder)
    if os.geteuid() != 0 or e2e.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]).returncode != 0:
        e2e.skip("cannot mount a small tmpfs here")
    try:
        yield folder
    finally:
        e2e.run(["umount", folder])


def test_full_disk(directory):
    with small_disk(directory, "64k") as folder:
        path = os.path.join(folder, "out.pb.gz")
        with open(path, "w", encoding="utf-8") as file:
            file.write("the old profile")
        with contextlib.suppress(OSError), open(os.path.join(folder, "ballast"), "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        marker, command = ran_marker(directory)
        got = e2e.Recording(e2e.run(e2e.record_command(path, command)), path)
        e2e.equal(got.status, 1, f"exit\n{got.stderr}")
        e2e.check(os.path.exists(marker) and b"cpu_ns=" in got.stdout, f"the command was harmed: {got.stdout!r}")
        says_so = [line for line in got.ours() if "No space left" in line]
        e2e.equal(len(says_so), 1, f"lines that say so in\n{got.stderr}")
        e2e.equal(e2e.files_in(folder), ["ballast", "out.pb.gz"], "files left")
        with open(path, encoding="utf-8") as file:
            e2e.equal(file.read(), "the old profile", "the file that was there")


def test_full_disk_keeps_the_commands_status(directory):
    if not os.path.exists("/dev/full"):
        e2e.skip("no /dev/full")
    path = "/dev/full"
    for status, wanted in ((0, 1), (9, 9)):
        got = e2e.Recording(e2e.run(e2e.record_command(path, ["sh", "-c", f"echo fine; exit {status}"])), path)
        e2e.equal((got.status, got.stdout), (wanted, b"fine\n"), f"exit and stdout\n{got.stderr}")
        says_so = [line for line in got.ours() if "No space left" in line]
        e2e.equal(len(says_so), 1, f"lines that say so in\n{got.stderr}")
    e2e.check(os.path.exists(path), "/dev/full is gone")


def test_existing_file_is_replaced_whole(directory):
    path = os.path.join(directory, "out.pb.gz")
    with open(path, "wb") as file:
        file.write(b"x" * 1_000_000)
    got = e2e.record(directory, [e2e.target("burn"), "200"])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    got.profile(executable="burn")
    e2e.equal(e2e.files_in(directory), ["out.pb.gz"], "files left")


def test_symbolic_link_is_kept(directory):
    os.symlink("real.pb.gz", os.path.join(directory, "out.pb.gz"))
    with open(os.path.join(directory, "real.pb.gz"), "wb"):
        pass
    e2e.record(directory, ["true"]).profile()
    e2e.check(os.path.islink(os.path.join(directory, "out.pb.gz")), "the link was replaced")
    e2e.equal(e2e.files_in(directory), ["out.pb.gz", "real.pb.gz"], "files left")


def test_no_temporary_file_after_sigkill_of_the_command(directory):
    e2e.equal(e2e.record(directory, ["sh", "-c", "kill -9 $$"]).status, 137, "exit")
    e2e.equal(e2e.files_in(directory), ["out.pb.gz"], "files left")


def test_standard_output(directory):
    script = f"echo words; echo more >&2; {e2e.target('burn')} 300"
    done = e2e.run([e2e.SIGPROF, "record", "-o", "-", "sh", "-c", script], cwd=directory)
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr}")
    profile = e2e.pprof.Profile(done.stdout).check()
    e2e.check(profile.flat().get("burn_spin", 0) > 0, f"{profile.flat()}")
    for word in (b"words\n", b"more\n", b"cpu_ns="):
        e2e.check(word in done.stderr, f"no {word!r} in stderr {done.stderr!r}")
    e2e.equal(e2e.files_in(directory), [], "files left")


def closed_stdout():
    os.close(1)


def test_standard_output_closed(directory):
    """Not at some file that got the free number; not a success either."""
    done = e2e.run([e2e.SIGPROF, "record", "-o", "-", "true"], stdout=None, preexec_fn=closed_stdout, cwd=directory)
    e2e.equal(done.returncode, 1, f"exit\n{done.stderr.decode()}")
    e2e.check(b"standard output" in done.stderr, f"{done.stderr!r}")


def test_standard_output_full(directory):
    with open("/dev/full", "wb") as full:
        done = e2e.run([e2e.SIGPROF, "record", "-o", "-", "true"], stdout=full, cwd=directory)
    e2e.equal(done.returncode, 1, f"exit\n{done.stderr.decode()}")
    e2e.check(b"No space left" in done.stderr, f"{done.stderr!r}")


def test_standard_output_nobody_reads(directory):
    reader, writer = os.pipe()
    os.close(reader)
    done = e2e.run([e2e.SIGPROF, "record", "-o", "-", "true"], stdout=writer, cwd=directory)
    os.close(writer)
    e2e.equal(done.returncode, 1, f"exit\n{done.stderr.decode()}")
    e2e.check(b"Broken pipe" in done.stderr, f"{done.stderr!r}")


def test_record_works_with_closed_standard_streams(directory):
    """The output file must not get the number 0, 1 or 2 and then the command's words, or our own."""
    for closed in ((0, 1, 2), (0,), (1,), (2,), (1, 2)):

        def close_them(numbers=closed):
            for fd in numbers:
                os.close(fd)

        path = os.path.join(directory, "out.pb.gz")
        script = f"echo words; echo words >&2; {e2e.target('burn')} 200; exit 5"
        command = e2e.record_command(path, ["sh", "-c", script])
        with subprocess.Popen(command, preexec_fn=close_them) as process:
            e2e.equal(process.wait(timeout=e2e.TIMEOUT_S), 5, f"exit with {closed} closed")
        e2e.pprof.read(path).check()
        os.remove(path)
        e2e.equal(e2e.files_in(directory), [], "files left")


def test_top_standard_output_closed_or_full(directory):
    got = e2e.record(directory, [e2e.target("burn"), "200"])
    done = e2e.run([e2e.SIGPROF, "top", got.path], stdout=None, preexec_fn=closed_stdout)
    e2e.check(done.returncode == 1 and b"Bad file descriptor" in done.stderr,
              f"closed: {done.returncode} {done.stderr!r}")
    with open("/dev/full", "wb") as full:
        for words in (["top", got.path], ["--help"], ["--version"], ["record", "--help"]):
            done = e2e.run([e2e.SIGPROF, *words], stdout=full)
            e2e.check(done.returncode == 1 and b"No space left" in done.stderr,
                      f"full, {words}: {done.returncode} {done.stderr!r}")


def test_top_refuses_what_is_no_profile(directory):
    paths = []
    for name, data in (("empty", b""), ("text", b"no profile at all\n"), ("gzip", b"\x1f\x8b\x08\x00broken")):
        paths.append(os.path.join(directory, name))
        with open(paths[-1], "wb") as file:
            file.write(data)
    for path in [*paths, os.path.join(directory, "missing"), directory]:
        done = e2e.run([e2e.SIGPROF, "top", path])
        e2e.equal((done.returncode, done.stdout), (1, b""), f"exit and stdout for {path}\n{done.stderr.decode()}")
        e2e.check(done.stderr.startswith(b"sigprof: ") and path.encode() in done.stderr, f"{done.stderr!r}")


if __name__ == "__main__":
    e2e.main(globals())
