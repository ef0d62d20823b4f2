"""`python -m comal_trainer <command>`: one line for an error, an exit code that says its kind."""

from __future__ import annotations

import os
import signal
import sys

from comal_trainer.command_line import run
from comal_trainer.contract import ExitCode
from comal_trainer.failure import UnavailableError, UserError


def main() -> int:
    """Return the exit code of one command."""
    # ONNX Runtime would call Microsoft from whichever process imports it.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # As process 1 of a container nothing else would end it before the kubelet's patience does.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        run(sys.argv[1:], os.environ)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (UnavailableError, OSError) as error:
        print(f"error: {error}; another attempt may help", file=sys.stderr)
        return ExitCode.TRY_AGAIN
    return ExitCode.SUCCESS


if __name__ == "__main__":
    sys.exit(main())
