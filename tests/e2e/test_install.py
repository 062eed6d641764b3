#!/usr/bin/env python3
"""What is installed works from where it is, and from anywhere else; header, pkg-config file and man pages are there."""
import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402

BURN_MS = 300


def one(*pattern):
    found = glob.glob(os.path.join(*pattern), recursive=True)
    e2e.equal(len(found), 1, f"files like {os.path.join(*pattern)}")
    return found[0]


def install(directory):
    tree = os.path.join(directory, "destdir")
    meson = shutil.which("meson")
    if meson is None:
        e2e.skip("no meson on PATH")
    done = e2e.run([meson, "install", "-C", e2e.BUILD, "--no-rebuild", "--destdir", tree, "--quiet"])
    e2e.equal(done.returncode, 0, f"exit of meson install\n{done.stdout.decode()}{done.stderr.decode()}")
    return tree


def prefix_of(tree):
    return os.path.dirname(os.path.dirname(one(tree, "**", "bin", "sigprof")))


def check_records(prefix, directory, name):
    path = os.path.join(directory, name)
    command = os.path.join(prefix, "bin", "sigprof")
    # Loaded is the installed library, not the build tree's: the command's own maps tell.
    script = f"grep -o -m1 '/.*libsigprof-preload.so' /proc/$$/maps; exec {e2e.target('burn')} {BURN_MS}"
    done = e2e.run([command, "record", "-o", path, "sh", "-c", script], cwd=directory)
    e2e.equal(done.returncode, 0, f"exit of the installed command\n{done.stderr.decode()}")
    library = done.stdout.decode().splitlines()[0]
    e2e.check(library.startswith(os.path.realpath(prefix) + "/"), f"preloaded is {library}")
    e2e.has_worked(e2e.pprof.read(path).check("burn"), "burn_spin", BURN_MS)
    done = e2e.run([command, "top", path])
    e2e.check(done.returncode == 0 and b"burn_spin" in done.stdout, f"sigprof top: {done.stdout!r} {done.stderr!r}")


def test_installed_command_records_and_may_be_moved(directory):
    prefix = prefix_of(install(directory))
    check_records(prefix, directory, "there.pb.gz")
    moved = os.path.join(directory, "elsewhere")
    shutil.move(prefix, moved)
    check_records(moved, directory, "moved.pb.gz")
    link = os.path.join(directory, "link")
    os.mkdir(link)
    os.symlink(os.path.join(moved, "bin"), os.path.join(link, "bin"))  # as in ~/bin
    check_records_by_link(link, directory)


def check_records_by_link(link, directory):
    path = os.path.join(directory, "link.pb.gz")
    done = e2e.run([os.path.join(link, "bin", "sigprof"), "record", "-o", path, "true"])
    e2e.equal(done.returncode, 0, f"exit of the command by way of a link\n{done.stderr.decode()}")


def test_missing_preload_library_is_told(directory):
    prefix = prefix_of(install(directory))
    os.remove(one(prefix, "lib", "**", "libsigprof-preload.so"))
    path = os.path.join(directory, "x.pb.gz")
    done = e2e.run([os.path.join(prefix, "bin", "sigprof"), "record", "-o", path, "echo", "ran"])
    e2e.equal((done.returncode, done.stdout), (1, b""), "exit and stdout")
    e2e.check(b"libsigprof-preload.so" in done.stderr, f"{done.stderr!r}")
    e2e.check(not os.path.exists(path), "a file was left")


def test_path_that_ld_preload_cannot_carry_is_told(directory):
    prefix = prefix_of(install(directory))
    moved = os.path.join(directory, "with space")
    shutil.move(prefix, moved)
    done = e2e.run([os.path.join(moved, "bin", "sigprof"), "record", "-o", os.path.join(directory, "x"), "echo", "ran"])
    e2e.equal((done.returncode, done.stdout), (1, b""), "exit and stdout")
    e2e.check(b"space" in done.stderr, f"{done.stderr!r}")


def test_library_header_pkg_config_and_manuals(directory):
    prefix = prefix_of(install(directory))
    one(prefix, "include", "sigprof", "sigprof.h")
    one(prefix, "lib", "**", "libsigprof.a")
    one(prefix, "lib", "**", "libsigprof.so")
    one(prefix, "share", "man", "man3", "libprofiler.3*")
    for page in ("sigprof.1", "sigprof-record.1", "sigprof-top.1", "sigprof-info.1", "sigprof-symbolize.1",
                 "sigprof-convert.1", "sigprof-diff.1"):
        one(prefix, "share", "man", "man1", page + "*")
    for place in ("bash-completion/completions/sigprof", "zsh/site-functions/_sigprof",
                  "fish/vendor_completions.d/sigprof.fish"):
        e2e.check(os.path.getsize(one(prefix, "share", place)) > 1000, place)
    pc = one(prefix, "lib", "**", "pkgconfig", "sigprof.pc")
    pkg_config = shutil.which("pkg-config")
    compiler = shutil.which("cc")
    if pkg_config is None or compiler is None:
        e2e.skip("no pkg-config or cc: the files are there, but building with them is not tried")
    check_builds(directory, prefix, pc, pkg_config, compiler)


def test_libprofiler_is_found_in_a_folder_of_its_own(directory):
    prefix = prefix_of(install(directory))
    library = one(prefix, "lib", "**", "sigprof", "libprofiler.so.0")
    e2e.equal(len(glob.glob(os.path.join(prefix, "lib", "**", "libprofiler.so"), recursive=True)), 1, "links to it")
    path = os.path.join(directory, "out.prof")
    env = {**os.environ, "LD_PRELOAD": library, "CPUPROFILE": path}
    done = e2e.run([e2e.target("burn"), BURN_MS], env=env)
    e2e.equal(done.returncode, 0, f"exit\n{done.stderr.decode()}")
    e2e.has_worked(e2e.pprof.read(path).check("burn"), "burn_spin", BURN_MS)


def check_builds(directory, prefix, pc, pkg_config, compiler):
    """A program against the installed library, by what pkg-config says, shared and static."""
    source = os.path.join(directory, "uses.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write('#include <sigprof/sigprof.h>\n#include <stdio.h>\n'
                   'int main(void) { puts(LIBSIGPROF_VERSION); return sigprof_stop() == 0; }\n')
    env = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(pc)}
    words = [pkg_config, f"--define-variable=prefix={prefix}", "--cflags", "--libs", "sigprof"]
    flags = e2e.run(words, env=env)
    e2e.equal(flags.returncode, 0, f"exit of pkg-config\n{flags.stderr.decode()}")
    program = os.path.join(directory, "uses")
    done = e2e.run([compiler, source, "-o", program, *flags.stdout.decode().split()])
    e2e.equal(done.returncode, 0, f"exit of cc {flags.stdout.decode()}\n{done.stderr.decode()}")
    library = os.path.dirname(one(prefix, "lib", "**", "libsigprof.so"))
    done = e2e.run([program], env={**os.environ, "LD_LIBRARY_PATH": library})
    e2e.equal(done.returncode, 0, f"exit of the program\n{done.stderr.decode()}")


if __name__ == "__main__":
    e2e.main(globals())
