"""What a caller sees of a catalogue, and what of it changes with another catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from gatepost.claims import AccessClaims
from gatepost.scopes import covers
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.resources import McpResource, McpResourceTemplate
from mcp_gateway.catalogue.tool import publish_tool
from mcp_gateway.server_features.apps import find_app, link_app
from mcp_gateway.server_features.prompts import allowed_prompts, describe_prompt
from mcp_gateway.server_features.resources import (
    allowed_templates,
    describe_resource,
    describe_template,
    find_resource,
)
from mcp_gateway.server_features.skills import allowed_skills, describe_skill

ListName = Literal["tools", "prompts", "resources"]
LISTS: tuple[ListName, ...] = ("tools", "prompts", "resources")


class CatalogueChange:
    """The difference of two catalogues, as each caller sees it."""

    def __init__(self, before: Catalogue, after: Catalogue, *, with_skills: bool) -> None:
        """Compare what does not depend on the caller; skills are resources, if they are served."""
        self._with_skills = with_skills
        self._before = before
        self._after = after
        self._tools = _differing(_published(before), _published(after))
        was, now = _by_uri(before), _by_uri(after)
        self.contents = _differing(
            *(_contents(catalogue, with_skills=with_skills) for catalogue in (before, after))
        )
        """The URIs of texts and files that were added, removed or changed."""
        self._resources = [describe_resource(one) for one in was.values()] != [
            describe_resource(one) for one in now.values()
        ]
        self._known: dict[frozenset[str], frozenset[ListName]] = {}

    def lists(self, caller: AccessClaims) -> frozenset[ListName]:
        """Return the lists that change for a caller."""
        allowed = caller.allowed_tools
        changed = self._known.get(allowed)
        if changed is None:
            tests = (self._tools_change, self._prompts_change, self._resources_change)
            changed = frozenset(
                name for name, changes in zip(LISTS, tests, strict=True) if changes(allowed)
            )
            self._known[allowed] = changed
        return changed

    def _tools_change(self, allowed: frozenset[str]) -> bool:
        searched = self._before.is_searched(allowed), self._after.is_searched(allowed)
        if any(searched):
            return not all(searched)  # the list of somebody who searches is always the same
        was, now = self._before.usable(allowed), self._after.usable(allowed)
        was, now = was & self._before.tools.keys(), now & self._after.tools.keys()
        return was != now or not now.isdisjoint(self._tools)

    def _prompts_change(self, allowed: frozenset[str]) -> bool:
        was, now = (
            [describe_prompt(prompt) for prompt in allowed_prompts(catalogue, allowed)]
            for catalogue in (self._before, self._after)
        )
        return was != now

    def _resources_change(self, allowed: frozenset[str]) -> bool:
        was, now = (
            [
                *map(describe_template, allowed_templates(catalogue, allowed)),
                *map(
                    describe_skill, allowed_skills(catalogue, allowed) if self._with_skills else ()
                ),
            ]
            for catalogue in (self._before, self._after)
        )
        return self._resources or was != now


def may_read(catalogue: Catalogue, caller: AccessClaims, uri: str, *, with_skills: bool) -> bool:
    """Tell whether the caller may read a resource, as far as that is known without reading it."""
    return (
        _is_document(catalogue, caller, uri, with_skills=with_skills)
        or any(_templates(catalogue, caller, uri))
        or find_app(catalogue, caller.allowed_tools, uri) is not None
    )


def _templates(
    catalogue: Catalogue, caller: AccessClaims, uri: str
) -> Iterator[McpResourceTemplate]:
    return (
        template
        for template in _callable_templates(catalogue, caller)
        if template.match(uri) is not None
    )


def _callable_templates(
    catalogue: Catalogue, caller: AccessClaims
) -> Iterator[McpResourceTemplate]:
    return (
        template
        for template in allowed_templates(catalogue, caller.allowed_tools)
        if template.tool in catalogue.tools
        and covers(caller.scopes, catalogue.tools[template.tool].scope)
    )


def watched_names(
    catalogue: Catalogue, caller: AccessClaims, uri: str, *, with_skills: bool
) -> frozenset[str]:
    """Return the names by which the gateway learns that a resource has changed, as events write them.

    None if the caller may not read it, or if the gateway never learns of it. A client may encode the
    values in a URI in other ways than an event does.
    """
    if _is_document(catalogue, caller, uri, with_skills=with_skills):
        return frozenset({uri})
    return frozenset(
        template.write(values)
        for template in _callable_templates(catalogue, caller)
        if template.uri_template in catalogue.told_templates
        and (values := template.match(uri)) is not None
    )


def may_list_again(catalogue: Catalogue, caller: AccessClaims, uris: Sequence[str]) -> bool:
    """Tell whether a change of the resources' list concerns a caller.

    It does if the caller may read one of the resources that changed with it or, if none is named, any
    record at all.
    """
    if not uris:
        return any(_callable_templates(catalogue, caller))
    return any(any(_templates(catalogue, caller, uri)) for uri in uris)


def can_change(catalogue: Catalogue, *, with_skills: bool) -> bool:
    """Tell whether there are resources of which the gateway learns when they change."""
    skills = with_skills and bool(catalogue.skills)
    return skills or bool(catalogue.resources) or bool(catalogue.told_templates)


def _is_document(
    catalogue: Catalogue, caller: AccessClaims, uri: str, *, with_skills: bool
) -> bool:
    return find_resource(catalogue, uri) is not None or (
        with_skills
        and any(skill.uri == uri for skill in allowed_skills(catalogue, caller.allowed_tools))
    )


def _contents(catalogue: Catalogue, *, with_skills: bool) -> dict[str, object]:
    files: dict[str, object] = {
        uri: (one.text, one.blob) for uri, one in _by_uri(catalogue).items()
    }
    skills = catalogue.skills.values() if with_skills else ()
    return files | {skill.uri: (skill.text, "") for skill in skills}


def _by_uri(catalogue: Catalogue) -> dict[str, McpResource]:
    return {resource.uri: resource for resource in catalogue.resources.values()}


def _published(catalogue: Catalogue) -> dict[str, object]:
    return {
        name: (publish_tool(tool), link_app(catalogue, tool))
        for name, tool in catalogue.tools.items()
    }


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> frozenset[str]:
    both = before.keys() & after.keys()
    return frozenset(before.keys() ^ after.keys()) | {
        name for name in both if before[name] != after[name]
    }
