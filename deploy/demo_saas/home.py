"""The page at Orbit's address, and the health check."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orbit</title>
<style>
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1rem }
</style>
<h1>Orbit</h1>
<p>Projects, tasks and discussions of a company's teams, as a REST API.</p>
<p>This is a demo product with made-up companies. Programs read the
<a href="/openapi.json">OpenAPI document</a>; people can try the API in
<a href="/docs">its documentation</a>.</p>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/")
def read_home() -> HTMLResponse:
    """Show a page that describes Orbit."""
    return HTMLResponse(PAGE)


@router.get("/healthz")
def read_health() -> dict[str, str]:
    """Answer the health check."""
    return {"status": "ok"}
