"""So many calls at every service; what must hold: no 5xx, no death, no growth."""

from __future__ import annotations

import http.client
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.mutations import mutated
from fuzz.services import Request, Service
from unit.scorer.scorer_process import ScorerProcess

_CHECKS = "response_schema_conformance,status_code_conformance,content_type_conformance"
# What a scorer may gain after the first part of a campaign: parsers keep their largest buffer.
_GROWTH_KILOBYTES = 24 * 1024
# These say that somebody else is to blame, or that too many came; a script may raise.
_FINE = {503, 504}


@dataclass
class Findings:
    """What a campaign saw at one service."""

    service: str
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    grown: int = 0

    @property
    def calls(self) -> int:
        return self.statuses.total()


def attack(service: Service, calls: int, seed: int) -> Findings:
    """Return what so many mutated requests found."""
    findings = Findings(service.name)
    with tempfile.TemporaryDirectory() as folder:
        scorer = ScorerProcess(service.package, Path(folder), **dict(service.environment))
        try:
            scorer.wait_ready()
            _mutate(service, scorer, calls, random.Random(seed), findings)
        finally:
            scorer.stop()
    return findings


def conform(service: Service, examples: int, seed: int) -> tuple[int, str]:
    """Return schemathesis' exit code and report for a service's own OpenAPI description."""
    checks = _CHECKS if service.may_raise else f"not_a_server_error,{_CHECKS}"
    with tempfile.TemporaryDirectory() as folder:
        scorer = ScorerProcess(service.package, Path(folder), **dict(service.environment))
        try:
            scorer.wait_ready()
            done = subprocess.run(
                [
                    *(Path(sys.executable).parent / "schemathesis", "run"),
                    f"http://127.0.0.1:{scorer.port}/openapi.json",
                    *("--phases", "examples,coverage,fuzzing", "--checks", checks),
                    *("--max-examples", str(examples), "--seed", str(seed)),
                    *("--generation-database", "none", "--no-color", "--workers", "1"),
                    *("--suppress-health-check", "all"),
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd=folder,
            )
            alive = scorer.process.poll() is None
        finally:
            scorer.stop()
    return (done.returncode if alive else 1), done.stdout + done.stderr


def _mutate(
    service: Service, scorer: ScorerProcess, calls: int, chance: random.Random, findings: Findings
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scorer.port, timeout=30)
    before = 0
    for number in range(calls):
        request = mutated(chance.choice(service.seeds), chance)
        status = send(connection, request)
        findings.statuses[status] += 1
        script_raised = service.may_raise and status == 500
        if status == 0 or (status >= 500 and status not in _FINE and not script_raised):
            findings.wrong.append(f"call {number}: {status} for {request!r:.2000}")
        if scorer.process.poll() is not None:
            findings.wrong.append(f"call {number}: the scorer ended for {request!r:.2000}")
            return
        if number == calls // 3:
            before = _resident(scorer)
    connection.close()
    findings.grown = _resident(scorer) - before
    if findings.grown > _GROWTH_KILOBYTES:
        findings.wrong.append(f"memory grew by {findings.grown} kB in the last two thirds")


def send(connection: http.client.HTTPConnection, request: Request) -> int:
    """Return the status; 0 when the connection ended without one, twice."""
    for _ in range(2):
        try:
            connection.putrequest(request.method, _printable(request.path))
            for name, value in request.headers:
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(request.body)))
            connection.endheaders(request.body)
            response = connection.getresponse()
            response.read()
        except (http.client.HTTPException, ConnectionError):
            connection.close()
        else:
            return response.status
    return 0


def _printable(path: str) -> str:
    return "".join(letter for letter in path if letter.isprintable() and letter != " ")


def _resident(scorer: ScorerProcess) -> int:
    for line in Path(f"/proc/{scorer.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
