"""An upstream that accepts idempotency keys gets one with every call, hidden from the model."""

import json
from pathlib import Path

from support.in_process.gateway import a_world

DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/payments": {
            "post": {
                "parameters": [
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "required": True,
                        "schema": {"type": "string"},
                    }
                ]
            }
        }
    },
}
MANIFEST = """
version: 1
name: Shop
openapi: openapi.json
tools:
  create_payment: {operation: POST /payments}
"""


async def test_every_call_carries_a_key_of_its_own_that_no_model_can_give(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "tools.yaml").write_text(MANIFEST)
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as world:
        for _ in range(2):
            assert not (await world.call("new", "create_payment")).get("isError")
        keys = [world.api.header("idempotency-key", request=number) for number in (0, 1)]
        assert all(keys)
        assert keys[0] != keys[1]
        given = {"Idempotency-Key": "mine"}
        assert (await world.call("new", "create_payment", given))["isError"]
        assert len(world.api.requests) == 2
