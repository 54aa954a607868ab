"""Write the questions that both protocol eras send to a client, and read the answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mcp_gateway.catalogue.inputs import Draft, Question
from mcp_gateway.catalogue.prompts import PromptArgument
from mcp_gateway.text import strip_text

ELICITATION = "elicitation"
OPEN_URL = "elicitation.url"
"""The capability to open a page for the person (MCP elicitation, URL mode)."""
_ELICIT = "elicitation/create"
_SAMPLE = "sampling/createMessage"
_CAPABILITIES = {_ELICIT: ELICITATION, _SAMPLE: "sampling"}
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.\[\]-]+)\}")
LONGEST_CONFIRMATION = 10_000
"""Characters of a confirmation; a person can't check a longer one."""
_LONGEST_SHOWN = 200
_BREAK = re.compile("[\t\n\r\u2028\u2029]")


class Declined(Exception):
    """The person declined or closed the question; the message is for the model."""


class TooLongToConfirm(Exception):
    """The call can't be shown whole to a person; the message is for the model."""


class BadAnswer(Exception):
    """The client's answer does not fit the question; the message says why."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the client, without an id."""

    key: str
    method: str
    params: Mapping[str, Any]
    tool: str = ""
    """The fingerprint of the tool that a confirmation is about; empty for other questions."""

    @property
    def confirms(self) -> bool:
        """Whether the answer is valid only for the exact call that the question was about."""
        return bool(self.tool)

    @property
    def capability(self) -> str:
        """The capability that the client must have declared to receive this request."""
        return OPEN_URL if self.params.get("mode") == "url" else _CAPABILITIES[self.method]


def ask_question(question: Question, arguments: Mapping[str, Any]) -> Ask:
    """Write a question from the manifest, without the fields that are already known."""
    text = fill_in(question.text, arguments)
    if isinstance(question, Draft):
        message = {"role": "user", "content": {"type": "text", "text": text}}
        sampling = {"messages": [message], "maxTokens": question.most_tokens}
        return Ask(question.key, _SAMPLE, sampling)
    missing = {name: shown for name, shown in question.fields.items() if name not in arguments}
    return Ask(question.key, _ELICIT, _form(text, missing))


def ask_confirmation(question: str, arguments: Mapping[str, Any], *, tool: str) -> Ask:
    """Write a question that asks for confirmation and shows the call's arguments whole.

    Characters that a person would not see are removed and counted.

    Args:
        question: the manifest's question.
        arguments: the call's arguments.
        tool: the tool's fingerprint, since the answer is not valid for a tool that has changed.

    Raises:
        TooLongToConfirm: the question would be longer than a person can check.
    """
    shown = show_arguments(arguments, besides=len(question))
    text = "\n".join([fill_in(question, arguments), *shown])
    return Ask("confirm", _ELICIT, _form(text, {}), tool)


def ask_to_wait(text: str) -> Ask:
    """Write a message that a person answers to let the call go on."""
    return Ask("wait", _ELICIT, _form(text, {}))


def ask_to_open(text: str, url: str, *, elicitation_id: str | None) -> Ask:
    """Ask the client to open a page for the person, who answers when they come back.

    `elicitation_id` is for clients up to 2025-11-25; later revisions have no such id.
    """
    params = {"mode": "url", "message": text, "url": url}
    if elicitation_id is not None:
        params["elicitationId"] = elicitation_id
    return Ask("link", _ELICIT, params)


def show_arguments(arguments: Mapping[str, Any], *, besides: int = 0) -> list[str]:
    """Write each argument whole on one line, without characters that a person would not see.

    Args:
        arguments: the call's arguments.
        besides: the characters that the person is shown besides.

    Raises:
        TooLongToConfirm: they have more characters than a person can check.
    """
    written = {name: _write(value) for name, value in arguments.items()}
    length = besides + sum(len(name) + len(value) for name, value in written.items())
    if length > LONGEST_CONFIRMATION:
        raise TooLongToConfirm(
            f"A person must confirm this call, but it has {length} characters, and at most "
            f"{LONGEST_CONFIRMATION} can be shown. Nothing was done. Call the tool with less at a "
            "time."
        )
    return [f"{_show(name)}: {_show_whole(value)}" for name, value in written.items()]


def ask_arguments(title: str, missing: list[PromptArgument]) -> Ask:
    """Write a form for the missing required arguments of a prompt."""
    fields = {
        argument.name: {
            "type": "string",
            **({"description": argument.description} if argument.description else {}),
            **({"enum": list(argument.values)} if argument.values else {}),
        }
        for argument in missing
    }
    return Ask("arguments", _ELICIT, _form(title, fields))


def read_values(question: Question, answer: object) -> dict[str, Any]:
    """Return the arguments that an answer fills.

    Raises:
        Declined: the person declined.
        BadAnswer: the answer does not fit the question.
    """
    if isinstance(question, Draft):
        return {question.argument: _read_draft(answer)}
    content = read_form(answer)
    return {name: content[name] for name in question.fields if content.get(name) is not None}


def read_form(answer: object) -> Mapping[str, Any]:
    """Return the content of a form that a person filled in (MCP elicitation, Response Actions).

    Raises:
        Declined: the person declined or closed the form.
        BadAnswer: the answer does not fit a form.
    """
    action = answer.get("action") if isinstance(answer, Mapping) else None
    if action in ("decline", "cancel"):
        said = "said no" if action == "decline" else "closed the question without an answer"
        raise Declined(f"The person was asked and {said}. Nothing was done.")
    content = answer.get("content") if isinstance(answer, Mapping) else None
    content = {} if content is None else content
    if action != "accept" or not isinstance(content, dict):
        raise BadAnswer("must have an action (accept, decline or cancel) and an object as content")
    return content


def fill_in(text: str, arguments: Mapping[str, Any]) -> str:
    """Replace `{argument}` by its value, or by nothing if the argument is missing."""

    def value_of(found: re.Match[str]) -> str:
        return _show(arguments[found[1]]) if found[1] in arguments else ""

    return _PLACEHOLDER.sub(value_of, text)


def _read_draft(answer: object) -> str:
    content = answer.get("content") if isinstance(answer, Mapping) else None
    blocks = content if isinstance(content, list) else [content]
    texts = [
        block["text"]
        for block in blocks
        if isinstance(block, Mapping) and isinstance(block.get("text"), str)
    ]
    if not texts:
        raise BadAnswer("must have text as content")
    return "\n".join(texts)


def _form(text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": fields}
    if required := [name for name, shown in fields.items() if "default" not in shown]:
        schema["required"] = required
    return {"message": text, "requestedSchema": schema}


def _write(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _show(value: Any) -> str:
    text = _write(value)
    ending = "…" if len(text) > _LONGEST_SHOWN else ""
    return _on_one_line(strip_text(text[:_LONGEST_SHOWN])) + ending


def _show_whole(text: str) -> str:
    visible = strip_text(text)
    hidden, line = len(text) - len(visible), _on_one_line(visible)
    return f"{line} (and {hidden} invisible characters)" if hidden else line


def _on_one_line(text: str) -> str:
    # A value with line breaks could imitate another part of the question.
    return _BREAK.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
