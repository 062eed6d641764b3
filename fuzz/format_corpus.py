"""Seeds for the fuzz targets of the readers of formats: small profiles of each, by hand. For make_*_corpus.py."""

import gzip
import hashlib
import os
import struct
import sys


def varint(value):
    out = b""
    value &= (1 << 64) - 1
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A number or a message, as a field of Protocol Buffers."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


STRINGS = [b"", b"samples", b"count", b"cpu", b"nanoseconds", b"main", b"f(int)", b"/bin/x", b"abc", b"thread", b"^f$",
           b"bytes"]


def proto():
    parts = [(1, message((1, 1), (2, 2))), (1, message((1, 3), (2, 4)))]
    samples = [(2, message((1, varint(1) + varint(2)), (2, varint(3) + varint(-4)), (3, message((1, 9), (2, 5))))),
               (2, message((1, 2), (2, 1), (2, 2), (3, message((1, 9), (3, 7), (4, 11))))), (2, message((2, b"\0\0")))]
    mapping = [(3, message((1, 1), (2, 0x1000), (3, 0x3000), (4, 0x1000), (5, 7), (6, 8), (7, 1), (10, 1)))]
    locations = [(4, message((1, 1), (2, 1), (3, 0x1100), (4, message((1, 2), (2, 10))), (4, message((1, 1), (2, 3))))),
                 (4, message((1, 2), (3, 0x2100), (5, 1)))]
    functions = [(5, message((1, 1), (2, 5), (3, 5), (4, 7), (5, 1))), (5, message((1, 2), (2, 6)))]
    strings = [(6, string) for string in STRINGS]
    rest = [(7, 10), (9, 1700000000), (10, 10**9), (11, message((1, 3), (2, 4))), (12, 10000000), (13, 8), (14, 3)]
    facts = [(7001, message((1, 8), (2, 5), (3, 12))), (7002, message((1, 1), (2, 2), (3, 1), (4, 5), (7, 100)))]
    yield message(*parts, *samples, *mapping, *locations, *functions, *strings, *rest, *facts)
    yield message(*strings, *reversed(rest), *functions, *locations, *parts, *mapping, *samples)
    yield message(*parts, *strings)
    yield message(*[(4, message((1, 1 << 40 | i))) for i in range(20)], (6, b""))


def pprof():
    for content in proto():
        yield content
        yield gzip.compress(content, mtime=0)


MAPS = b"""400000-401000 r-xp 00000000 08:01 17   /bin/x
401000-402000 r-xp 00001000 08:01 17   /bin/x
600000-601000 rw-p 00001000 08:01 17   /bin/x
I0102 a.cc:12] 0x7f0000-0x7f9000: /lib/libc.so.6 (@FF00) abc123
800000-801000 r-xp 00004000 00:00 0   [vdso]
800800-801800 /anon (deleted)
build=/y
deadbeef
"""


def legacy():
    stacks = [(3, 0x400010, 0x400021, 0x7f0101), (1, 0x400011, 0x400011, 0x7ff801), (2, 0x7f0000), (1, 0x900000, 0x1),
              (1, 0x400011, 0x400021, 0x7fd001, 0x802001)]
    for code in ("<I", ">I", "<Q", ">Q"):
        words = [0, 3, 0, 4000, 0]
        for count, *frames in stacks:
            words += [count, len(frames), *frames]
        records = b"".join(struct.pack(code, word) for word in words)
        yield records
        yield records + b"".join(struct.pack(code, word) for word in (0, 1, 0)) + MAPS
    words = [0, 3, 0, 1, 0] + [word for i in range(40) for word in (1, 3, 0x400000 + i, 0x7f0001, 0x7f0002)]
    yield b"".join(struct.pack("<Q", word) for word in words) + struct.pack("<QQQ", 0, 1, 0) + MAPS


def legacy_text():
    heap = (b"heap profile:   3:  5000 [ 10: 90000] @ heap_v2/524288\n   1:   1000 [  4:  40000] @ 0x401010 0x7f0001\n"
            b"#\t0x40100f\tmain.f+0x3\n\n 2: 4000 [ 6: 50000] @ 0x401010 0x1\n 0: 0 [6: 50000] @\n\nMAPPED_LIBRARIES:\n")
    yield heap + MAPS
    for kind in (b"heap/1048576", b"growthz", b"fragmentation", b"heapprofile"):
        yield heap.replace(b"heap_v2/524288", kind)
    yield (b"--- contentionz 0 ---\ncycles/second = 3000000000\nsampling period = 100\nms since reset = 16502\n"
           b"discarded samples = 0\n 35258904 12 @ 0x401010 0x401020\n100 1 @ 0x401010 0x1\n--- Memory map: ---\n" + MAPS)
    yield b"--- mutex:\ncycles/second=2000000000\nsampling period=1\n2000 3 @ 0x11\n#\t0x10\tsync.f\n"
    yield b"goroutine profile: total 6\n5 @ 0x47dece 0x45f466\n# labels: {}\n1 @ 0x442c51\n"
    yield (b"--- threadz 1 ---\n\n--- Thread 7ff (name: main/14748) stack: ---\n PC: 0x401010: f\n 0x401011 0x402010\n"
           b"--- Thread 7fe (name: t/14749) stack: ---\n[same as previous thread]\n--- Memory map: ---\n" + MAPS)


def folded():
    yield b"# comment\nmain;f;g 3\n\nmain;f(int, char) const_[k] 2\r\nmain;f;g 4\n"
    yield b"a;b 1 2\na;c 0 7\n"
    yield b"a;;b -2\n;x 1\n 4\nworker 7 \t 9\n[unknown];\xc3\xa4\xff 8"
    yield b"a;b 1.5\n"
    yield b"a 9223372036854775807\na 9223372036854775807\n"


def perf_script():
    yield (b"# ====\n\nWeb Content 1 1234/1236 [003] 37279.833829:     250000 cpu-clock:u: \n"
           b"\tffffffff8165c344 do_syscall_64+0x71 ([kernel.kallsyms])\n"
           b"\t           d43b8 std::map<int, (anonymous)>::at(int) const+0x8 (/usr/lib/x (deleted))\n"
           b"\t    7fda112ef538 [unknown] ([unknown])\n\n"
           b"app 5 1.5: 1 cycles:\n\t 1234 inner+0x4 (inlined)\n  app.c:12\n\t 1234 outer+0x14 (/bin/app+0x1234)\n\n")
    yield (b"   add  1234 [002] 1.500000:     250000 cpu-clock:  1f2 f+0x2 (/x)\n"
           b"   add  1234 [002] 1.500001:            cycles:  1f3 f+0x3 (/x)\n")
    yield b"perf 19/20 cycles:u:\n\t10 main\n\nperf -1 [000] 5.25: \n\tffff idle\n\t10 f\n"
    yield (b"a 5 1.0: PERF_RECORD_COMM exec: a:5/5\n"
           b"a 5/5 1.6: sched:sched_switch: prev_comm=a ==> next_comm=b\n\t1 f (/x)\n")


def zstd_raw(content):
    """A frame of one block that is not compressed."""
    block = len(content) << 3 | 1
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(content)) + struct.pack("<I", block)[:3] + content


def any_format():
    for make in (pprof, legacy, legacy_text, folded, perf_script):
        for content in make():
            yield content
            yield zstd_raw(content)
            yield gzip.compress(content, mtime=0)
    yield b"\x5a\x2a\x4d\x18\x03\0\0\0abc" + zstd_raw(gzip.compress(b"a;b 1\n", mtime=0))
    yield b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", 100000 << 3 | 2 | 1)[:3] + b"a"  # one byte, many times


def write(contents):
    if len(sys.argv) != 2:
        print(f"usage: {os.path.basename(sys.argv[0])} FOLDER", file=sys.stderr)
        return 2
    os.makedirs(sys.argv[1], exist_ok=True)
    written = 0
    for content in contents:
        with open(os.path.join(sys.argv[1], hashlib.sha1(content).hexdigest()), "wb") as file:
            file.write(content)
        written += 1
    print(f"{written} inputs")
    return 0
