"""Who may use the workspace at the same time: its claim's access modes decide."""

from __future__ import annotations

from comal_operator.core.training.look import Look
from comal_operator.core.training.objects import claim_name


def many_nodes(look: Look) -> bool:
    """Return whether Pods on several nodes may have the workspace at once.

    The claim itself is asked, so that an existing one counts by what it is. Where it says
    ReadWriteOnce, steps run one by one and the volume's own topology places them: no node name,
    no placeholder Pod, nothing that could wait for another.
    """
    claim = look.seen.get("PersistentVolumeClaim", claim_name(look.run, look.spec)) or {}
    return "ReadWriteMany" in (claim.get("spec", {}).get("accessModes") or ())
