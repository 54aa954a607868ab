"""Tool names: verb first, legal, unique, the same at every import."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.allowed_tools import TOOL_NAME
from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.naming import LONGEST, name_operation, name_operations


def found(key: str, operation_id: str | None = None, summary: str = "") -> FoundOperation:
    method, _, path = key.partition(" ")
    return FoundOperation(method, path, operation_id, summary, "", (), False, {}, {})


@pytest.mark.parametrize(
    ("key", "operation_id", "name"),
    [
        ("GET /tasks", "listTasks", "list_tasks"),
        ("GET /x", "issues/list-for-repo", "list_issues_for_repo"),
        ("GET /x", "users.get", "get_users"),
        ("GET /x", "Projects.GetHTTPStatus", "get_projects_http_status"),
        ("GET /x", "get_user__by_id", "get_user_by_id"),
        ("GET /orgs/{org_id}/tasks", "list_tasks_orgs__org_id__tasks_get", "list_tasks"),
        ("GET /tasks", None, "list_tasks"),
        ("GET /tasks/{id}", None, "get_task"),
        ("POST /api/v1/tasks", None, "create_task"),
        ("PUT /tasks/{id}", None, "replace_task"),
        ("PATCH /tasks/{id}", None, "update_task"),
        ("DELETE /companies/{id}/branches/{b}", None, "delete_company_branch"),
        ("POST /tasks/{id}/close", None, "close_task"),
        ("GET /status", None, "get_status"),
        ("GET /me", None, "get_me"),
        ("GET /", None, "get_root"),
        ("GET /tasks", "一覧", "list_tasks"),
    ],
)
def test_a_name_says_what_the_operation_does(key: str, operation_id: str | None, name: str) -> None:
    assert name_operation(found(key, operation_id)) == name


@pytest.mark.parametrize(
    ("key", "operation_id", "summary", "name"),
    [
        ("POST /v1/account_links", "PostAccountLinks", "", "create_account_link"),
        (
            "POST /v1/accounts/{account}",
            "PostAccountsAccount",
            "Update an account",
            "update_account",
        ),
        ("GET /v1/accounts/{account}", "GetAccountsAccount", "", "get_account"),
        ("GET /v1/accounts", "GetAccounts", "List all accounts", "list_accounts"),
        ("POST /v1/invoices/{invoice}/pay", "PostInvoicesInvoicePay", "", "pay_invoice"),
        ("GET /stores/{storeId}/users", "get-stores-storeId-users", "", "list_store_users"),
        ("GET /users/{id}", "usersIdGet", "", "get_user"),
        ("GET /users", "UsersController_findAll", "", "list_users"),
        ("POST /accounts/get", "accountsGet", "", "get_accounts"),
        ("POST /link/token/create", "linkTokenCreate", "", "create_link_token"),
        ("POST /containers/{id}/stop", "ContainerStop", "Stop a container", "stop_container"),
        ("GET /users/", "users_list", "", "list_users"),
        ("GET /users/{id}/", "users_retrieve", "", "get_user"),
        ("PATCH /users/{id}/", "users_partial_update", "", "update_user"),
        ("POST /issues", "issues/create", "Create an issue", "create_issue"),
        ("POST /gists/{id}/star", None, "Star a gist", "star_gist"),
        ("GET /a/Messages.json", "ListMessage", "", "list_messages"),
        ("PUT /tasks/{id}", None, "Update a task", "update_task"),
        ("DELETE /tasks/{id}/tags/{tag}", None, "Remove a tag", "remove_task_tag"),
        ("POST /search", None, "Search tasks", "search_tasks"),
        ("POST /chat.postMessage", "chat_postMessage", "Sends a message", "post_chat_message"),
        ("GET /apps/{id}/config", "apps_get_config", "", "get_app_config"),
        ("DELETE /load_balancers/{id}", "loadBalancers_delete", "", "delete_load_balancer"),
        ("DELETE /repos/{r}/issues/{n}/lock", "issues/unlock", "", "unlock_issue"),
        ("GET /cards/{idCard}/board", "getCardsBoardByIdCard", "", "get_card_board"),
        ("PUT /cards/{idCard}/name", "updateCardsNameByIdCard", "", "update_card_name"),
        ("GET /account", "getAccount", "Account View", "get_account"),
        ("PUT /lke/pools/{id}", "putLKEPool", "Update a pool", "update_lke_pool"),
        ("POST /a/{id}/b", "Recipients_PostTemplateTabs", "", "create_recipients_template_tabs"),
        ("PUT /a/{id}/screen", "updateScreenUsingPUT_1", "", "update_screen"),
        ("POST /apps", "createOAuth2App", "", "create_oauth2_app"),
        ("GET /x/{workspace}", None, "List repositories", "list_x"),
        ("POST /runs/{id}/re-run", "actions/re-run-workflow", "", "rerun_actions_workflow"),
        ("DELETE /devices/{id}", "deleteADevice", "", "delete_device"),
        ("GET /ips", "reservedIPs_list", "", "list_reserved_ips"),
        ("GET /teams/{id}/users", "getUsersForTeam", "", "list_users_for_team"),
        ("GET /search.messages", "search_messages", "", "search_messages"),
        ("GET /circuits/circuit-types/", None, "", "list_circuit_types"),
        ("POST /v2/orders", "OrdersControllerV2_create", "Create order", "create_order"),
        ("DELETE /v2/orders/{id}", "OrdersV2Controller_remove", "", "remove_order"),
        ("GET /orgs/{org}/hooks", "orgListHooks", "List the webhooks", "list_org_hooks"),
        ("GET /comments/{id}", "issueGetComment", "Get a comment", "get_issue_comment"),
        ("DELETE /orgs/{o}/members/{m}", "orgDeleteMember", "Remove it", "delete_org_member"),
        ("GET /v1/{name=users/*}", "UserService_GetUser", "", "get_user"),
        ("GET /v1/users", "UserService_ListUsers", "", "list_users"),
        ("POST /projects/bulk-delete", "bulkDelete", "", "delete_bulk_projects"),
        ("POST /projects/delete", "projects_delete", "Delete projects", "delete_projects"),
        ("POST /projects/delete", "projects_delete", "Delete a project", "delete_project"),
        ("POST /lists/{id}", "UpdateSyncList", "Sync a list", "update_sync_list"),
        ("POST /pushes/unregister/{id}", None, "Unregister it", "unregister_pushes_unregister"),
        ("POST /invites", "invite", "Invite people", "create_invite"),
    ],
)
def test_a_machines_id_gives_way_to_method_path_and_summary(
    key: str, operation_id: str, summary: str, name: str
) -> None:
    assert name_operation(found(key, operation_id, summary)) == name


def test_names_that_tools_have_stay_theirs() -> None:
    operations = [found("GET /tasks"), found("GET /people", "listTasks")]
    kept = {"GET /tasks": "all_tasks", "hand_made": "list_tasks"}
    named = name_operations(operations, kept)
    assert named == {"GET /tasks": "all_tasks", "GET /people": "list_people"}


def test_a_name_that_is_taken_gives_way_to_the_path_and_then_to_a_suffix() -> None:
    first, second, third = (found(f"GET /{path}", "listAll_things") for path in ("a", "b", "B"))
    names = name_operations([first, second, third])
    assert names["GET /a"] == "list_all_things"
    assert names["GET /b"] == "get_b"
    assert names["GET /B"].startswith("list_all_things_")
    assert name_operations([first, found("GET /c"), second])["GET /b"] == names["GET /b"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]),
            st.text(max_size=90) | st.from_regex(r"([a-z{}/:.-]{1,9}){1,9}", fullmatch=True),
            st.text(max_size=90) | st.from_regex(r"([A-Za-z]{1,9}[_/.-]?){1,5}", fullmatch=True),
        ),
        max_size=12,
        unique_by=lambda triple: triple[:2],
    )
)
def test_any_operations_get_legal_and_unique_names(operations: list[tuple[str, str, str]]) -> None:
    named = name_operations([found(f"{m} /{path}", id_ or None) for m, path, id_ in operations])
    assert len(set(named.values())) == len(operations)
    assert named == name_operations(
        [found(f"{m} /{path}", id_ or None) for m, path, id_ in operations]
    )
    assert all(TOOL_NAME.fullmatch(name) and len(name) <= LONGEST for name in named.values())
