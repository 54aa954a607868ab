"""How the titles of imported tools read on a consent page."""

import pytest

from mcp_gateway.openapi.document import read_openapi
from mcp_gateway.openapi.operation_titles import title_operation


@pytest.mark.parametrize(
    ("operation_id", "summary", "title"),
    [
        ("listTasks", "List Tasks", "List tasks"),
        ("list_tasks_v1_tasks_get", "List Tasks", "List tasks"),
        ("get_api_key", "Get Api Key", "Get API key"),
        ("exportCsvUrls", "Export Csv Urls", "Export CSV URLs"),
        ("runGraphQLQuery", "Run GraphQL Query", "Run GraphQL query"),
        ("get2FACodes", "Get 2FA Codes", "Get 2FA Codes"),  # a figure has no capital to lose
        ("listTasks", "List Tasks of Acme", "List Tasks of Acme"),  # written by a person
        ("listTasks", "List the tasks", "List the tasks"),
        (None, "List Tasks", "List Tasks"),
        ("listTasks", "", ""),
        ("获取客户", "获取客户", "获取客户"),
    ],
)
def test_a_summary_made_of_the_name_reads_as_a_sentence(
    operation_id: str | None, summary: str, title: str
) -> None:
    operation = {"summary": summary, "operationId": operation_id}
    document = read_openapi({"openapi": "3.1.0", "paths": {"/x": {"get": operation}}})
    assert title_operation(document.operations[0]) == title
