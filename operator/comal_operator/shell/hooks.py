"""Where a test may stand between a decision and the API server."""

from __future__ import annotations

from comal_operator.core.plan import Ref


class Hooks:
    """Called around every write, which is numbered from 1; these here do nothing.

    The crash harness hangs on them: whatever they raise leaves the gateway unchanged.
    """

    def before(self, number: int, verb: str, ref: Ref) -> None:
        """Hear that a write is about to be sent."""

    def after(self, number: int, verb: str, ref: Ref) -> None:
        """Hear that a write was answered; the caller does not know yet."""
