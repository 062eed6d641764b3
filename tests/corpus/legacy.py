"""The legacy formats, written by hand in the widths and byte orders that gperftools' machines have or had."""
import struct

MAPS = """\
  Some line that is no mapping
00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/legacy-prog
7f0000000000-7f0000100000 r-xp 00002000 08:02 135870   /usr/lib/libfoo.so.1
f7000000-f7100000 r-xp 00000000 08:02 135871   /usr/lib/libthirtytwo.so (deleted)
35b1800000-35b1820000 r--p 00000000 08:02 135522   /usr/lib/readonly.so
build=/opt/tree
7f0000200000-7f0000300000 r-xp 00000000 08:02 135873   $build/lib/libbar.so
"""
HIGH = 0x7F0000000000


def cpu(word, order, period_us=10000, records=None, maps=MAPS, is_64=True):
    """`word` is struct's letter of a word, `order` of the byte order."""
    far = HIGH if is_64 else 0xF7000000
    records = records or [(5, [0x400123, 0x400456, 0x400789]), (3, [far + 0x99, 0x400456, 0x400789]),
                          (2, [0x400500]), (1, [0x400123, 0x400456, 0x400789]), (7, [0x400123, 0x400457, 0x400789])]
    words = [0, 3, 0, period_us, 0]
    for count, stack in records:
        words += [count, len(stack), *stack]
    words += [0, 1, 0]
    return struct.pack(f"{order}{len(words)}{word}", *words) + maps.encode()


def signal_frames():
    """Most stacks have the same second address, a signal's return: readers take it out of all."""
    return cpu("Q", "<", records=[(4, [0x400100 + i, 0x451000, 0x400200, 0x400300 + i % 3]) for i in range(20)])


def heap():
    return ("heap profile: 3: 3072 [10: 20480] @ heap_v2/524288\n"
            "  1: 1024 [4: 4096] @ 0x400123 0x400456 0x400789\n"
            "  2: 2048 [6: 16384] @ 0x400500 0x400789\n\nMAPPED_LIBRARIES:\n" + MAPS).encode()


def all_cases():
    yield "legacy_64_little", cpu("Q", "<")
    yield "legacy_64_big", cpu("Q", ">")
    yield "legacy_32_little", cpu("I", "<", is_64=False)
    yield "legacy_32_big", cpu("I", ">", period_us=4000, is_64=False)
    yield "legacy_signal_frames", signal_frames()
    yield "legacy_no_maps", cpu("Q", "<", maps="")
    yield "legacy_empty", struct.pack("<8Q", 0, 3, 0, 10000, 0, 0, 1, 0)
    yield "legacy_heap", heap()
