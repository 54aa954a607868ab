"""Apps in Chromium whose answers, hosts and people are not as the documents say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, expect

from support.browsers.app_hosts import AppHost, open_host, text_error
from support.browsers.tour import running_chromium
from support.in_process.apps import MANIFEST, load_manifest, page_of, result_of, task, tasks

pytestmark = pytest.mark.whole_machine

# A form of another method than PATCH, which sends the whole record.
PUT_FORM = MANIFEST.replace("submit: update_task}", "submit: create_task}")
LOST = 9007199254740993
"""A whole number that JavaScript can't hold."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of each app, by the tool's name."""
    catalogue = load_manifest(tmp_path_factory.mktemp("apps"))
    return {name: page_of(catalogue, name) for name in ("list_tasks", "get_task", "create_task")}


@pytest.fixture(scope="module")
def opened_host(chromium: Browser) -> Iterator[AppHost]:
    """A host for this module, because the official packages take seconds to load."""
    with open_host(chromium) as opened:
        opened.page.context.set_default_timeout(5000)
        yield opened


@pytest.fixture
def host(opened_host: AppHost) -> AppHost:
    """A host of which no app has called anything."""
    opened_host.calls.clear()
    return opened_host


def press(app: FrameLocator, name: str) -> None:
    """Press the button with this name, with the keyboard."""
    button = app.get_by_role("button", name=name, exact=True)
    button.focus()
    button.press("Enter")


def row_of(app: FrameLocator, label: str) -> Any:
    """Return the line of a card with this label."""
    return app.locator("dl > div").filter(has=app.get_by_text(label, exact=True)).locator("dd")


def test_values_of_other_kinds_than_documented_are_shown_as_they_are(
    host: AppHost, pages: dict[str, str]
) -> None:
    odd = [
        task(1, due_on="2026-99-99", title=None, labels=[["a"], {"b": [None]}]),
        task(2, due_on="292278-13-01", title={"nested": {"deeper": []}}, status=7),
        None,
        "a text",
        [1, 2],
        {"__proto__": {"title": "made"}, "constructor": "x"},
    ]
    app = host.open(pages["list_tasks"], result=tasks(*odd))  # type: ignore[arg-type]
    expect(app.get_by_role("rowheader")).to_have_count(len(odd))
    expect(app.get_by_role("table")).to_contain_text("2026-99-99")
    expect(app.get_by_role("table")).not_to_contain_text("Invalid")
    expect(app.get_by_role("table")).not_to_contain_text("made")


def test_a_row_whose_id_is_withheld_an_object_or_inexact_is_not_opened(
    host: AppHost, pages: dict[str, str]
) -> None:
    ids: list[Any] = [{"$ne": ""}, ["tsk_1"], "[redacted]", "", LOST, "tsk_6"]
    rows = [task(n, id=one) for n, one in enumerate(ids, 1)]
    app = host.open(pages["list_tasks"], result=tasks(*rows))
    expect(app.get_by_role("rowheader")).to_have_count(len(ids))
    expect(app.get_by_role("rowheader").get_by_role("button")).to_have_text(["Task 6"])


def test_an_answer_that_can_not_be_read_does_not_leave_the_app_loading(
    host: AppHost, pages: dict[str, str]
) -> None:
    for content in ([None], "text", [{"type": "text", "text": "[]"}], []):
        app = host.open(pages["list_tasks"])
        host.page.evaluate(
            """result => document.getElementById('sandbox').contentWindow.postMessage(
              { jsonrpc: '2.0', method: 'ui/notifications/tool-result', params: result }, '*')""",
            {"content": content},
        )
        expect(app.locator("main")).to_contain_text("another form than expected")
        expect(app.locator("#status")).to_have_text("")


def test_an_answer_to_a_form_with_any_names_is_shown_once_it_was_sent(
    host: AppHost, pages: dict[str, str]
) -> None:
    app = host.open(
        pages["create_task"],
        arguments={"title": "Plan", "project_id": "p"},
        result=text_error("again"),
    )
    many = {f"field_{n}": n for n in range(5000)}
    host.answer = lambda _: result_of({"": 1, "__proto__": 2, **many})
    press(app, "Create a task")
    expect(app.get_by_role("status")).to_contain_text("Done.")
    assert app.locator("dl > div").count() <= 40


def test_a_long_list_and_long_cells_stay_usable(host: AppHost, pages: dict[str, str]) -> None:
    rows = [task(n, title=f"Task {n}") for n in range(5000)]
    rows[0]["title"] = "x" * 100_000
    app = host.open(pages["list_tasks"], result=tasks(*rows))
    expect(app.get_by_role("status")).to_contain_text("5000 entries")
    expect(app.get_by_role("status")).to_contain_text("only the first 1000 are shown")
    assert app.get_by_role("row").count() == 1001
    assert len(app.get_by_role("rowheader").first.inner_text()) < 2000


def test_what_a_person_writes_survives_a_change_of_the_hosts_language(
    host: AppHost, pages: dict[str, str]
) -> None:
    app = host.open(pages["list_tasks"], result=tasks(task(1)))
    press(app, "Create a task")
    app.get_by_label("Title").fill("Written by hand")
    host.change(locale="de-DE", timeZone="Europe/Berlin", theme="dark")
    expect(app.locator("html")).to_have_attribute("lang", "de-DE")
    expect(app.get_by_label("Title")).to_have_value("Written by hand")


def test_an_opened_record_stays_open_when_the_host_changes_its_language(
    host: AppHost, pages: dict[str, str]
) -> None:
    app = host.open(pages["list_tasks"], result=tasks(task(1)))
    host.answer = lambda _: result_of(task(1))
    press(app, "Task 1")
    expect(app.get_by_role("heading", name="Task", exact=True)).to_be_visible()
    host.change(locale="de-DE", timeZone="UTC")
    press(app, "Zurück")
    expect(app.get_by_role("rowheader")).to_have_text(["Task 1"])
    expect(app.get_by_role("status")).to_have_text("1 Eintrag")


def test_a_withheld_or_untouched_value_is_never_written_back_a370(
    host: AppHost, tmp_path: Path
) -> None:
    """A form that replaces the whole record sends what it read, and nothing that stands for a value."""
    page = page_of(load_manifest(tmp_path, PUT_FORM), "get_task")
    shown = task(
        1,
        title="  Two  spaces ",
        description="[redacted]",
        labels=["[redacted]", "b"],
        estimate=13,
    )
    app = host.open(page, arguments={"task_id": "tsk_1"}, result=result_of(shown))
    press(app, "Create a task")
    expect(app.get_by_label("Description")).to_have_value("")
    expect(app.get_by_label("Labels")).to_have_value("")
    expect(app.locator("main")).to_contain_text("withheld")
    host.answer = lambda _: result_of(shown)
    press(app, "Create a task")
    expect(app.get_by_role("status")).to_contain_text("Done.")
    sent = host.calls[0]["arguments"]
    assert "[redacted]" not in str(sent)
    assert sent["title"] == "  Two  spaces "


def test_a_record_that_was_cut_is_not_offered_to_be_replaced_a370(
    host: AppHost, tmp_path: Path
) -> None:
    cut = {**result_of(task(1)), "_meta": {"gatepost/truncated": {}}}
    page = page_of(load_manifest(tmp_path, PUT_FORM), "get_task")
    app = host.open(page, arguments={"task_id": "tsk_1"}, result=cut)
    expect(app.get_by_role("status")).to_contain_text("too long")
    expect(app.get_by_role("button")).to_have_count(0)


def test_numbers_are_read_as_the_person_writes_them(host: AppHost, pages: dict[str, str]) -> None:
    def type_estimate(app: FrameLocator, label: str, text: str) -> None:
        app.get_by_label("Estimate").fill(text)
        press(app, label)

    refused: dict[str, Any] = {
        "arguments": {"title": "T", "project_id": "p"},
        "result": text_error("again"),
    }
    for locale, wrong in (
        ("de-DE", ("1.000", "0x10", "1e")),
        ("en-GB", ("1,5", "0x10", str(LOST))),
    ):
        app = host.open(pages["create_task"], locale=locale, **refused)
        for text in ("many", *wrong):
            type_estimate(app, "Create a task", text)
            expect(app.get_by_label("Estimate")).to_have_attribute("aria-invalid", "true")
    app = host.open(pages["create_task"], locale="de-DE", **refused)
    host.answer = lambda _: result_of(task(1))
    type_estimate(app, "Create a task", "12")
    expect(app.get_by_role("status")).to_have_text("Erledigt.")
    assert [call["arguments"]["estimate"] for call in host.calls] == [12]


def test_an_edit_empties_only_what_can_be_empty(host: AppHost, pages: dict[str, str]) -> None:
    app = host.open(pages["get_task"], arguments={"task_id": "tsk_1"}, result=result_of(task(1)))
    press(app, "Change the task")
    for label in ("Title", "Priority"):
        field = app.get_by_label(label)
        field.select_option(value="") if label == "Priority" else field.fill("")
        press(app, "Change the task")
        expect(field).to_have_attribute("aria-invalid", "true")
    assert host.calls == []


def test_a_long_value_without_spaces_stays_within_a_narrow_page(
    host: AppHost, pages: dict[str, str]
) -> None:
    long = "w" * 300
    host.page.set_viewport_size({"width": 320, "height": 800})
    wide = task(1, title=long, status=long, labels=[long, "x"], team=long)
    for name, result in (("list_tasks", tasks(wide)), ("get_task", result_of(wide))):
        app = host.open(pages[name], result=result)
        expect(app.locator("table, dl")).to_be_visible()
        frame = host.page.frames[-1]
        assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        # Nor is anything cut off inside of the region that scrolls.
        assert frame.evaluate(
            "[...document.querySelectorAll('.scroll')].every(one => one.scrollWidth <= one.clientWidth)"
        ), name
    host.page.set_viewport_size({"width": 1280, "height": 800})


def test_an_own_cursor_of_the_api_is_no_next_page(host: AppHost, pages: dict[str, str]) -> None:
    for cursor in ("", False, {"a": 1}):
        result = tasks(task(1))
        result["structuredContent"]["nextCursor"] = cursor
        app = host.open(pages["list_tasks"], result=result)
        expect(app.get_by_role("rowheader")).to_have_text(["Task 1"])
        expect(app.get_by_role("button", name=re.compile("page"))).to_have_count(0)


def test_a_host_that_never_answers_does_not_lock_the_app(
    host: AppHost, pages: dict[str, str]
) -> None:
    host.page.clock.install()
    app = host.open(pages["list_tasks"], result=tasks(task(1), following="x"))
    host.page.evaluate(
        "() => { bridge.oncalltool = () => new Promise(done => { window.late = done }) }"
    )
    press(app, "Next page")
    expect(app.get_by_role("main")).to_have_attribute("aria-busy", "true")
    host.page.clock.run_for(20_000)
    press(app, "Stop waiting")
    expect(app.get_by_role("alert")).to_contain_text("may still be done")
    expect(app.get_by_role("button", name="Next page")).to_be_enabled()
    late = tasks(task(9, title="Late"))
    host.page.evaluate("late => window.late(late)", late)
    host.change(locale="de-DE", timeZone="UTC")
    expect(app.get_by_role("rowheader")).to_have_text(["Task 1"])
