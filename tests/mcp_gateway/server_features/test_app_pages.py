"""Apps in Chromium, in a host made of the official AppBridge: what people see and can do there."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, FrameLocator, expect

from support.browsers.app_hosts import AppHost, open_host, text_error
from support.browsers.axe import violations
from support.browsers.tour import running_chromium
from support.in_process.apps import MANIFEST, load_manifest, page_of, result_of, task, tasks

pytestmark = pytest.mark.whole_machine

EVIL = (
    "<img src=x onerror=stolen=1>",
    "</script><script>stolen=1</script>",
    "javascript:stolen=1",
    "https://collect.example/?q=1",
    '"><svg onload=stolen=1>',
)


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
        yield opened


@pytest.fixture
def host(opened_host: AppHost) -> AppHost:
    """A host of which no app has called anything."""
    opened_host.calls.clear()
    opened_host.asked.clear()
    return opened_host


def press(app: FrameLocator, name: str) -> None:
    """Press the button with this name, with the keyboard."""
    button = app.get_by_role("button", name=name, exact=True)
    button.focus()
    button.press("Enter")


def test_a_table_is_read_page_by_page_through_the_host(
    host: AppHost, pages: dict[str, str]
) -> None:
    first = tasks(task(1), task(2), following="p2")
    app = host.open(pages["list_tasks"], arguments={"team": "design"}, result=first)
    expect(app.get_by_role("table", name="Tasks")).to_be_visible()
    expect(app.get_by_role("columnheader")).to_have_text(
        ["Title", "Status", "Priority", "Due on", "Team", "Assignee"]
    )
    expect(app.get_by_role("row")).to_have_count(3)
    expect(app.get_by_role("status")).to_have_text("2 entries")

    host.answer = lambda _: tasks(task(3))
    press(app, "Next page")
    expect(app.get_by_role("status")).to_have_text("1 entry, page 2")
    expect(app.get_by_role("rowheader")).to_have_text(["Task 3"])
    expect(app.get_by_role("heading")).to_be_focused()
    host.answer = lambda _: first
    press(app, "Previous page")
    expect(app.get_by_role("rowheader")).to_have_text(["Task 1", "Task 2"])
    assert host.calls == [
        {"name": "list_tasks", "arguments": {"team": "design", "cursor": "p2"}},
        {"name": "list_tasks", "arguments": {"team": "design"}},
    ]


def test_a_row_opens_its_card_and_the_way_back_leads_to_the_row(
    host: AppHost, pages: dict[str, str]
) -> None:
    app = host.open(pages["list_tasks"], result=tasks(task(1), task(2)))
    host.answer = lambda _: result_of(task(2, description="Two\nlines"))
    press(app, "Task 2")
    expect(app.get_by_role("heading", name="Task")).to_be_focused()
    expect(app.get_by_role("definition").filter(has_text="Two")).to_have_text("Two\nlines")
    expect(app.locator("time").first).to_have_text("3 Dec 2026")
    press(app, "Back")
    expect(app.get_by_role("button", name="Task 2")).to_be_focused()
    assert host.calls == [{"name": "get_task", "arguments": {"task_id": "tsk_2"}}]


def test_an_edit_sends_only_what_was_changed(host: AppHost, pages: dict[str, str]) -> None:
    app = host.open(pages["list_tasks"], result=tasks(task(1)))
    host.answer = lambda call: (
        tasks(task(1)) if call["name"] == "list_tasks" else result_of(task(1))
    )
    press(app, "Task 1")
    press(app, "Change the task")
    press(app, "Change the task")
    expect(app.get_by_role("alert")).to_have_text("Nothing was changed, so nothing was sent.")
    app.get_by_label("Priority").select_option(label="urgent")
    app.get_by_label("Due on").fill("")
    app.get_by_label("Labels").fill("copy\n\nnew ")
    press(app, "Change the task")
    expect(app.get_by_role("heading", name="Task", exact=True)).to_be_focused()
    expect(app.get_by_role("status")).to_contain_text("Done.")
    sent = {"task_id": "tsk_1", "priority": "urgent", "due_on": None, "labels": ["copy", "new"]}
    assert host.calls[1:] == [
        {"name": "update_task", "arguments": sent},
        {"name": "get_task", "arguments": {"task_id": "tsk_1"}},
    ]
    press(app, "Back")
    expect(app.get_by_role("rowheader")).to_have_text(["Task 1"])
    assert host.calls[3:] == [{"name": "list_tasks", "arguments": {}}]


def test_a_refused_call_becomes_a_form_that_says_what_is_missing(
    host: AppHost, pages: dict[str, str]
) -> None:
    refused = text_error("project_id: missing")
    app = host.open(pages["create_task"], arguments={"title": "Plan"}, result=refused)
    expect(app.get_by_role("alert")).to_have_text("project_id: missing")
    expect(app.get_by_label("Title")).to_have_value("Plan")
    app.get_by_label("Estimate").fill("many")
    press(app, "Create a task")
    expect(app.get_by_role("alert")).to_have_text("Correct the marked fields.")
    expect(app.get_by_label("Project ID")).to_be_focused()
    expect(app.get_by_label("Project ID")).to_have_attribute("aria-invalid", "true")
    expect(app.get_by_text("Enter a number.")).to_be_visible()
    assert host.calls == []
    app.get_by_label("Estimate").fill("3")
    app.get_by_label("Project ID").fill("prj_website")
    host.answer = lambda _: result_of(task(7, title="Plan"))
    app.get_by_label("Project ID").press("Enter")
    expect(app.get_by_role("status")).to_have_text("Done.")
    expect(app.get_by_role("definition").filter(has_text="tsk_7")).to_be_visible()
    sent = {
        "project_id": "prj_website",
        "title": "Plan",
        "status": "todo",
        "priority": "medium",
        "estimate": 3,
    }
    assert host.calls == [{"name": "create_task", "arguments": sent}]


def test_an_error_of_a_call_is_told_and_leaves_the_form_as_it_was(
    host: AppHost, pages: dict[str, str]
) -> None:
    app = host.open(pages["create_task"], arguments={}, result=text_error("title: missing"))
    app.get_by_label("Title").fill("Plan")
    app.get_by_label("Project ID").fill("prj_x")
    host.answer = lambda _: text_error("There is no project prj_x.")
    press(app, "Create a task")
    expect(app.get_by_role("alert")).to_have_text("There is no project prj_x.")
    expect(app.get_by_label("Title")).to_have_value("Plan")
    expect(app.get_by_role("button", name="Create a task")).to_be_enabled()


def test_every_state_is_told_in_words(host: AppHost, pages: dict[str, str]) -> None:
    page = pages["list_tasks"]
    app = host.open(page)
    expect(app.get_by_role("status")).to_have_text("Loading …")
    app = host.open(page, result=tasks())
    expect(app.get_by_text("Nothing was found.")).to_be_visible()
    app = host.open(page, result=text_error("The answer was withheld."))
    expect(app.get_by_role("alert")).to_have_text("The answer was withheld.")
    app = host.open(page, cancelled="The person stopped it.")
    expect(app.get_by_role("alert")).to_contain_text("cancelled. The person stopped it.")
    cut = {**tasks(task()), "_meta": {"gatepost/truncated": {}}}
    app = host.open(page, result=cut)
    expect(app.get_by_role("status")).to_contain_text("too long")
    app = host.open(page, result=result_of({"other": 1}))
    expect(app.get_by_text("another form than expected")).to_be_visible()
    app = host.open(page, result=tasks(task(assignee="[redacted]")))
    expect(app.get_by_role("row").last).to_contain_text("withheld")
    app = host.open(page, result=tasks(task(), following="x"), capabilities={})
    expect(app.get_by_role("status")).to_contain_text("does not let it call tools")
    expect(app.get_by_role("button")).to_have_count(0)


def test_an_answer_without_structured_content_is_read_from_its_text(
    host: AppHost, pages: dict[str, str]
) -> None:
    result = {"content": tasks(task(5))["content"]}
    app = host.open(pages["list_tasks"], result=result)
    expect(app.get_by_role("rowheader")).to_have_text(["Task 5"])


def test_the_app_speaks_the_language_of_the_host_and_follows_its_theme(
    host: AppHost, pages: dict[str, str]
) -> None:
    listed = tasks(task(estimate=1300), following="x")
    variables = {"--color-text-primary": "rgb(1, 2, 3)"}
    app = host.open(
        pages["list_tasks"],
        result=listed,
        locale="de-AT",
        theme="dark",
        styles={"variables": variables},
    )
    expect(app.get_by_role("status")).to_have_text("1 Eintrag")
    expect(app.get_by_role("button", name="Nächste Seite")).to_be_visible()
    html = app.locator("html")
    expect(html).to_have_attribute("lang", "de-AT")
    expect(html).to_have_css("color-scheme", "dark")
    expect(app.locator("body")).to_have_css("color", "rgb(1, 2, 3)")
    host.change(locale="en-US", timeZone="UTC", theme="light")
    expect(app.get_by_role("status")).to_have_text("1 entry")
    expect(html).to_have_css("color-scheme", "light")


def test_nothing_of_an_answer_becomes_markup_or_is_run_a336(
    host: AppHost, pages: dict[str, str]
) -> None:
    wrong = [
        task(n, title=text, team=text, labels=[text], due_on=text) for n, text in enumerate(EVIL)
    ]
    app = host.open(pages["list_tasks"], arguments={"team": EVIL[0]}, result=tasks(*wrong))
    expect(app.get_by_role("rowheader")).to_have_text(list(EVIL))
    host.answer = lambda _: result_of(wrong[1] | {"description": EVIL[0]})
    press(app, EVIL[1])
    expect(app.get_by_role("definition").filter(has_text=EVIL[0])).to_be_visible()
    app = host.open(pages["get_task"], result=text_error(EVIL[0]))
    expect(app.get_by_role("alert")).to_have_text(EVIL[0])
    frame = host.page.frames[-1]
    assert frame.evaluate("typeof stolen") == "undefined"
    assert frame.evaluate("document.querySelectorAll('img, svg, a, iframe').length") == 0
    assert host.asked == []


def test_even_a_script_inside_of_a_page_sends_nothing_a337(
    host: AppHost, pages: dict[str, str]
) -> None:
    """The page's own policy holds in a host that sets none."""
    app = host.open(pages["list_tasks"], result=tasks(task()))
    expect(app.get_by_role("table")).to_be_visible()
    frame = host.page.frames[-1]
    tried = frame.evaluate(
        """async () => {
          const outcomes = [];
          outcomes.push(await fetch('https://collect.example/').then(() => 'sent', () => 'blocked'));
          try { document.body.innerHTML = '<img src="https://collect.example/i">'; outcomes.push('sent') }
          catch { outcomes.push('blocked') }
          const image = document.createElement('img');
          outcomes.push(await new Promise(done => {
            image.onload = () => done('sent');
            image.onerror = () => done('blocked');
            image.src = 'https://collect.example/i';
          }));
          const script = document.createElement('script');
          try { script.text = 'stolen = 1'; document.body.append(script) } catch { /* refused */ }
          outcomes.push(typeof stolen === 'undefined' ? 'blocked' : 'sent');
          return outcomes;
        }"""
    )
    assert tried == ["blocked"] * 4
    assert host.asked == []


def test_messages_of_another_frame_are_not_the_hosts_a338(
    host: AppHost, pages: dict[str, str]
) -> None:
    app = host.open(pages["list_tasks"], result=tasks(task(1)))
    expect(app.get_by_role("rowheader")).to_have_text(["Task 1"])
    forged = {
        "jsonrpc": "2.0",
        "method": "ui/notifications/tool-result",
        "params": tasks(task(9, title="Forged")),
    }
    # The host's page is another window than the sandbox, which is the app's parent.
    host.page.evaluate(
        "message => document.getElementById('sandbox').contentWindow.frames[0].postMessage(message, '*')",
        forged,
    )
    # What the host itself says arrives after the forged message.
    host.change(locale="de-DE", timeZone="UTC")
    expect(app.get_by_role("status")).to_have_text("1 Eintrag")
    expect(app.get_by_role("rowheader")).to_have_text(["Task 1"])
    expect(app.get_by_text("Forged")).to_have_count(0)


SHOWN = ("table", "card", "form", "wrong")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_axe_finds_nothing_in_any_view(chromium: Browser, tmp_path: Path) -> None:
    catalogue = load_manifest(tmp_path, MANIFEST)
    found: dict[str, list[str]] = {}
    with open_host(chromium, bypass_csp=True, reduced_motion="reduce") as host:
        for shown, width, scheme in product(SHOWN, (1280, 360), SCHEMES):
            host.page.set_viewport_size({"width": width, "height": 900})
            host.page.emulate_media(color_scheme=scheme)
            name = {"table": "list_tasks", "card": "get_task"}.get(shown, "create_task")
            result = {
                "table": tasks(task(1), task(2, title="A long title " * 9), following="x"),
                "card": result_of(task(1)),
            }.get(shown, text_error("title: missing"))
            app = host.open(page_of(catalogue, name), arguments={"task_id": "1"}, result=result)
            if shown == "wrong":
                press(app, "Create a task")
            expect(app.locator("table, dl, form")).to_be_visible()
            frame = host.page.frames[-1]
            found[f"{shown} at {width}, {scheme}"] = violations(frame)  # type: ignore[arg-type]
            assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert {where: what for where, what in found.items() if what} == {}
