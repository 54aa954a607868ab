"""Apps of real documents: each is made or refused with a reason, and its page is written."""

import pytest

from mcp_gateway.catalogue.apps import View
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.importing.proposal import propose
from mcp_gateway.manifest.apps.make import AppEntry, add_apps
from mcp_gateway.openapi.document import load_openapi
from support.in_process.apps import data_of, page_of
from support.processes.openapi_corpus import sample_folder, sample_names

pytestmark = pytest.mark.whole_machine

VIEWS: tuple[View, ...] = ("table", "card", "form")
MOST_TOOLS = 40


def test_every_app_of_a_real_document_is_shown_or_refused_with_the_fix() -> None:
    shown = {view: 0 for view in VIEWS}
    for name in sample_names():
        document = load_openapi(sample_folder() / name)
        proposal = propose(document, name=name, bind={}, expose_all=True)
        tools = [proposed.tool for proposed in proposal.proposed[:MOST_TOOLS]]
        for view in VIEWS:
            apps = {tool.name: AppEntry(view) for tool in tools}
            added, problems = add_apps(tools, apps, document)
            assert all(": " in problem for problem in problems)
            catalogue = Catalogue.of(name, added)
            for tool in added:
                if tool.app is not None:
                    data = data_of(page_of(catalogue, tool.name))
                    assert data["fields"] or data["submit"]["tool"] == tool.name
                    shown[view] += 1
            assert len(problems) + sum(tool.app is not None for tool in added) == len(tools)
    assert shown["table"] > 300
    assert shown["card"] > 300
    assert shown["form"] > 1000
