"""A declaration is read as Terraform reads it, or refused; the facts are Terraform's, see test_yaml_readings."""

import json
import time
from pathlib import Path

import pytest

from fanout.errors import ManifestError
from fanout_tools.declarations import reading, web
from fanout_tools.declarations.reading import differs, read

FACTS = json.loads(Path(__file__).with_name("readings.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", FACTS["both read them alike"])
def test_what_both_read_alike_is_taken(text: str) -> None:
    assert not differs(text)


@pytest.mark.parametrize("text", FACTS["the two read them differently"])
def test_what_the_two_read_differently_is_refused(text: str) -> None:
    assert differs(text)


@pytest.mark.parametrize("text", FACTS["as keys they are text to both"])
def test_a_key_that_is_text_to_both_is_taken(text: str) -> None:
    assert not differs(text, key=True)


@pytest.mark.parametrize("text", FACTS["as keys the two read them differently"])
def test_a_key_that_is_not_text_is_refused(text: str) -> None:
    assert differs(text, key=True)


MARKS = "Python and Terraform read this differently; put it in quotation marks"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a:\n  - b: [1, y]\n", [f"line 2: y: {MARKS}"]),
        ("a: 1\n12:30: x\n", [f"line 2: 12:30: {MARKS}"]),
        ("a: 012\nb: 1e3\n", [f"line 1: 012: {MARKS}", f"line 2: 1e3: {MARKS}"]),
        (
            "a: !!int '1'\n",
            ["line 1: Terraform reads tags in another way; leave the tag out, quotation marks make a text"],
        ),
        (
            'a: "\\ud83d\\ude00"\n"\\udc00": 1\n',
            [
                f"line {line}: Terraform refuses the escape of half a character; write the character itself"
                for line in (1, 2)
            ],
        ),
        ("%YAML 1.2\n---\na: 1\n", ["line 1: Terraform reads directives in another way; leave the line out"]),
        (
            "a: &x {b: 1}\nc: {b: 2, <<: *x}\n",
            ["line 2: <<: Terraform merges mappings in another way; write out what is to be merged"],
        ),
        ("a: &x b\n*x : 2\n", ["line 1: b: Terraform takes no alias for a key; write the key out"]),
        (
            "? &k a\n: 1\nb: *k\n",
            ["line 1: Terraform does not follow an alias to here; write out what it stands for"],
        ),
        ("a: &r [*r]\n", ["line 1: Terraform does not follow an alias to here; write out what it stands for"]),
        (
            "a: [b:]\n",
            ["line 1: Terraform takes a colon before a bracket or comma for text; write what stands after it"],
        ),
        ("a: |\n\n", ['line 1: Terraform reads an empty block of text as null; write ""']),
        ("a: 1\na: 2\n", ["a: is written twice, again at line 2; keep one"]),
    ],
)
@pytest.mark.parametrize("libyaml", [True, False])
def test_each_place_is_named(
    text: str, problems: list[str], *, libyaml: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a declaration with something in it that Terraform reads in another way, and PyYAML with or without libyaml
    if not libyaml:
        monkeypatch.setattr(reading, "LIBYAML", None)
    file = tmp_path / "services" / "probe" / "worker.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")

    # WHEN it is read
    with pytest.raises(ManifestError) as refused:
        read(file)

    # THEN the file, the line and what to write are told, for each
    assert str(refused.value).splitlines() == [f"services/probe/worker.yaml: {problem}" for problem in problems]


def test_quotation_marks_and_aliases_of_values_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "worker.yaml"
    file.write_text('a: \'y\'\n"012": "1e3"\nb: &x [1, off]\nc: *x\nd: |\n  012\n', encoding="utf-8")

    assert read(file) == {"a": "y", "012": "1e3", "b": [1, False], "c": [1, False], "d": "012\n"}


def test_a_web_functions_declaration_is_read_in_the_same_way(tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("description: 2024-01-01\n", encoding="utf-8")

    with pytest.raises(ManifestError, match="line 1: 2024-01-01: Python and Terraform read this differently"):
        web.WebManifest.load(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: " + "[" * 600 + "\n", "nested too deeply; is a bracket not closed?"),
        ("a: " + "[" * 90_000 + "]" * 90_000 + "\n", "nested too deeply; is a bracket not closed?"),
        ("a: " + "9" * 5_000 + "\n", "Exceeds the limit"),
    ],
    ids=["brackets", "more brackets", "digits"],
)
def test_what_python_cannot_read_is_refused_in_a_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "worker.yaml"
    file.write_text(text)

    with pytest.raises(ManifestError) as raised:
        read(file)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_long_row_of_digits_is_judged_at_once() -> None:
    """GIVEN a plain text of 20,000 digits and a letter WHEN compared THEN the time does not grow with its square."""
    begun = time.process_time()

    assert not differs("0" * 20_000 + "x")

    assert time.process_time() - begun < 1
