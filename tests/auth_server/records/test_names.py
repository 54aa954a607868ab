"""Whatever APIs a gateway has over time, a granted name opens the tool of the API that was shown."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from auth_server.records.catalogues.names import follow_names, keep_own, note_apis
from gatepost.catalogue import CatalogueDocument, ToolSummary, prove_renames

NAMES, APIS = ("get", "list", "pay"), ("billing", "orbit", "shop")
Served = Mapping[str, str]
"""The API of each name that a gateway has at one time."""


def document(served: Served) -> CatalogueDocument:
    tools = (
        ToolSummary(
            name=name,
            title=f"{name} of {api}",
            description="Does something.",
            scope="mcp:read",
            read_only=True,
            destructive=False,
            bounds=(),
            api=api,
        )
        for name, api in served.items()
    )
    return CatalogueDocument(resource="r", name="Orbit", hash="0", tools=tuple(tools))


def follow(history: list[Served]) -> list[CatalogueDocument]:
    """Each document with what the authorization server adds."""
    found = [document(history[0])]
    for served in history[1:]:
        after = document(served)
        after = after.model_copy(update={"renamed": prove_renames(after, found[-1])})
        taken, gone = follow_names(after, found[-1])
        found.append(after.model_copy(update={"taken": taken, "gone": gone}))
    return found


served = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(APIS))


@given(st.lists(served, min_size=1, max_size=6), st.data())
def test_a_granted_name_is_kept_exactly_while_its_api_has_it_a398(
    history: list[Served], data: st.DataObject
) -> None:
    documents = follow(history)
    last = len(history) - 1
    shown = data.draw(st.integers(0, last), label="the catalogue that a person saw")
    answered = data.draw(st.integers(shown, last), label="the newest one when they answered")
    used = data.draw(st.integers(answered, last), label="the newest one at a refresh")

    granted = history[shown]
    apis = note_apis(documents[shown], granted, documents[answered])
    kept = keep_own(granted, apis, documents[used].taken)

    answering = {name for name in granted if name in history[used]}
    assert kept & answering == {name for name in answering if granted[name] == history[used][name]}


@given(st.lists(served, min_size=1, max_size=6))
def test_what_is_told_of_names_is_true_and_no_more_than_needed(history: list[Served]) -> None:
    documents = follow(history)
    first: dict[str, str] = {}
    for one in history:
        first = {**one, **first}
    last, now = documents[-1], history[-1]

    assert last.gone == {name: api for name, api in first.items() if name not in now}
    assert last.taken == {
        name: (first[name], api) for name, api in now.items() if first[name] != api
    }


def test_a_gateway_with_one_api_notes_nothing_for_what_it_serves() -> None:
    alone = document(dict.fromkeys(NAMES, ""))
    (_, after) = follow([dict.fromkeys(NAMES, "")] * 2)

    assert (after.taken, after.gone) == ({}, {})
    assert note_apis(alone, NAMES, after) is None
