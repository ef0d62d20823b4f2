"""Write the CRDs: `python -m comal_operator.api FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from comal_operator.api.crd import as_yaml
from comal_operator.api.kinds import KINDS
from comal_operator.api.meta import GROUP


def crd_files() -> dict[str, str]:
    """Return what belongs into crds/: text by file name."""
    names = [f"{kind.plural}.{GROUP}.yaml" for kind in KINDS]
    texts = {name: as_yaml(kind) for name, kind in zip(names, KINDS, strict=True)}
    resources = "".join(f"- {name}\n" for name in sorted(names))
    texts["kustomization.yaml"] = (
        "# Generated from operator/comal_operator/api by `make generate`; do not edit.\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources:\n{resources}"
    )
    return texts


def main(folder: Path) -> None:
    """Write every file of `crd_files` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in crd_files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "crds"))
