"""Documents of several files, which are read as one."""

from pathlib import Path

import pytest

from gatepost.document import parse_document
from mcp_gateway.documents.fetch import FetchError, fetch_public
from mcp_gateway.openapi.argument_builder import Unimportable
from mcp_gateway.openapi.arguments import import_operation
from mcp_gateway.openapi.document import OpenApiDocument, load_openapi, read_openapi


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "main.yaml"


MAIN = """
openapi: 3.1.0
paths:
  /tasks: {$ref: paths/tasks.yaml}
  /whole: {$ref: "./paths/whole.json#/items"}
"""
TASKS = """
post:
  requestBody:
    content:
      application/json:
        schema: {$ref: "../schemas/task.yaml"}
"""
TASK = """
type: object
properties:
  title: {$ref: "#/$defs/Title"}
  parent: {$ref: task.yaml}
  owner: {$ref: "../main.yaml#/x-person"}
$defs: {Title: {type: string, maxLength: 9}}
"""


def split(folder: Path) -> OpenApiDocument:
    return load_openapi(
        write(
            folder,
            main_yaml=MAIN + "x-person: {type: string, format: email}\n",
            paths__tasks_yaml=TASKS,
            paths__whole_json='{"items": {"get": {}}}',
            schemas__task_yaml=TASK,
        )
    )


def test_files_below_the_documents_folder_read_as_one_document(tmp_path: Path) -> None:
    document = split(tmp_path)
    assert [op.key for op in document.operations] == ["POST /tasks", "GET /whole"]
    properties = import_operation(document, document.operations[0]).properties
    schema = document.schemas.publish({"type": "object", "properties": dict(properties)})
    assert schema["properties"]["title"]["maxLength"] == 9
    assert schema["properties"]["owner"]["format"] == "email"
    assert schema["properties"]["parent"]["$ref"] == "#/$defs/task"


def test_several_files_are_stored_as_one_equal_document(tmp_path: Path) -> None:
    document = split(tmp_path)
    again = read_openapi(parse_document(document.content))
    assert [op.key for op in again.operations] == [op.key for op in document.operations]
    assert import_operation(again, again.operations[0]).operation == (
        import_operation(document, document.operations[0]).operation
    )


def test_a_single_file_is_stored_unchanged(tmp_path: Path) -> None:
    main = write(tmp_path, main_yaml="openapi: 3.1.0\npaths: {}\n")
    assert load_openapi(main).content == main.read_bytes()


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("../secret.yaml", "outside the document's folder"),
        ("/etc/passwd", "outside the document's folder"),
        ("%2e%2e/secret.yaml", "outside the document's folder"),
        ("link.yaml", "outside the document's folder"),
        ("gone.yaml", "can't be read"),
        ("bad.yaml", "not valid YAML"),
        ("http://localhost/x.yaml", "not on the list"),
        ("https://other.example/x.yaml#/a", "not on the list"),
        ("file:///etc/passwd", "can't be read|outside"),
    ],
)
def test_a_reference_to_elsewhere_loses_only_its_operation(
    tmp_path: Path, ref: str, reason: str
) -> None:
    (tmp_path / "secret.yaml").write_text("get: {}")
    folder = tmp_path / "api"
    main = write(
        folder,
        main_yaml=f"openapi: 3.1.0\npaths:\n  /good: {{get: {{}}}}\n  /bad: {{$ref: '{ref}'}}\n",
    )
    write(folder, bad_yaml="a: [")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    document = load_openapi(main)
    assert [op.key for op in document.operations] == ["GET /good"]
    assert [place for place, _ in document.unreadable] == ["/bad"]
    assert any(part in document.unreadable[0][1] for part in reason.split("|"))


def test_a_listed_host_is_asked_and_its_own_references_lead_on(tmp_path: Path) -> None:
    asked: list[str] = []
    there = {
        "https://specs.example/a/item.yaml": b"get: {parameters: [{$ref: 'parts.yaml#/page'}]}",
        "https://specs.example/a/parts.yaml": b"page: {name: page, in: query}",
    }

    def fetch(url: str) -> bytes:
        asked.append(url)
        return there[url]

    ref = "https://specs.example/a/item.yaml"
    main = write(tmp_path, main_yaml=f"openapi: 3.1.0\npaths:\n  /x: {{$ref: '{ref}'}}\n")
    document = load_openapi(main, allowed_hosts=["specs.example"], fetch_ref=fetch)
    assert list(import_operation(document, document.operations[0]).properties) == ["page"]
    assert asked == list(there)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://[::1]:1/",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "http://0x7f000001/",
    ],
)
def test_a_reference_never_reaches_an_address_that_is_not_public(url: str) -> None:
    with pytest.raises(FetchError, match=r"not public|can't be reached"):
        fetch_public(url)


def test_one_operation_that_cannot_be_resolved_leaves_the_rest(tmp_path: Path) -> None:
    body = "{content: {application/json: {schema: {$ref: gone.yaml}}}}"
    main = write(
        tmp_path,
        main_yaml=f"openapi: 3.1.0\npaths:\n  /x: {{post: {{requestBody: {body}}}, get: {{}}}}\n",
    )
    document = load_openapi(main)
    get, post = document.operations
    assert import_operation(document, get).operation.method == "GET"
    with pytest.raises(Unimportable, match=r"gone.yaml.*can't be read"):
        import_operation(document, post)


@pytest.mark.parametrize("version", ['openapi: "3.0.3"', 'swagger: "2.0"'])
def test_an_operation_in_a_file_of_its_own_keeps_its_parameters(
    tmp_path: Path, version: str
) -> None:
    main = write(
        tmp_path,
        main_yaml=f"{version}\npaths: {{$ref: paths.yaml}}\n",
        paths_yaml='/pets/{id}: {get: {$ref: "ops/get.yml", summary: here}, put: {$ref: gone.yml}}',
        ops__get_yml='operationId: getPet\nparameters: {$ref: "both.yml#/x"}',
        ops__both_yml="""
            x: [{name: id, in: path, required: true, type: integer, schema: {type: integer}},
                {name: full, in: query, type: boolean, schema: {type: boolean}}]
        """,
    )
    document = load_openapi(main)
    imported = import_operation(document, document.find("getPet"))
    assert imported.properties == {"id": {"type": "integer"}, "full": {"type": "boolean"}}
    [(key, reason)] = document.unreadable
    assert key == "PUT /pets/{id}"
    assert "gone.yml" in reason


def test_references_in_place_of_lists_and_maps_are_followed(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main_yaml="""
            openapi: 3.1.0
            components: {$ref: parts.yaml}
            security: [{key: []}]
            paths:
              /a:
                post:
                  parameters: [{name: k, in: query, schema: {}}]
                  requestBody: {content: {$ref: "parts.yaml#/bodies"}}
                  responses: {$ref: "parts.yaml#/answers"}
        """,
        parts_yaml="""
            securitySchemes: {$ref: "#/schemes"}
            schemes: {key: {type: apiKey, in: query, name: k}}
            bodies: {application/json: {schema: {type: object, properties: {$ref: "#/fields"}}}}
            fields: {title: {type: string}, size: {type: integer}}
            answers: {"200": {content: {text/csv: {}}}}
        """,
    )
    document = load_openapi(main)
    imported = import_operation(document, document.operations[0])
    assert imported.properties == {"title": {"type": "string"}, "size": {"type": "integer"}}
    assert imported.operation.responses == {"200": ("text/csv",)}
