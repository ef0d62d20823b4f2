"""Rules that NetworkPolicies of trainings and of endpoints share."""

from __future__ import annotations

from typing import Any, Final

# Where clouds hand out the node's own credentials.
METADATA_ADDRESS: Final = "169.254.169.254/32"
METADATA_ADDRESS_V6: Final = "fd00:ec2::254/128"
OUTSIDE: Final[dict[str, Any]] = {
    "to": [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_ADDRESS]}},
        {"ipBlock": {"cidr": "::/0", "except": [METADATA_ADDRESS_V6]}},
    ]
}
# An address range finds no Pods.
IN_CLUSTER: Final[dict[str, Any]] = {"to": [{"namespaceSelector": {}}]}
DNS: Final[dict[str, Any]] = {
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
}
