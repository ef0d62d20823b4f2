"""Single callers in the cluster: each call on a connection of its own, with headers of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cluster_words import a_caller
from demo.kubectl import Kubectl

# Prints [code, headers, body] for each entry of the second argument; code 0 where there was no
# answer. The fourth argument is the only certificate that is trusted.
_PROGRAM = """
import json, ssl, sys, urllib.error, urllib.request
url, wanted, body, trusted = sys.argv[1:]
context = ssl.create_default_context(cadata=trusted) if trusted else None
for headers in json.loads(wanted):
    request = urllib.request.Request(url, body.encode(), headers)
    try:
        answer = urllib.request.urlopen(request, timeout=20, context=context)
    except urllib.error.HTTPError as error:
        answer = error
    except urllib.error.URLError as error:
        print(json.dumps([0, {}, str(error)]))
        continue
    told = {name.lower(): value for name, value in answer.headers.items()}
    print(json.dumps([answer.status, told, answer.read().decode()]))
"""


@dataclass(frozen=True)
class Answer:
    """What a caller is told; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def version(self) -> str:
        """The version of the model that answered."""
        return self.headers.get("x-comal-model-version", "")


@dataclass(frozen=True)
class Callers:
    """Callers of one endpoint, with the image that their Pod runs and what they send."""

    kubectl: Kubectl
    image: str
    url: str
    body: str

    def call(
        self, *headers: Mapping[str, str], path: str = "", body: str = "", trusted: str = ""
    ) -> list[Answer]:
        """Return the answers to one POST for each of `headers`."""
        typed = [{"content-type": "application/json", **one} for one in headers]
        url = self.url.removesuffix("/score") + path if path else self.url
        told = self.kubectl.run(
            *("exec", f"deployment/{a_caller(self.kubectl, self.image)}", "--"),
            *("python3", "-c", _PROGRAM, url, json.dumps(typed), body or self.body, trusted),
            timeout=120,
        )
        return [Answer(*json.loads(line)) for line in told.splitlines()]

    def codes(self, *headers: Mapping[str, str], trusted: str = "") -> list[int]:
        """Return the codes of the answers."""
        return [one.status for one in self.call(*headers, trusted=trusted)]


def bearer(key: str) -> dict[str, str]:
    """Return the header that has `key`."""
    return {"authorization": f"Bearer {key}"}
