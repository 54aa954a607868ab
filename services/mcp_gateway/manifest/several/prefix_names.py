"""The names of a manifest's tools, prompts and resources beside those of other APIs."""

import re
from dataclasses import replace

from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.prompts import ListedValues, Prompt
from mcp_gateway.manifest.entries import ToolEntry
from mcp_gateway.manifest.load import Manifest
from mcp_gateway.manifest.read_resources import usual_uri
from mcp_gateway.named_tools import prefix_tools

_SEPARATORS = re.compile(r"[^a-z0-9]+")


def prefix_names(manifest: Manifest, api: Api) -> Manifest:
    """Put the API's prefix before every name, and every tool into the toolset of the API's name."""

    def prefixed(name: str) -> str:
        return api.prefix + name

    def located(name: str, uri: str) -> str:
        return usual_uri(prefixed(name)) if uri == usual_uri(name) else uri

    def listed(source: ListedValues) -> ListedValues:
        return replace(source, tool=prefixed(source.tool))

    # Names of skills have no underscores.
    hyphenated = _SEPARATORS.sub("-", api.prefix.lower()).strip("-")
    hyphenated += "-" if hyphenated else ""
    spelled = {entry.name for entry in manifest.tools if entry.expose}
    spelled |= {former.name for entry in manifest.tools for former in entry.former}

    def renamed(text: str) -> str:
        return prefix_tools(text, spelled, api.prefix)

    def tool(entry: ToolEntry) -> ToolEntry:
        other, app = entry.lifecycle.replaced_by, entry.app
        if app is not None:
            row, submit = app.row and prefixed(app.row), app.submit and prefixed(app.submit)
            app = replace(app, row=row, submit=submit)
        return replace(
            entry,
            name=prefixed(entry.name),
            api=api.name,
            prefix=api.prefix,
            toolsets=(*(entry.toolsets or ()), api.name),
            lifecycle=replace(entry.lifecycle, replaced_by=other and prefixed(other)),
            former=tuple(replace(one, name=prefixed(one.name)) for one in entry.former),
            app=app,
            task=entry.task and entry.task.prefixed(api.prefix),
            composite=entry.composite and entry.composite.prefixed(api.prefix),
        )

    def prompt(one: Prompt) -> Prompt:
        return replace(
            one,
            name=prefixed(one.name),
            attach=tuple(map(prefixed, one.attach)),
            tools=tuple(map(prefixed, one.tools)),
            description=renamed(one.description),
            text=renamed(one.text),
            arguments=tuple(
                replace(argument, listed=argument.listed and listed(argument.listed))
                for argument in one.arguments
            ),
        )

    return replace(
        manifest,
        api=api.name,
        prefix=api.prefix,
        tools=tuple(map(tool, manifest.tools)),
        prompts=tuple(map(prompt, manifest.prompts)),
        resources=tuple(
            replace(one, name=prefixed(one.name), uri=located(one.name, one.uri))
            for one in manifest.resources
        ),
        templates=tuple(
            replace(
                one,
                name=prefixed(one.name),
                tool=prefixed(one.tool),
                listed={name: listed(source) for name, source in one.listed.items()},
            )
            for one in manifest.templates
        ),
        webhooks=tuple(replace(one, name=prefixed(one.name)) for one in manifest.webhooks),
        skills=tuple(
            replace(
                one,
                name=hyphenated + one.name,
                description=renamed(one.description),
                body=renamed(one.body),
                tools=tuple(map(prefixed, one.tools)),
            )
            for one in manifest.skills
        ),
    )
