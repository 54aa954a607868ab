"""Files go in as multipart forms and come out byte for byte."""

from typing import Any

ACME = "/v1/orgs/org_acme"
BYTES = bytes(range(256)) * 4


def test_a_file_comes_back_byte_for_byte(orbit: Any) -> None:
    caller = orbit.through_gateway()
    path = f"{ACME}/tasks/tsk_1002/attachments"
    uploaded = caller.post(
        path, files={"file": ("draft.png", BYTES, "image/png")}, data={"note": "First draft"}
    )
    assert uploaded.status_code == 201, uploaded.text
    attachment = uploaded.json()
    assert (
        attachment
        | {
            "filename": "draft.png",
            "media_type": "image/png",
            "size": 1024,
            "note": "First draft",
            "uploaded_by": "usr_ada",
        }
        == attachment
    )
    assert caller.get(path).json()["items"] == [attachment]

    content = caller.get(f"{ACME}/attachments/{attachment['id']}/content")
    assert content.content == BYTES
    assert content.headers["content-type"] == "application/octet-stream"


def test_a_file_is_never_shown_under_its_own_type_or_name(ada: Any) -> None:
    name = "plan;é,filename=x.html"
    path = f"{ACME}/tasks/tsk_1002/attachments"
    uploaded = ada.post(path, files={"file": (name, b"<script>", "text/html")})
    assert uploaded.status_code == 201
    content = ada.get(f"{ACME}/attachments/{uploaded.json()['id']}/content")
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["x-content-type-options"] == "nosniff"
    disposition = "attachment; filename*=UTF-8''plan%3B%C3%A9%2Cfilename%3Dx.html"
    assert content.headers["content-disposition"] == disposition


def test_a_file_that_is_too_large_is_refused(ada: Any) -> None:
    path = f"{ACME}/tasks/tsk_1002/attachments"
    for size in (5 * 1024 * 1024 + 1, 6 * 1024 * 1024 + 1):
        refused = ada.post(path, files={"file": ("big", bytes(size))})
        assert refused.status_code == 413
        assert refused.json()["type"].endswith("/too-large")
    assert ada.get(path).json()["items"] == []


def test_an_upload_without_a_file_is_refused(ada: Any) -> None:
    path = f"{ACME}/tasks/tsk_1002/attachments"
    for content in ({"data": {"note": "x"}}, {"data": {"file": "x"}}, {"json": {"file": "x"}}):
        refused = ada.post(path, **content)
        assert refused.status_code == 422, refused.text
        assert [error["field"] for error in refused.json()["errors"]] == ["file"]


def test_a_broken_multipart_body_is_refused(ada: Any) -> None:
    refused = ada.post(
        f"{ACME}/tasks/tsk_1002/attachments",
        content=b"--x\r\nnonsense",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert refused.status_code in (400, 422)
    assert refused.headers["content-type"] == "application/problem+json"
