"""`make azure-bed`: runs until Enter; prints what leads an SDK here, and each request."""

from __future__ import annotations

import sys
import threading
import time

from fake_azure import container_registry, entra
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, Bed, azure_bed

_LOOK = 0.3


def main() -> None:
    """Run the bed in the foreground."""
    with azure_bed() as bed:
        for name, value in bed.environment().items():
            print(f"export {name}={value}")
        print(f"export AZURE_TENANT_ID={entra.TENANT} AZURE_CLIENT_ID={CLIENT_ID}")
        print(f"export AZURE_CLIENT_SECRET={CLIENT_SECRET}")
        print(f"# subscription {SUBSCRIPTION}, group ml-group, workspace ml")
        print(f"# registry {container_registry.HOST}; Enter ends it")
        threading.Thread(target=_tell, args=(bed,), daemon=True).start()
        sys.stdin.readline()


def _tell(bed: Bed) -> None:
    told = 0
    while True:
        for one in bed.journal.asked[told:]:
            print(one.status, one.method, one.host + one.path, flush=True)
            told += 1
        time.sleep(_LOOK)


if __name__ == "__main__":
    main()
