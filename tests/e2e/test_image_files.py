#!/usr/bin/env python3
"""Programs and libraries are named by the very files that ran, whatever their paths lead to when the recording ends."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import pprof  # noqa: E402

CPU_MS = 100
PROGRAM = e2e.target("lost_images")
NOT_USED = "the file is another one than what was recorded: not used"


def place(directory, name, kind=""):
    """A copy of a target whose file may be taken away."""
    return shutil.copy(e2e.target(name + kind), os.path.join(directory, "it"))


def library(directory, build, kind=""):
    return shutil.copy(e2e.target(f"libimage_{build}{kind}.so"), os.path.join(directory, f"lib_{build}.so"))


def shell(directory, script, *arguments, before=(), options=(), **more):
    """Records a script, in which $READY is a file that the work makes when it begins; `ready` waits for it."""
    ready = "ready() { while [ ! -e \"$READY\" ]; do sleep 0.01; done; }\n"
    environment = {**os.environ, "READY": os.path.join(directory, "ready")}
    got = e2e.record(directory, ["sh", "-c", ready + script, "sh", *arguments], options, before=before,
                     env=environment, cwd=directory, **more)
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    return got


def check_named(got, function):
    """Most of the time is the function's, and nothing is said to be of another build."""
    profile = got.profile()
    e2e.check(profile.flat().get(function, 0) >= CPU_MS * 1e6 / 2, f"{function} in {profile.flat()}\n{got.stderr}")
    e2e.check(NOT_USED not in got.stderr, got.stderr)
    return profile


def need_privileges():
    if os.geteuid() != 0:
        e2e.skip("needs root: only that may look at all files of a process")


def unshare(directory):
    """A prefix with which a command gets a mount namespace of its own, in which it may mount."""
    prefix = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        e2e.skip("no unshare or mount")
    done = e2e.run([*prefix, "mount", "-t", "tmpfs", "none", directory])
    if done.returncode != 0:
        e2e.skip(f"no mount namespace to be had: {done.stderr.decode().strip()}")
    return prefix


def test_removed_program(directory):
    for kind in ("", "_bare"):
        program = place(directory, "lost_images", kind)
        got = shell(directory, '"$1" spin "$2" & ready; rm "$1" "$READY"; wait', program, CPU_MS)
        profile = check_named(got, "image_spin")
        files = {mapping.file for mapping in profile.mappings}
        e2e.check(program in files, f"{program} is not among {files}")


def test_program_that_is_removed_when_it_has_run(directory):
    """As configure scripts do."""
    check_named(shell(directory, '"$1" spin "$2"; rm "$1"', place(directory, "lost_images"), CPU_MS), "image_spin")


def test_library_that_is_replaced(directory):
    """Who may not look at all files of a process has to see the library before it is replaced: within about 0.1 s."""
    script = '"$1" library "$2" "$3" & ready; sleep "$5"; mv "$4" "$2"; rm "$READY"; wait'
    wait_s, ms = (0, CPU_MS) if os.geteuid() == 0 else (0.5, 800)
    for kind in ("", "_bare"):
        old, new = library(directory, "old", kind), library(directory, "new", kind)
        got = shell(directory, script, PROGRAM, old, ms, new, wait_s)
        check_named(got, "image_work_old")


def test_both_builds_of_a_library(directory):
    old, new = library(directory, "old"), library(directory, "new")
    got = shell(directory, '"$1" library "$2" "$3" && mv "$4" "$2" && "$1" library "$2" "$3"', PROGRAM,
                old, CPU_MS, new)
    check_named(got, "image_work_old")
    check_named(got, "image_work_new")


def test_both_builds_without_build_id_are_not_told_apart(directory):
    """The profile has one name for both: neither is used."""
    old, new = library(directory, "old", "_bare"), library(directory, "new", "_bare")
    got = shell(directory, '"$1" library "$2" "$3" && mv "$4" "$2" && "$1" library "$2" "$3"', PROGRAM,
                old, CPU_MS, new)
    e2e.check(not any(name.startswith("image_work") for name in got.profile().flat()), f"{got.profile().flat()}")
    e2e.check(NOT_USED in got.stderr, got.stderr)


def test_memfd_program(directory):
    check_named(shell(directory, '"$1" memfd "$2"', PROGRAM, CPU_MS), "image_spin")


def test_memfd_library(directory):
    need_privileges()
    check_named(shell(directory, '"$1" memfd-library "$2" "$3"', PROGRAM, e2e.target("libimage_old.so"),
                      CPU_MS), "image_work_old")


def test_replaced_program_is_not_used_when_nothing_is_held(directory):
    """Without descriptors to hold files with, a path is believed as long as it leads to the same file."""
    for kind in ("", "_bare"):
        program = place(directory, "lost_images", kind)
        other = shutil.copy(e2e.target("hot"), os.path.join(directory, "other"))
        got = shell(directory, '"$1" spin "$2" & ready; mv "$3" "$1"; rm "$READY"; wait', program, CPU_MS, other,
                    before=["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"])
        names = got.profile().flat()
        own = [location for location in got.profile().locations
               if location.mapping and location.mapping.file == program]
        e2e.check(own and not any(location.lines for location in own), f"the other file was used: {names}")
        e2e.check(f"in {program}: {NOT_USED}" in got.stderr, got.stderr)


def test_program_on_a_mount_that_others_do_not_have(directory):
    """It is copied when it has ended, so that the mount can go."""
    script = 'mount -t tmpfs none "$1" && cp "$2" "$1/it" && "$1/it" spin "$3" && "$1/it" spin "$3" && umount "$1"'
    where = os.path.join(directory, "mount")
    os.mkdir(where)
    prefix = unshare(where)
    for kind in ("", "_bare"):
        command = [*prefix, "sh", "-c", script, "sh", where, e2e.target("lost_images" + kind), CPU_MS]
        got = e2e.record(directory, command)
        e2e.equal(got.status, 0, f"exit\n{got.stderr}")
        check_named(got, "image_spin")
        e2e.equal(e2e.files_in(where), [], "files that are seen from outside")


def test_overlay(directory):
    """A file system with other numbers for stat(2) than /proc/PID/maps shows."""
    where = os.path.join(directory, "mount")
    os.mkdir(where)
    script = """mount -t tmpfs none "$1" && cd "$1" && mkdir lower upper work merged && cp "$2" lower/it &&
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged || exit 77
        merged/it spin "$3"; rm merged/it"""
    program = e2e.target("lost_images_bare")
    got = e2e.record(directory, [*unshare(where), "sh", "-c", script, "sh", where, program, CPU_MS])
    if got.status == 77:
        e2e.skip("no overlay can be mounted")
    check_named(got, "image_spin")


def test_mount_can_be_unmounted_when_its_program_has_ended(directory):
    where = os.path.join(directory, "mount")
    os.mkdir(where)
    script = 'mount -t tmpfs none "$1" && cp "$2" "$1/it" && "$1/it" spin "$3" && umount "$1"'
    program = os.path.join(directory, "inner.pb.gz")
    command = e2e.record_command(program, ["sh", "-c", script, "sh", where, PROGRAM, CPU_MS])
    done = e2e.run([*unshare(where), *command])
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")


def test_mount_can_be_unmounted_when_its_library_was_unloaded(directory):
    where = os.path.join(directory, "mount")
    os.mkdir(where)
    script = 'mount -t tmpfs none "$1" && cp "$2" "$1/it.so" && exec "$3" passing-library "$1/it.so" "$4"'
    inner = os.path.join(directory, "inner.pb.gz")
    command = e2e.record_command(
        inner, ["sh", "-c", script, "sh", where, e2e.target("libimage_old.so"), PROGRAM, CPU_MS])
    done = e2e.run([*unshare(where), *command])
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")


def needed_files(program):
    """The program's libraries, and what record preloads, with its own."""
    preload = os.path.join(e2e.BUILD, "preload", "libsigprof-preload.so")
    listed = e2e.run(["ldd", program]).stdout + e2e.run(["ldd", preload]).stdout
    return {preload, *(word for word in listed.decode().split() if word.startswith("/"))}


def make_root(directory):
    """A root directory for a program, whose debug data is in the root's own /usr/lib/debug."""
    root = os.path.join(directory, "root")
    program = os.path.join(root, "it")
    for path in needed_files(PROGRAM):
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)
    for folder in ("old", "usr/lib/debug"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    debug = os.path.join(root, "usr/lib/debug/it.debug")
    for command in (["objcopy", "--only-keep-debug", PROGRAM, debug],
                    ["objcopy", "-S", f"--add-gnu-debuglink={debug}", PROGRAM, program]):
        if shutil.which("objcopy") is None or e2e.run(command).returncode != 0:
            e2e.skip("no objcopy that does it")
    return root


def check_container(got):
    profile = check_named(got, "image_spin")
    found = [function.filename for location in profile.locations for function in location.functions
             if function.name == "image_spin"]
    e2e.check(found and all(name.endswith("lost_images.c") for name in found), f"the debug file was not found: {found}")


def test_changed_root(directory):
    if os.geteuid() != 0 or shutil.which("chroot") is None:
        e2e.skip("needs root and chroot")
    root = make_root(directory)
    got = e2e.record(directory, ["chroot", root, "/it", "spin", CPU_MS])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    check_container(got)


def test_container(directory):
    """A root that is a mount of its own, in a namespace of its own."""
    root = make_root(directory)
    prefix = unshare(os.path.join(root, "old"))
    if shutil.which("pivot_root") is None:
        e2e.skip("no pivot_root")
    script = 'mount --bind "$1" "$1" && cd "$1" && pivot_root . old && exec /it spin "$2"'
    got = e2e.record(directory, [*prefix, "sh", "-c", script, "sh", root, CPU_MS])
    e2e.equal(got.status, 0, f"exit\n{got.stderr}")
    check_container(got)


def test_process_that_profiles_itself(directory):
    """The library gets hold of the files when they are removed: of its own program, and, with privileges, of others."""
    out = os.path.join(directory, "out.pb.gz")
    program, work = shutil.copy(e2e.target("own_image"), directory), library(directory, "old", "_bare")
    libraries = os.path.join(e2e.BUILD, "src", "library")
    done = e2e.run([program, work, CPU_MS, out],
                   env={**os.environ, "LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}"})
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")
    names = pprof.read(out).check().flat()
    e2e.check("own_spin" in names, f"{names}")
    e2e.check("image_work_old" in names or os.geteuid() != 0, f"{names}")


def test_descriptors_of_the_command_are_as_they_were(directory):
    """The recorder allows itself as many as it may have; the command has the limit that it would have."""
    script = 'ulimit -n'
    plain = subprocess.run(["sh", "-c", script], check=True, stdout=subprocess.PIPE)
    got = e2e.record(directory, ["sh", "-c", script])
    e2e.equal(got.stdout, plain.stdout, "the limit")


if __name__ == "__main__":
    e2e.main(globals())
