"""Write the questions that both protocol eras send to a client, and read the answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mcp_gateway.catalogue.inputs import Draft, Question
from mcp_gateway.catalogue.prompts import PromptArgument

_ELICIT = "elicitation/create"
_SAMPLE = "sampling/createMessage"
_CAPABILITIES = {_ELICIT: "elicitation", _SAMPLE: "sampling"}
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.\[\]-]+)\}")
_MOST_SHOWN = 20
_LONGEST_SHOWN = 200


class Declined(Exception):
    """The person declined or closed the question; the message is for the model."""


class BadAnswer(Exception):
    """The client's answer does not fit the question; the message says why."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the client, without an id."""

    key: str
    method: str
    params: Mapping[str, Any]
    needs_state: bool = False
    """Whether the answer is valid only for the exact call that the question was about."""

    @property
    def capability(self) -> str:
        """The capability that the client must have declared to receive this request."""
        return _CAPABILITIES[self.method]


def ask_question(question: Question, arguments: Mapping[str, Any]) -> Ask:
    """Write a question from the manifest, without the fields that are already known."""
    text = fill_in(question.text, arguments)
    if isinstance(question, Draft):
        message = {"role": "user", "content": {"type": "text", "text": text}}
        sampling = {"messages": [message], "maxTokens": question.most_tokens}
        return Ask(question.key, _SAMPLE, sampling)
    missing = {name: shown for name, shown in question.fields.items() if name not in arguments}
    return Ask(question.key, _ELICIT, _form(text, missing))


def ask_confirmation(question: str, arguments: Mapping[str, Any]) -> Ask:
    """Write a question that asks for confirmation and shows the call's arguments."""
    shown = [f"{name}: {_show(value)}" for name, value in arguments.items()]
    if len(shown) > _MOST_SHOWN:
        shown[_MOST_SHOWN:] = [f"and {len(shown) - _MOST_SHOWN} more"]
    text = "\n".join([fill_in(question, arguments), *shown])
    return Ask("confirm", _ELICIT, _form(text, {}), needs_state=True)


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


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    # Written on one line, so that a value can't imitate another part of the question.
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
