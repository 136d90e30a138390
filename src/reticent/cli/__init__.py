"""The command line: one file a command, and the only place that prints."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see `reticent.cli.exits`.

    Args:
        argv: the arguments after the program's name; None for those of this process.
    """
    try:
        from reticent.cli.app import run

        return run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # before a command could say something better
        sys.stderr.write("Stopped.\n")
        return 130
