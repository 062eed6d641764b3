#!/usr/bin/env python3
"""`sigprof symbolize`: names as `record` would have given them, for anybody's profile; what it cannot name, it says."""
import gzip
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import go_cache  # noqa: E402
import pprof  # noqa: E402
import pprof_edit  # noqa: E402

WRONG_ID = "0123456789abcdef0123456789abcdef01234567"
GO_PROGRAM = """package main
import ("os"; "runtime/pprof"; "time")
//go:noinline
func cold(x int) int { for i := 0; i < 100000; i++ { x = x*7 + i }; return x }
func main() {
    file, _ := os.Create(os.Args[1])
    pprof.StartCPUProfile(file)
    x := 1
    for begin := time.Now(); time.Since(begin) < 300*time.Millisecond; { x = cold(x) }
    pprof.StopCPUProfile()
    file.Close()
    os.Exit(x & 0)
}
"""


def symbolize(*arguments, **options):
    return e2e.run([e2e.SIGPROF, "symbolize", *arguments], **options)


def lines_of(done):
    return done.stderr.decode().splitlines()


def named(source, path, *options):
    """Symbolizes to `path`; the lines on stderr."""
    done = symbolize(*options, "-o", path, source)
    e2e.equal((done.returncode, done.stdout), (0, b""), f"exit and stdout:\n{done.stderr.decode()}")
    return lines_of(done)


def put(directory, name, data):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def content(path):
    with open(path, "rb") as file:
        return file.read()


def stacks(profile):
    """All that the samples say, mappings told by their contents."""
    return [([(location.address, location.mapping and (location.mapping.start, location.mapping.file),
               [(function.name, function.system_name, function.filename, function.start_line, line)
                for function, (_, line) in zip(location.functions, location.lines)])
              for location in sample.locations], sample.values, sample.label_list) for sample in profile.samples]


def record_hot(directory):
    """A recording of a copy of `hot`, its program, and the same profile without names."""
    program = shutil.copy(e2e.target("hot"), os.path.join(directory, "hot"))
    got = e2e.record(directory, [program, "main", "300"])
    bare = put(directory, "bare.pb", pprof_edit.without_names(got.path))
    e2e.check(not pprof.read(bare).functions, "names are left")
    return got, program, bare


def same_reports(directory, ours, theirs):
    e2e.equal(e2e.sigprof_top(ours), e2e.sigprof_top(theirs), "sigprof top")
    for go in e2e.find_gos():
        e2e.equal(e2e.go_top(go, directory, ours), e2e.go_top(go, directory, theirs), f"{go} tool pprof -top")


def test_names_are_those_that_record_gives(directory):
    got, _, bare = record_hot(directory)
    out = os.path.join(directory, "named.pb.gz")
    said = named(bare, out)
    wanted, profile = got.profile(), pprof.read(out).check()
    n = sum(1 for location in wanted.locations if location.lines)
    files = sum(1 for mapping in wanted.mappings if mapping.has_functions)
    plural = "s" if files != 1 else ""
    e2e.equal(said[0], f"sigprof: named {n} of {len(wanted.locations)} addresses; opened {files} file{plural}",
              "the first line")
    e2e.equal(said[-1], f"sigprof: wrote {out}; look at it with: sigprof top {out}", "the last line")
    e2e.equal(stacks(profile), stacks(wanted), "the samples")
    e2e.equal([(mapping.file, mapping.flags) for mapping in profile.mappings],
              [(mapping.file, mapping.flags) for mapping in wanted.mappings], "mappings")
    e2e.equal((profile.facts, len(profile.accounts), profile.comments),
              (wanted.facts, len(wanted.accounts), wanted.comments), "the ledger")
    e2e.check("hot_spin" in profile.flat(), f"hot_spin is not there: {profile.flat()}")
    same_reports(directory, out, got.path)


def test_library_with_addresses_only(directory):
    both, bare = os.path.join(directory, "both.pb.gz"), os.path.join(directory, "bare.pb.gz")
    done = e2e.run([e2e.target("two_forms"), both, bare])
    e2e.equal(done.returncode, 0, f"exit of two_forms: {done.stderr.decode()}")
    e2e.check(not pprof.read(bare).functions, "there are names already")
    done = symbolize("--in-place", bare)
    e2e.equal(done.returncode, 0, f"exit: {done.stderr.decode()}")
    e2e.equal(stacks(pprof.read(bare).check()), stacks(pprof.read(both).check()), "the samples")
    e2e.check("two_forms_spin" in pprof.read(bare).flat(), "two_forms_spin is not there")
    same_reports(directory, bare, both)


def test_stdin_and_stdout(directory):
    got, _, bare = record_hot(directory)
    with open(bare, "rb") as file:
        done = symbolize("-", "-o", "-", stdin=file)
    e2e.equal(done.returncode, 0, f"exit: {done.stderr.decode()}")
    e2e.equal(stacks(pprof.Profile(done.stdout)), stacks(got.profile()), "the samples")
    e2e.check(not any("wrote" in line for line in lines_of(done)), "stdout is no file that top could read")


def test_another_build_id_is_not_used(directory):
    got, program, bare = record_hot(directory)
    build_id = got.profile().mappings[0].build_id
    changed = put(directory, "changed.pb", pprof_edit.with_string(bare, build_id, WRONG_ID))
    out = os.path.join(directory, "result.pb.gz")
    said = named(changed, out)
    profile = pprof.read(out)
    own = [location for location in profile.locations if location.mapping.file == program]
    e2e.check(own and not any(location.lines for location in own), "the wrong file was used")
    e2e.check(f"sigprof: no names for {len(own)} address{'es' * (len(own) != 1)} in {program}: the file is another "
              "one than what was recorded: not used" in said, "\n".join(said))
    e2e.check(any(location.lines for location in profile.locations), "the other files were not used")


def test_missing_damaged_and_bare_files_are_named(directory):
    _, program, bare = record_hot(directory)
    out = os.path.join(directory, "result.pb.gz")
    for change, why in ((os.unlink, "the file is missing"),
                        (lambda path: put(directory, "hot", b"#!/bin/sh\n"), "it is no ELF file, or is damaged")):
        change(program)
        said = named(bare, out)
        e2e.check(any(f" in {program}: {why}" in line for line in said), "\n".join(said))
    shutil.copy(e2e.target("hot"), program)
    if shutil.which("strip") and subprocess.run(["strip", "-s", "-R", ".dynsym", program], check=False).returncode == 0:
        said = named(bare, out)
        e2e.check(any(f" in {program}: the file has no symbols" in line for line in said), "\n".join(said))


def test_hostile_file_name_does_not_reach_the_terminal(directory):
    _, program, bare = record_hot(directory)
    changed = put(directory, "changed.pb", pprof_edit.with_string(bare, program, "/no\x1b[2J\r\n\u009b31m/such\u00e9"))
    said = named(changed, os.path.join(directory, "result.pb.gz"))
    e2e.check(any(" in /no?[2J???31m/such\u00e9: the file is missing" in line for line in said), "\n".join(said))


def test_addresses_in_no_mapping(directory):
    _, _, bare = record_hot(directory)
    homeless = put(directory, "homeless.pb", pprof_edit.without_mappings(bare))
    out = os.path.join(directory, "result.pb.gz")
    n = len(pprof.read(homeless).locations)
    are = "address is" if n == 1 else "addresses are"
    e2e.equal(named(homeless, out)[0],
              f"sigprof: {n} {are} in no mapping: the profile does not say of which file", "the first line")
    e2e.equal(len(pprof.read(out).locations), n, "locations")


def test_names_that_are_there_stay(directory):
    got, _, _ = record_hot(directory)
    before, out = content(got.path), os.path.join(directory, "result.pb.gz")
    told = put(directory, "told.pb", pprof_edit.with_string(got.path, "hot_spin", "told by others"))
    named(told, out)
    e2e.check("told by others" in pprof.read(out).flat(), "the names are not the old ones")
    named(told, out, "--force")
    profile = pprof.read(out).check()
    e2e.check("hot_spin" in profile.flat() and "told by others" not in profile.flat(), "the names are not new ones")
    e2e.equal(stacks(profile), stacks(got.profile()), "the samples")
    e2e.equal(content(got.path), before, "the input")


def test_demangle_styles(directory):
    if not os.path.exists(e2e.target("throwing")):
        e2e.skip("there is no C++ program")
    got = e2e.record(directory, [e2e.target("throwing"), "1"])
    raw = {function.system_name for function in got.profile().functions}
    names = {}
    for style in ("short", "full", "none"):
        path = os.path.join(directory, style)
        named(got.path, path, "--force", f"--demangle={style}")
        profile = pprof.read(path)
        used = [function for location in profile.locations for function in location.functions]
        e2e.equal({function.system_name for function in used}, raw, f"system names, {style}")
        names[style] = {function.system_name: function.name for function in used}
    e2e.equal(names["none"], {name: name for name in raw}, "names as in the symbol table")
    e2e.equal(names["short"], {function.system_name: function.name for function in got.profile().functions},
              "record's names and the short ones")
    mangled = [name for name in raw if name.startswith("_Z")]
    e2e.check(any("(" in names["full"][name] and "(" not in names["short"][name] for name in mangled),
              f"no parameters in {names['full']}")


def test_force_keeps_what_it_cannot_name(directory):
    got, program, _ = record_hot(directory)
    os.unlink(program)
    out = os.path.join(directory, "result.pb.gz")
    named(got.path, out, "-f")
    e2e.equal(stacks(pprof.read(out)), stacks(got.profile()), "the samples")


def test_in_place_without_anything_to_name(directory):
    got, _, bare = record_hot(directory)
    os.rename(got.path, os.path.join(directory, "named.pb.gz"))
    path = os.path.join(directory, "named.pb.gz")
    before, listed = content(path), e2e.files_in(directory)
    wrong = put(directory, "bare.pb", pprof_edit.without_mappings(bare))
    for file in (path, wrong):
        before = content(file)
        done = symbolize("-i", file)
        e2e.equal(done.returncode, 0, "exit")
        e2e.equal(content(file), before, "the file")
        e2e.equal(lines_of(done)[-1], f"sigprof: {file} stays as it is", "the last line")
    e2e.equal(e2e.files_in(directory), listed, "files")


def go_profile(directory):
    gos = e2e.find_gos()
    if not gos:
        e2e.skip("there is no go command")
    put(directory, "main.go", GO_PROGRAM.encode())
    put(directory, "go.mod", b"module program\n\ngo 1.18\n")
    env = {**os.environ, "GOCACHE": go_cache.path(), "GOFLAGS": "", "HOME": directory,
           "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    program, path = os.path.join(directory, "program"), os.path.join(directory, "cpu.pb.gz")
    done = e2e.run([gos[0], "build", "-o", program, "."], env=env, cwd=directory, timeout=4 * e2e.TIMEOUT_S)
    e2e.equal(done.returncode, 0, f"exit of go build: {done.stderr.decode()}")
    e2e.equal(e2e.run([program, path]).returncode, 0, "exit of the program")
    return path


def test_profile_of_go_stays_what_it_is(directory):
    path, out = go_profile(directory), os.path.join(directory, "result.pb.gz")
    said = named(path, out)
    before, after = pprof.read(path), pprof.read(out)
    e2e.check("nothing to do: every address has a name" in said[0], "\n".join(said))
    e2e.check(stacks(before), "it has no samples")
    e2e.equal(stacks(after), stacks(before), "the samples")
    for key in ("sample_types", "time_ns", "duration_ns", "period", "period_type", "comments"):
        e2e.equal(getattr(after, key), getattr(before, key), key)
    e2e.equal([(mapping.file, mapping.build_id, mapping.flags) for mapping in after.mappings],
              [(mapping.file, mapping.build_id, mapping.flags) for mapping in before.mappings], "mappings")
    same_reports(directory, out, path)


def test_profile_of_go_without_names_gets_them_back(directory):
    path, out = go_profile(directory), os.path.join(directory, "result.pb.gz")
    named(put(directory, "bare.pb", pprof_edit.without_names(path)), out)
    # A function of that name: in C it would be a part of `main`.
    e2e.check({"main.main", "main.cold"} <= pprof.read(out).cum().keys(), f"not there: {pprof.read(out).cum()}")


def test_bad_input(directory):
    out = os.path.join(directory, "result.pb.gz")
    cases = {"empty": b"", "text": b"no profile at all\n", "cut": gzip.compress(b"\x0a\x04" * 900)[:-20]}
    for path in [put(directory, name, data) for name, data in cases.items()] + [directory, "/no/such/file"]:
        for where in (("-o", out), ("--in-place",)):
            done = symbolize(*where, path)
            e2e.equal((done.returncode, done.stdout, len(lines_of(done))), (1, b"", 1), f"{path}: {done.stderr}")
            e2e.check(lines_of(done)[0].startswith(f"sigprof: {path}: "), lines_of(done)[0])
    e2e.equal(e2e.files_in(directory), sorted(cases), "files")


def test_output_that_cannot_be_written(directory):
    _, _, bare = record_hot(directory)
    for path in ("/no/such/directory/x", directory, "/dev/full"):
        done = symbolize("-o", path, bare)
        e2e.equal((done.returncode, done.stdout), (1, b""), f"exit for {path}")
        e2e.check(lines_of(done)[-1].startswith(f"sigprof: cannot write {path}: "), lines_of(done)[-1])
    with open("/dev/full", "wb") as full:
        done = symbolize("-o", "-", bare, stdout=full)
    e2e.equal((done.returncode, lines_of(done)[-1]),
              (1, "sigprof: cannot write standard output: No space left on device"), "a full disk")


def test_output_to_a_pipe(directory):
    got, _, bare = record_hot(directory)
    pipe, wanted = os.path.join(directory, "pipe"), stacks(got.profile())
    os.mkfifo(pipe)
    with subprocess.Popen([e2e.SIGPROF, "symbolize", "-o", pipe, bare], stderr=subprocess.DEVNULL) as command:
        e2e.equal(stacks(pprof.Profile(content(pipe))), wanted, "the samples")
        e2e.equal(command.wait(e2e.TIMEOUT_S), 0, "exit")


def test_terminal_gets_no_binary(directory):
    _, _, bare = record_hot(directory)
    near, far = os.openpty()
    done = symbolize("-o", "-", bare, stdout=far)
    os.close(near)
    os.close(far)
    e2e.equal((done.returncode, lines_of(done)), (1, ["sigprof: a profile is binary and standard output is a terminal; "
                                                      "redirect it, or give -o FILE"]), "exit and message")


def test_wrong_usage(directory):
    path = put(directory, "x", b"")
    for arguments, why in (((), "FILE is missing"), ((path,), "where is the result to go?"),
                           (("-i", "-o", "y", path), "one of the two"), (("-o", "y", path, "z"), "one FILE at a time"),
                           (("-o", "", path), "-o needs a file name"), ((path, "-o"), "-o needs a value"),
                           (("--demangle=nice", "-i", path), "there are short, full and none"),
                           (("-i", "-"), "standard input cannot be replaced"),
                           (("--nonsense", path), 'unknown option "--nonsense"')):
        done = symbolize(*arguments)
        e2e.equal((done.returncode, done.stdout), (2, b""), f"exit for {arguments}")
        e2e.check(why in lines_of(done)[0], f"{arguments}: {lines_of(done)[0]}")
        e2e.check("usage: sigprof symbolize" in lines_of(done)[1], f"{arguments}: no usage line")


def test_record_says_that_a_program_was_written_to(directory):
    """The same file, in which another program stands now."""
    program = shutil.copy(e2e.target("hot"), os.path.join(directory, "hot"))
    got = e2e.record(directory, ["sh", "-c", "./hot main 300; cp /bin/true hot"], cwd=directory)
    e2e.check(any(f" in {program}: the file is another one than what was recorded: not used" in line
                  for line in got.ours()), got.stderr)
    e2e.check("hot_spin" not in got.profile().flat(), "there are names of a file that is gone")


def test_record_of_files_that_stay_says_nothing(directory):
    got, _, _ = record_hot(directory)
    e2e.check(not any("no names" in line for line in got.ours()), got.stderr)


if __name__ == "__main__":
    e2e.main(globals())
