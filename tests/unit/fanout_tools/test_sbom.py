"""Bills of materials: valid CycloneDX, the same for the same content, and true of what a package holds."""

import json
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from fanout_tools import sbom
from fanout_tools.sbom import Component, document, in_zip, installed

SCHEMA = json.loads(Path(__file__).with_name("cyclonedx-1.6.json").read_text(encoding="utf-8"))
VERSION = metadata.version("fanout-bus")


def valid(bill: Any) -> Any:
    Draft7Validator(SCHEMA, format_checker=FormatChecker()).validate(bill)
    return bill


def header(name: str, version: str, *lines: str) -> str:
    return "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines, "", "Name: of the text"])


def package(path: Path, **headers: str) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, text in headers.items():
            zipped.writestr(f"python/{name}.dist-info/METADATA", text)
        zipped.writestr("python/code.py", "")
    return path


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: MIT AND Apache-2.0", "License: other"], {"expression": "MIT AND Apache-2.0"}),
        (["Classifier: License :: OSI Approved :: MIT License"], {"license": {"name": "MIT"}}),
        (["Classifier: License :: OSI Approved", "License: x"], {"license": {"name": "OSI Approved"}}),
        (["License: Apache License 2.0"], {"license": {"name": "Apache License 2.0"}}),
        ([f"License: {'text of a licence ' * 9}"], {"license": {"name": "unknown"}}),
        ([], {"license": {"name": "unknown"}}),
    ],
)
def test_a_distribution_is_told_with_its_licence(tmp_path: Path, lines: list[str], licence: Any) -> None:
    [found] = in_zip(package(tmp_path / "layer.zip", one=header("Typing_Extensions", "1.0", *lines)))

    told = valid(document("layer.zip", [found]))["components"]

    purl = "pkg:pypi/typing-extensions@1.0"
    base = {"type": "library", "name": "Typing_Extensions", "version": "1.0", "purl": purl}
    assert told == [{**base, "bom-ref": "Typing_Extensions@1.0", "licenses": [licence]}]


def test_a_functions_package_holds_fanouts_own(tmp_path: Path) -> None:
    path = tmp_path / "worker.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("fanout/__init__.py", "")
        zipped.writestr("services/x/handler.py", "")
    assert in_zip(path) == [Component("fanout", VERSION, "MIT", expression=True)]


def test_a_bill_lies_beside_its_package_and_changes_with_it_alone(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    path = package(tmp_path / "layers" / "painter.zip", one=header("pillow", "12.0", "License-Expression: MIT-CMU"))
    bill = sbom.write(path, tmp_path)
    first = bill.read_text(encoding="utf-8")

    assert bill == tmp_path / "layers" / "painter.cdx.json"
    told = valid(json.loads(first))
    assert told["metadata"]["component"]["name"] == "layers/painter.zip"
    assert told["dependencies"] == [{"ref": "layers/painter.zip", "dependsOn": ["pillow@12.0"]}]
    assert sbom.write(path, tmp_path).read_text(encoding="utf-8") == first
    package(path, one=header("pillow", "12.1"))
    assert json.loads(sbom.write(path, tmp_path).read_text())["serialNumber"] != told["serialNumber"]


def test_the_licences_of_all_packages_are_listed_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        sbom.write(package(tmp_path / f"{name}.zip", one=header("orjson", "3.1", "License-Expression: MIT")), tmp_path)
    assert list(sbom.read(tmp_path)) == [
        {"name": "orjson", "version": "3.1", "licence": "MIT", "packages": "one.zip, two.zip"}
    ]


def test_an_environment_tells_its_own_bill() -> None:
    """As the router's image does, of which nothing but the standard library is used."""
    root = Path(sbom.__file__).parents[1]
    code = f"import sys, runpy; sys.path.append({str(root)!r}); sys.argv = ['sbom', 'fanout-router']; "
    program = code + "runpy.run_module('fanout_tools.sbom', run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)

    bill = valid(json.loads(done.stdout))

    assert bill["metadata"]["component"] == {"type": "container", "bom-ref": "fanout-router", "name": "fanout-router"}
    names = {it["name"] for it in bill["components"]}
    assert {"fanout-bus", "httptools", "prometheus_client"} <= names
    assert {it.name for it in installed()} == names
