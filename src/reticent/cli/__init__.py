"""The command line: one file a command, and the only place that prints."""

import signal
import sys
import threading
from collections.abc import Sequence

_STOPPED = 130  # as `ExitCode.STOPPED`, which is not imported before there is something to run


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see `reticent.cli.exits`.

    Args:
        argv: the arguments after the program's name; None for those of this process.
    """
    code = _ran(sys.argv[1:] if argv is None else argv)
    of_the_process = argv is None and threading.current_thread() is threading.main_thread()
    if code == _STOPPED and of_the_process:
        # All is kept, and said. One more Ctrl-C ends the process at once; what Python still puts
        # away on its way out would answer it with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


def _ran(argv: Sequence[str]) -> int:
    try:
        from reticent.cli.app import run

        return run(list(argv))
    except KeyboardInterrupt:  # before a command could say something better
        sys.stderr.write("Stopped.\n")
        return _STOPPED
