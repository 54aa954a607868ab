"""Write a CycloneDX 1.6 document of the packages in an image: `sbom.py NAME REPORT`.

The report is what `pip install --report` writes, so each package has the hash of the file that pip
verified and installed. The packages of the base image are not in it.
"""

import json
import sys
from pathlib import Path
from typing import Any


def write_sbom(name: str, version: str, report: dict[str, Any]) -> dict[str, Any]:
    """Make the document.

    Args:
        name: of the image, such as `auth-server`.
        version: of Gatepost.
        report: pip's report of the installation.
    """
    image = f"gatepost-{name}"
    components = [_component(item) for item in report["install"]]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": image,
                "name": image,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": sorted(components, key=lambda component: str(component["bom-ref"])),
        "dependencies": [
            {"ref": image, "dependsOn": sorted(item["bom-ref"] for item in components)}
        ],
    }


def _component(item: dict[str, Any]) -> dict[str, Any]:
    name, version = item["metadata"]["name"], item["metadata"]["version"]
    hashes = item["download_info"]["archive_info"]["hashes"]
    place = f"pkg:pypi/{name.lower().replace('_', '-').replace('.', '-')}@{version}"
    component = {
        "type": "library",
        "bom-ref": place,
        "name": name,
        "version": version,
        "purl": place,
        "hashes": [{"alg": "SHA-256", "content": hashes["sha256"]}],
    }
    expression = item["metadata"].get("license_expression")
    if expression:
        component["licenses"] = [{"expression": expression}]
    return component


if __name__ == "__main__":
    _name, _report = sys.argv[1:]
    _version = next(Path("wheels").glob("gatepost-*.whl")).name.split("-")[1]
    json.dump(
        write_sbom(_name, _version, json.loads(Path(_report).read_text())), sys.stdout, indent=1
    )
