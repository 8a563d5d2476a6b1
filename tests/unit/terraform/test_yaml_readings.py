"""What fanout_tools.declarations.reading takes is to Terraform's yamldecode what it is to Python.

One ``terraform console`` reads a whole batch of files, which takes a fraction of a second and no network.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanout.errors import ManifestError
from fanout_tools.declarations.reading import read
from fanout_tools.deploy.terraform.binary import find_terraform
from scripts.paths import REPOSITORY

FACTS = json.loads(
    (REPOSITORY / "tests" / "unit" / "fanout_tools" / "declarations" / "readings.json").read_text(encoding="utf-8")
)
UNREADABLE = "unreadable"


def _terraform(files: Sequence[Path]) -> list[Any]:
    """What yamldecode makes of each file, as :func:`_written` calls them, or UNREADABLE."""
    folder = files[0].parent
    one = f'yamldecode(file("{folder}/${{number}}.yaml"))'
    asked = f"jsonencode([for number in range({len(files)}) : try(jsonencode({{ is = {one} }}), null)])"
    done = subprocess.run(
        [find_terraform(), "console"], cwd=folder, input=asked, capture_output=True, text=True, check=True, timeout=60
    )
    return [UNREADABLE if each is None else json.loads(each)["is"] for each in json.loads(json.loads(done.stdout))]


def _written(folder: Path, texts: Sequence[str]) -> list[Path]:
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return files


def _python(file: Path) -> object:
    try:
        return read(file)
    except ManifestError:
        return UNREADABLE


def _same(one: object, other: object) -> bool:
    """Equal, and of one kind: Python's own comparison takes True for 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def test_the_facts_are_terraforms(tmp_path: Path) -> None:
    """GIVEN the table that the unit tests go by WHEN Terraform reads it THEN it reads just so."""
    taken = [f"a: {text}\n" for text in FACTS["both read them alike"]]
    taken += [f"{text}: 1\n" for text in FACTS["as keys they are text to both"]]
    files = _written(tmp_path, taken)

    for file, text, terraforms in zip(files, taken, _terraform(files), strict=True):
        assert _same(read(file), terraforms), text


def test_nothing_is_refused_that_both_read_alike(tmp_path: Path) -> None:
    """GIVEN the scalars that are refused WHEN both sides read them as they stand THEN they differ."""
    texts = FACTS["the two read them differently"]
    files = _written(tmp_path, [f"a: {text}\n" for text in texts])

    for text, terraforms in zip(texts, _terraform(files), strict=True):
        try:
            pythons = yaml.safe_load(f"a: {text}\n")
        except (yaml.YAMLError, ValueError):
            pythons = None
        assert not _same(pythons, terraforms), text


NUMBERLIKE = st.text("0123456789+-._:eExXobTZ ", min_size=1, max_size=12).map(str.strip)
WORDS = st.sampled_from([*FACTS["both read them alike"], *FACTS["the two read them differently"]])
ANY = st.text("aeinNoOfFyYtTruxX~=<.!&*0123456789_-:", min_size=1, max_size=6)
DATES = st.from_regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?Z?)?", fullmatch=True)
# Terraform writes out 1e999999 in full, which takes it long and is refused here anyway.
SCALARS = st.one_of(NUMBERLIKE, WORDS, ANY, DATES).filter(lambda text: not re.search(r"[eE][-+]?[0-9]{4}", text))
SHAPES = st.sampled_from(
    [
        "a: {}\n",
        "{}: 1\n",
        "a: [{}]\n",
        "a:\n  - b: {}\n",
        "a: {{ b: {} }}\n",
        "a:\n  {}: b\n",
        "? {}\n: 1\n",
        "a: '{}'\n",
        'a: "{}"\n',
        "{}\n",
        "a: {} # why\n",
        "a: &x {}\nb: *x\n",
        "a: |\n  {}\n",
        "a: {}\n{}: 1\n",
        "a: [{}:]\n",
        "a: [{}: b]\n",
        "a: {{ {}:, x: 1}}\n",
        "a: {}\n  x\n",
    ]
)


@settings(
    max_examples=9, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.builds(lambda shape, text: shape.replace("{}", text).replace("{{", "{").replace("}}", "}"), SHAPES, SCALARS),
        min_size=80,
        max_size=120,
    )
)
def test_what_is_taken_is_to_both_the_same(tmp_path: Path, texts: list[str]) -> None:
    """GIVEN generated declarations WHEN both sides read them THEN Python refuses, or reads what Terraform reads."""
    files = _written(tmp_path, texts)

    for file, text, terraforms in zip(files, texts, _terraform(files), strict=True):
        pythons = _python(file)
        # What only Terraform refuses it refuses aloud, before anything is deployed.
        if pythons != UNREADABLE and terraforms != UNREADABLE:
            assert _same(pythons, terraforms), text
