"""`python3 hack/install COMMAND`: starts without anything on PYTHONPATH."""

import sys
from pathlib import Path

# Python puts this folder itself on the path; the package is importable from its parent.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from install.cli import main  # noqa: E402  (the line above makes it importable)

sys.exit(main(sys.argv[1:]))
