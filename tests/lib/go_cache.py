"""Where Go keeps what it has compiled for the tests: its tools, its runtime, and pprof, which takes it 20 s."""
import os
import tempfile


def path():
    """$SIGPROF_GO_CACHE, which script/test sets to one for all its build trees; else the build tree's own."""
    own = os.path.join(os.environ.get("BUILD") or tempfile.gettempdir(), "tests", "go-cache")
    return os.path.abspath(os.environ.get("SIGPROF_GO_CACHE") or own)
