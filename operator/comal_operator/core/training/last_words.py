"""What a failed attempt said last, while its Pod can still be asked."""

from __future__ import annotations

from dataclasses import dataclass

from comal_operator.core.plan import LogTail, Manifest, Question, Seen
from comal_operator.core.training.attempts import TAIL_LIMIT, AttemptEnd
from comal_operator.core.training.data_problem import data_problem
from comal_operator.core.training.look import Look, Next
from comal_operator.core.training.objects import CONTAINER
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.pods import ended

# Far more than 16 KiB hold, which is where the answer is cut: at its start.
_LINES = 500


@dataclass(frozen=True)
class LastWords:
    """The end of a log, or the question for it."""

    text: str | None = None
    questions: tuple[Question, ...] = ()


def log_end(pod: Manifest) -> LogTail:
    """Return the question for the end of a Pod's log, asked once for all that it is needed for."""
    return LogTail(pod["metadata"]["name"], CONTAINER, _LINES)


def last_words(end: AttemptEnd, seen: Seen) -> LastWords:
    """Return what the attempt said last; an interruption's words explain nothing."""
    if end.cause == "Interruption" or end.pod is None:
        return LastWords("" if end.cause != "Interruption" else None)
    over = ended(end.pod)
    if over is not None and over.message:
        problem = data_problem(over)
        return LastWords(problem.message if problem else over.message[-TAIL_LIMIT:].strip())
    question = log_end(end.pod)
    if question not in seen.answers:
        return LastWords(questions=(question,))
    return LastWords(str(seen.answers[question])[-TAIL_LIMIT:].strip())


def last_words_first(look: Look) -> Next | None:
    """Return what must be asked before the ends of attempts are judged, or None."""
    asked = tuple(question for question in look.questions if question not in look.seen.answers)
    return Next(on_its_way(look), questions=asked) if asked else None
