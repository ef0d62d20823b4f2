"""`python3 hack/dev`: the virtual environment and the programs that tests start.

`python3 hack/dev torch` makes a Python with torch, and prints its path.
"""

import sys
from pathlib import Path

# Python puts this folder itself on the path; the package is importable from its parent.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from cluster.commands import ClusterError  # noqa: E402  (the line above makes it importable)
from dev.environment import prepare  # noqa: E402  (as above)
from dev.torch import torch_python  # noqa: E402  (as above)

if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["torch"]:
            print(torch_python())
        else:
            prepare()
    except ClusterError as error:
        sys.exit(f"dev: {error}")
