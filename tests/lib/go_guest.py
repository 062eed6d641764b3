"""The Go guest of tests/targets/go_guest: made by each Go that is installed, with what tags and flags are asked for."""

import functools
import os
import shutil

import e2e
import go_cache

GUEST = os.path.join(e2e.ROOT, "tests", "targets", "go_guest")


def gos():
    found = e2e.find_gos()
    if not found:
        e2e.skip("Go is not installed")
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        e2e.skip("cgo needs a C compiler called gcc or cc")
    return found


def _environment(cache):
    """Go packages of this tree are where GOPATH says, libsigprof-cgo is that of the build tree."""
    path = os.path.join(e2e.TARGETS, "gopath")
    os.makedirs(os.path.join(path, "src"), exist_ok=True)
    link = os.path.join(path, "src", "sigprof")
    if not os.path.islink(link):
        os.symlink(os.path.join(e2e.ROOT, "go"), link)
    return {**os.environ, "GO111MODULE": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "1", "GOCACHE": cache,
            "GOFLAGS": "", "HOME": cache, "GOPATH": path,
            "PKG_CONFIG_PATH": os.path.join(e2e.BUILD, "meson-uninstalled")}


@functools.lru_cache(None)
def build(go, *flags):
    """The path of the guest, made by `go`."""
    at = os.path.join(e2e.TARGETS, "go")
    os.makedirs(at, exist_ok=True)
    version = e2e.run([go, "env", "GOVERSION"]).stdout.decode().strip()
    path = os.path.join(at, "-".join(["guest", version, *(flag.strip("-").replace("=", "-").replace(" ", "") for flag in flags)]))
    done = e2e.run([go, "build", *flags, "-o", path, "."], cwd=GUEST, timeout=4 * e2e.TIMEOUT_S,
                   env=_environment(go_cache.path()))
    e2e.equal(done.returncode, 0, f"exit of {go} build:\n{done.stderr.decode(errors='replace')}")
    return path


def environment(directory, profiles):
    """That the guest runs in: Go's profiler writes `profiles` times, to go.prof.1 and so on."""
    libraries = [os.path.join(e2e.BUILD, "src", "cgo"), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(path for path in libraries if path),
            "GUEST_PROFILE": os.path.join(directory, "go.prof") if profiles else "", "GUEST_PROFILES": str(profiles)}


def has_all(sample, names):
    """Whether the names are in the stack in this order, whatever stands between."""
    stack = iter(name.removesuffix(".abi0") for name in sample.function_names())
    return all(name in stack for name in names)


def check_of(profile, leaf, names, share):
    """Samples whose leaf is one of `leaf` are the given share of all, and have `names` on the way to their root."""
    found = [sample for sample in profile.samples if sample.function_names()[0] in leaf]
    kind = profile.index("cpu")
    e2e.check(sum(sample.values[kind] for sample in found) > share * profile.total(), f"{leaf}: {profile.flat()}")
    for sample in found:
        e2e.check(has_all(sample, names), f"{names} are not in {sample.function_names()}")
    return found


# The stacks of C that Go has called, and that has called Go; the same in sigprof's profiles and in Go's own.
IN_C = ("guest_step", "guest_leaf")
