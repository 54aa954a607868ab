"""The shape of the product's folders, as docs/architecture.md describes it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from support.markdown import ROOT

MOST_MODULES = 16


def packages() -> Iterator[tuple[Path, int, int]]:
    """Every package of the product, with its modules and the packages inside it, counted."""
    product = (ROOT / "services", ROOT / "shared", ROOT / "deploy")
    for marker in sorted(path for root in product for path in root.rglob("__init__.py")):
        folder = marker.parent
        modules = [path for path in folder.glob("*.py") if path != marker]
        yield folder.relative_to(ROOT), len(modules), len(list(folder.glob("*/__init__.py")))


def test_the_packages_are_found() -> None:
    found = {folder.name for folder, _, _ in packages()}
    assert {"auth_server", "mcp_gateway", "gatepost", "gatepost_cli", "demo_saas"} <= found


def test_no_folder_has_more_modules_than_one_subject_needs() -> None:
    assert [str(folder) for folder, modules, _ in packages() if modules > MOST_MODULES] == []


def test_no_folder_holds_a_single_module() -> None:
    single = [str(folder) for folder, modules, inner in packages() if modules == 1 and not inner]
    assert single == []


def test_no_layer_lets_folders_import_each_other() -> None:
    """`a : b` in a layers contract allows a cycle between both; `a | b` does not."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    layers = [layer for entry in contracts for layer in entry.get("layers", ())]
    assert len(layers) > 20
    assert [layer for layer in layers if ":" in layer] == []
