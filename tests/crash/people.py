"""The people of one play: whoever waits for a moment acts in it, however busy the machine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crash.clock import Clock
from crash.diary import Diary
from crash.scenario import Move, Stage


class People:
    """Make the moves in order, each when its moment has come.

    Time stands still from that moment until the move is made: a share stays for half a second, and
    whoever was late would move something else, or find the moment gone.
    """

    def __init__(self, stage: Stage, moves: Sequence[Move], clock: Clock, diary: Diary) -> None:
        self.left = list(moves)
        self._stage = stage
        self._clock = clock
        self._diary = diary
        self._made = 0
        self._is_held = False
        self._unlisten = stage.mirror.listen(stage.namespace, self._hear)

    def close(self) -> None:
        """Stop listening."""
        self._unlisten()

    def are_due(self) -> bool:
        """Return whether the moment of the next move has come."""
        return self._is_held or bool(self.left and self.left[0].when(self._stage))

    async def act(self) -> None:
        """Make the next move if its moment has come."""
        if not self.are_due():
            return
        self._made += 1
        self._diary.note(f"a person makes move {self._made}")
        await self.left.pop(0).do(self._stage)
        self._is_held = False
        self._clock.go()

    def _hear(self, _: Mapping[str, Any]) -> None:
        if not self._is_held and self.are_due():
            self._is_held = True
            self._clock.hold()
