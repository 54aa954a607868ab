"""Read the webhooks of a manifest."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.resources import VARIABLE, Change, Webhook
from mcp_gateway.results.fields import parse_field


def read_events(source: Mapping[str, Any]) -> tuple[Webhook, ...]:
    """Read the webhooks of a manifest that matches the schema and has no `event_problems`."""
    resources = source.get("resources", {})
    return tuple(
        Webhook(
            name=name,
            signature=value.get("signature", "standard_webhooks"),
            header=value.get("header", "Stripe-Signature").lower(),
            type=parse_field(value.get("type", "type")),
            id=parse_field(value.get("id", "id")),
            tenant=parse_field(value["tenant"]),
            on={kind: _read_change(change, resources) for kind, change in value["on"].items()},
        )
        for name, value in source.get("events", {}).items()
    )


def event_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find resources and arguments of events that do not exist, each as `events.NAME.on.TYPE: …`."""
    resources = source.get("resources", {})
    for name, value in source.get("events", {}).items():
        for kind, change in value["on"].items():
            where = f"events.{name}.on.{kind}"
            if not change.keys() & {"updates", "list_changed"}:
                yield f"{where}: say what changes, with `updates` or `list_changed: true`"
            for resource, fields in change.get("updates", {}).items():
                given = resources.get(resource, {})
                if "tool" not in given:
                    yield f"{where}.updates.{resource}: there is no resource {resource} with a `tool`"
                elif set(fields) != set(VARIABLE.findall(given.get("uri", ""))):
                    names = ", ".join(VARIABLE.findall(given.get("uri", "")))
                    yield f"{where}.updates.{resource}: give a field for each of {names}"


def _read_change(value: Mapping[str, Any], resources: Mapping[str, Any]) -> Change:
    return Change(
        updates=tuple(
            (resources[name]["uri"], {key: parse_field(place) for key, place in fields.items()})
            for name, fields in value.get("updates", {}).items()
        ),
        data_scope={
            kind: parse_field(place) for kind, place in value.get("data_scope", {}).items()
        },
        lists=value.get("list_changed", False),
    )
