"""The steps of a smoke test, and the record of how each went."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "fails", "skip"]


class StepFailed(Exception):
    """A step failed.

    Attributes:
        wrong: what is wrong, a sentence without a full stop.
        fix: what to do about it, a sentence without a full stop.
    """

    def __init__(self, wrong: str, fix: str) -> None:
        """Fail with what is wrong and how to mend it."""
        super().__init__(wrong)
        self.wrong = wrong
        self.fix = fix


class StepSkipped(Exception):
    """A step that does not apply, with the reason."""


@dataclass(slots=True)
class Step:
    """How one step went.

    Attributes:
        name: a short name, the same in every run.
        state: whether it passed, failed or was skipped.
        seen: what passed, or why the step was skipped.
        wrong: what failed.
        fix: what to do about a failure.
        seconds: the duration.
    """

    name: str
    state: State = "ok"
    seen: str = ""
    wrong: str = ""
    fix: str = ""
    seconds: float = 0

    def line(self) -> str:
        """Write the step in one line."""
        told = f"{self.wrong}. Fix: {self.fix}." if self.state == "fails" else self.seen
        return " ".join(f"{self.state:<6} {self.name:<32} {told}".split("\n")).rstrip()


@dataclass(slots=True)
class Steps:
    """The steps of a run, in order; a failed one skips the steps that need it."""

    secrets: tuple[str, ...] = ()
    """Texts that no line may show."""
    done: list[Step] = field(default_factory=list)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Step]:
        """Record how the block goes; a `StepFailed` or `StepSkipped` ends only the block."""
        step = Step(name)
        self.done.append(step)
        started = time.monotonic()
        try:
            yield step
        except StepFailed as failed:
            step.state, step.wrong, step.fix = "fails", failed.wrong, failed.fix
        except StepSkipped as skipped:
            step.state, step.seen = "skip", str(skipped)
        step.seconds = time.monotonic() - started
        step.seen, step.wrong, step.fix = map(self._hide, (step.seen, step.wrong, step.fix))

    def require(self, name: str) -> None:
        """Skip the present step unless an earlier one passed.

        Raises:
            StepSkipped: the earlier step failed or was skipped.
        """
        if not any(step.name == name and step.state == "ok" for step in self.done):
            raise StepSkipped(f"needs the step {name!r}")

    @property
    def failed(self) -> bool:
        """Whether any step failed."""
        return any(step.state == "fails" for step in self.done)

    def _hide(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text
