#!/usr/bin/env python3
"""Profiles that are damaged, or made to do harm: one clear line that names the file, what is wrong and where, exit 1.

Each kind of bad input is given to each command that reads profiles, with a limit on its memory.
"""
import gzip
import json
import os
import re
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof_encode  # noqa: E402

MIB = 1 << 20
ADDRESS_SPACE = 1024 * MIB  # of a command; what would be more is refused, not killed
SMALL_RSS = 100 * MIB  # of what is refused without having been made larger than it is
WHERE = rb"byte \d+|line \d+"
message = pprof_encode.message


def good():
    profile = pprof_encode.Profile([("samples", "count")])
    profile.mapping("/bin/x")
    for i in range(50):
        profile.sample([1], f"leaf{i}", "main")
    return profile.encode()


def wrong(*fields):
    """A profile with those fields behind what it takes to be one."""
    return message((1, message((1, 1), (2, 2))), *fields, (6, b""), (6, b"samples"), (6, b"count"))


def gzip_bomb(chunk, n):
    """n bytes in one gzip member whose trailer claims 10: one flushed piece of 16 MiB, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(chunk * (16 * MIB // len(chunk))) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    return head + piece * (n // (16 * MIB)) + b"\x03\0" + struct.pack("<II", 0, 10)


def zstd_bomb(n):
    """Frames' blocks of one byte, 128 KiB times: four bytes each."""
    block = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"\0"
    last = struct.pack("<I", (128 << 10) << 3 | 1 << 1 | 1)[:3] + b"\0"
    return b"\x28\xb5\x2f\xfd\x00\x58" + block * (n // (128 << 10)) + last


def varint(value):
    return pprof_encode.varint(value)


def cases():
    """(name, content, what the line says, whether it says where)."""
    plain, huge = good(), 1 << 60
    zipped = gzip.compress(plain, mtime=0)
    yield "empty", b"", b"it is empty", False
    yield "no profile", b"\x7fELF\x02\x01\x01\0\0\0", b"not a profile of a known format", False
    yield "cut off", plain[:-20], b"", True
    yield "cut off gzip", zipped[:-20], b"damaged or cut off", True
    yield "damaged gzip", zipped[:40] + bytes([zipped[40] ^ 0x55]) + zipped[41:], b"damaged or cut off", True
    yield "gzip and rubbish", zipped + b"rubbish", b"not gzip", True
    yield "cut off zstd", zstd_bomb(MIB)[:-2], b"damaged or cut off", True
    yield "giant length", wrong() + varint(2 << 3 | 2) + varint(huge), b"", True
    yield "overlong varint", wrong() + varint(9 << 3) + b"\xff" * 11, b"", True
    yield "giant value count", wrong((2, message((2, b"\1" * 1000)))), b"number of values", True
    yield "no values", wrong((2, message((1, b"")))), b"number of values", True
    yield "no location", wrong((2, message((1, varint(huge)), (2, 1)))), b"location that does not exist", True
    yield "no function", wrong((4, message((1, 1), (4, message((1, 9)))))), b"no function", True
    yield "string index", wrong((3, message((1, 1), (5, huge)))), b"string index is out of range", True
    yield "string index of type", wrong((1, message((1, 77)))), b"string index is out of range", True
    yield "id 0", wrong((4, message((3, 7)))), b"id is 0 or missing", True
    yield "id twice", wrong((5, message((1, 7))), (5, message((1, 7)))), b"same id", True
    yield "id cycle", wrong((4, message((1, 1))), (4, message((1, 2))), (4, message((1, 1)))), b"same id", True
    yield "no strings", message((1, message((1, 0), (2, 0))), (2, message((2, 1)))), b"string table", True
    yield "string 0", message((6, b"x")), b"string 0 is not empty", True
    words = [0, 3, 0, 10000, 0, 1, huge]
    yield "legacy depth", struct.pack("<7Q", *words) + bytes(64), b"", True
    yield "legacy cut off", struct.pack("<8Q", 0, 3, 0, 10000, 0, 1, 3, 0x400000), b"", True
    yield "folded", b"main;f 3\nmain;g\n", b"", True
    yield "folded count", b"main;f 3\nmain;g 99999999999999999999\n", b"", True
    yield "heap", b"heap profile: 1: 2 [ 3: 4] @ heap_v2/524288\n 1: x [ 3: 4] @ 0x1\n", b"", True
    yield "perf script", b"a 5 1.0: 1 cycles:\n\tffffffffffffffffff f (/x)\n\nnonsense here\n", b"", True


def bombs():
    """Of what takes more than there is: (name, content, what the line says)."""
    few = "it decompresses to more|not enough memory|more than \\d+ bytes"
    yield "gzip bomb", gzip_bomb(b"\0", 3 << 30), few
    yield "gzip bomb with a profile's head", gzip.compress(wrong()) + gzip_bomb(b"\x12\0", 3 << 30), few
    yield "zstd bomb", zstd_bomb(3 << 30), few


def words(command, path, directory, fine):
    out = os.path.join(directory, "out")
    return {"merge": ["merge", "-o", out, fine, path], "convert": ["convert", "-f", "proto", path],
            "symbolize": ["symbolize", "-o", out, path], "diff": ["diff", fine, path]}.get(command, [command, path])


COMMANDS = ["top", "raw", "info", "merge", "convert", "symbolize", "diff"]


def run(command):
    """(exit, stdout, stderr, largest resident set in bytes) of a command with that much address space."""
    out, err = os.path.join(run.directory, "stdout"), os.path.join(run.directory, "stderr")
    actions = [(os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
               (os.POSIX_SPAWN_OPEN, 2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    line = ["/bin/sh", "-c", f'ulimit -v {ADDRESS_SPACE >> 10}; exec "$@"', "sh", e2e.SIGPROF, *command]
    pid = os.posix_spawn(line[0], line, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    with open(out, "rb") as written, open(err, "rb") as said:
        return os.waitstatus_to_exitcode(status), written.read(), said.read(), usage.ru_maxrss << 10


def refuse(directory, name, content, says, has_place, commands, most_rss):
    """Why it is not refused as it should be, by some command."""
    run.directory = directory
    path, fine = os.path.join(directory, "bad profile"), os.path.join(directory, "fine")
    for to, data in ((path, content), (fine, good())):
        with open(to, "wb") as file:
            file.write(data)
    for command in commands:
        status, out, err, rss = run(words(command, path, directory, fine))
        what = f"{name}, {command}: exit {status}, {err!r}"
        if status != 1 or out or err.count(b"\n") != 1 or not err.startswith(b"sigprof: "):
            yield f"{what}, stdout {out[:100]!r}"
        elif path.encode() not in err or not re.search(says if isinstance(says, bytes) else says.encode(), err):
            yield f"{what}: not the file, or not {says!r}"
        elif has_place and not re.search(WHERE, err):
            yield f"{what}: it does not say where"
        if rss > most_rss:
            yield f"{what}: took {rss >> 20} MiB"
        if os.path.exists(os.path.join(directory, "out")):
            yield f"{what}: has written its output"
            os.unlink(os.path.join(directory, "out"))


def test_bad_profiles_are_refused_in_one_line(directory):
    faults = [fault for case in cases() for fault in refuse(directory, *case, COMMANDS, SMALL_RSS)]
    e2e.check(not faults, "\n".join(faults))


def test_bombs_stay_within_memory(directory):
    for name, content, says in bombs():
        e2e.check(len(content) < 10 * MIB, f"{name} is {len(content)} bytes")
        faults = list(refuse(directory, name, content, says, False, ["top"], ADDRESS_SPACE))
        e2e.check(not faults, "\n".join(faults))


def many_frames(n_lines, n_locations):
    """One location of so many inlined functions, so many times on one stack: their product of frames."""
    line = message((4, message((1, 1))))
    strings = b"".join(message((6, text.encode())) for text in ("", "samples", "count", "f"))
    return (message((1, message((1, 1), (2, 2)))) +
            message((2, message((1, pprof_encode.packed([1] * n_locations)), (2, pprof_encode.packed([1]))))) +
            message((4, message((1, 1), (3, 16)) + line * n_lines)) + message((5, message((1, 1), (2, 3)))) + strings)


def test_frames_beyond_the_limits_are_refused(directory):
    """A third of a MB; and fewer, which top can add up, but nobody wants to have written."""
    faults = [*refuse(directory, "2.8 G frames", many_frames(40000, 70000), "its stacks have 2800000000 frames", False,
                      ["top", "traces", "diff"], SMALL_RSS),
              *refuse(directory, "300 M frames", many_frames(10000, 30000), "its stacks have 300000000 frames", False,
                      ["traces", "folded"], SMALL_RSS)]
    e2e.check(not faults, "\n".join(faults))


def strange(directory):
    """A profile whose names, labels and comments hold what moves a terminal's cursor, and bytes that are not UTF-8."""
    evil = "\x1b[31m\x9b2J\x07\r"
    profile = pprof_encode.Profile([("samples", "count")], comments=[f"comment{evil}"])
    profile.mapping(f"/bin/x{evil}")
    profile.sample([1], f"name{evil}", "Q@@Q", labels=[(f"key{evil}", f"value{evil}")])
    path = os.path.join(directory, "strange")
    with open(path, "wb") as file:
        file.write(profile.encode().replace(b"Q@@Q", b"Q\xff\xc0Q"))
    return path


def on_terminal(command):
    """What it writes to a terminal."""
    near, far = os.openpty()
    pid = os.posix_spawn(command[0], command, {**os.environ, "TERM": "dumb", "NO_COLOR": "1"},
                         file_actions=[(os.POSIX_SPAWN_DUP2, far, 1)])
    os.close(far)
    written = b""
    try:
        while piece := os.read(near, 1 << 16):
            written += piece
    except OSError:  # Linux says EIO once the far end is closed by all
        pass
    os.close(near)
    e2e.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, f"exit of {command}")
    return written.replace(b"\r\n", b"\n")


REPORTS = [["top"], ["tree"], ["peek", "."], ["traces"], ["tags"], ["raw"], ["comments"], ["info"],
           ["convert", "-f", "folded"]]


def test_control_characters_do_not_reach_a_terminal(directory):
    path = strange(directory)
    for report in REPORTS:
        command = [e2e.SIGPROF, *report, path]
        shown = on_terminal([*command[:2], "--no-pager", *command[2:]] if report[0] != "info" else command)
        controls = re.findall(rb"[\0-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", shown)
        e2e.check(not controls, f"{report}: {controls} in {shown!r}")
        if report[0] == "convert":
            continue  # folded stacks have blanks in the place of controls, everywhere
        e2e.check(b"?[31m?2J??" in shown, f"{report} shows {shown!r}")
        piped = e2e.run(command).stdout
        e2e.check("\x1b[31m\x9b2J\x07\r".encode() in piped, f"{report} into a pipe: {piped!r}")


def test_bytes_that_are_not_utf8_are_replaced(directory):
    path = strange(directory)
    for report in ["top", "tree", "traces", "raw"]:
        done = e2e.run([e2e.SIGPROF, report, path])
        e2e.equal(done.returncode, 0, f"exit of {report}: {done.stderr}")
        e2e.check("Q\ufffd" in done.stdout.decode(), f"{report}: {done.stdout!r}")
    for command in [["top", "--json"], ["convert", "-f", "json"], ["convert", "-f", "speedscope"],
                    ["convert", "-f", "firefox"], ["info", "--json"]]:
        json.loads(e2e.run([e2e.SIGPROF, *command, path]).stdout.decode())


if __name__ == "__main__":
    e2e.main(globals())
