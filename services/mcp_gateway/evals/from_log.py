"""Make cases from what agents did wrong, as `gatepost usage intent --json` tells it.

The call log has no arguments and no prompts: a case has the name of the tool, the reason, and words that
models searched with or stated as their purpose.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gatepost.text.hidden import write_line
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.evals.cases import Case, CasesError


class _Attempt(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: str
    names: Annotated[list[str], Field(min_length=1)]
    errors: list[str] = []
    similar: list[str] = []
    times: int


_LONGEST = 4000
"""Characters of a prompt or note; no event holds so many."""
_ATTEMPTS = TypeAdapter(list[_Attempt])


def read_attempts(data: bytes) -> list[_Attempt]:
    """Read the attempts.

    Raises:
        CasesError: this is not the output of `gatepost usage intent --json`.
    """
    try:
        return _ATTEMPTS.validate_json(data)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_input=False)
        place = ".".join(str(part) for part in first["loc"])
        raise CasesError(
            f"this is not the output of `gatepost usage intent --json`: {place}: {first['msg']}"
        ) from None


def cases_from_log(attempts: list[_Attempt], catalogue: Catalogue) -> Iterator[Case]:
    """Yield a case for each kind of mistake of which the right tool can be told or guessed.

    The guess is in the note, so that a person confirms it.
    """
    for one in attempts:
        served = [name for name in one.similar if name in catalogue.tools]
        said = next((name for name in one.names if name != "…"), "")
        if not said:
            continue
        match one.kind:
            case "missing" if served:
                note = (
                    f"called {said}, which does not exist, {one.times} times; is {served[0]} meant?"
                )
                yield _case("missing", said, _sentence(said), served, note)
            case "searched" if served:
                note = f"searched {one.times} times and found nothing; is {served[0]} meant?"
                yield _case("searched", said, f"I want to {said}.", served, note)
            case "stated" if served:
                note = f"stated {one.times} times when calling {', '.join(served)}"
                yield _case("stated", said, f"I want to {said}.", served, note)
            case "invalid" | "repaired" if said in catalogue.tools:
                done = "were refused" if one.kind == "invalid" else "had to be corrected"
                told = f": {one.errors[0]}" if one.errors else ""
                note = f"arguments {done} {one.times} times{told}"
                title = catalogue.tools[said].title.rstrip(". ")
                prompt = f"{title}. Choose plausible values for what I did not say."
                yield _case(one.kind, said, prompt, [said], note)


def _case(kind: str, said: str, prompt: str, tools: list[str], note: str) -> Case:
    key = re.sub(r"[^A-Za-z0-9_.-]+", "-", said)[:80].strip("-") or "words"
    if not said.isascii():  # an id has ASCII only, and other words would get the same one
        key += f"-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    return Case(
        id=f"log-{kind}-{key}",
        source="log",
        prompt=write_line(prompt)[:_LONGEST],
        tool=tools[0],
        also=tuple(tools[1:]),
        note=write_line(note)[:_LONGEST],
    )


def _sentence(name: str) -> str:
    words = " ".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)).lower()
    return f"I want to {words or name}."
