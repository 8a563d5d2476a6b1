"""declarations.worker says of every case what its expected.txt says; Terraform's side is tests/unit/terraform."""

from pathlib import Path

import pytest

from fanout.errors import ManifestError
from fanout_tools.declarations import worker as manifest

CASES = sorted(path.parent for path in Path(__file__).parent.glob("manifest_cases/*/expected.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_is_told_as_expected(case: Path) -> None:
    # GIVEN the events that the case declares, or the repository does
    own = case / "schemas"
    schemas = (own if own.is_dir() else Path(__file__).with_name("schemas")).glob("*/*.json")
    events = [f"{schema.parent.name}/{schema.name.partition('.v')[0]}" for schema in schemas]

    # WHEN the case's workers are read
    try:
        manifest.load_all(case / "services", events=events)
        told = []
    except ManifestError as error:
        told = sorted(str(error).splitlines())

    # THEN just what is expected is said of them
    assert told == (case / "expected.txt").read_text(encoding="utf-8").splitlines()
