"""Reads a declaration's YAML as Terraform's ``yamldecode`` reads it, or refuses it.

PyYAML follows YAML 1.1, Terraform a mixture of 1.1 and 1.2: ``012`` is 10 here and 12 there, ``y`` a text here and
true there. A filter that Python has checked would be deployed as another. So what the two read in different ways is
refused; ``tests/unit/terraform/test_yaml_readings.py`` holds both sides together.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from fanout.errors import ManifestError

__all__ = ["differs", "named", "read"]

_ALIKE = re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]{1,15}|[-+]?[0-9]+\.[0-9]+|\.[0-9]+|0+[0-7]?")
"""Numbers that both sides read alike, in full."""

_TERRAFORM_ALONE = re.compile(
    r"[yYnN]|[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|0o[0-7]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"
)
"""What Terraform takes for a truth value, a number or a time; it may read some of them as PyYAML does, as text."""

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, as an escape writes it."""

_ENDS = (yaml.FlowEntryToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_STARTS = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSES = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_TEXT = "tag:yaml.org,2002:str"
_WORDS = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"}
_RESOLVER: Any = yaml.resolver.Resolver()
LIBYAML: Any = getattr(yaml, "CSafeLoader", None)
"""libyaml's; None where PyYAML was built without it."""
DEEPEST = 500
"""libyaml ends the process where brackets are nested tens of thousands deep."""


def read(path: Path) -> object:
    """What a declaration says, with no rule applied yet.

    :raises ManifestError: unreadable, not UTF-8, not YAML, or something in it that Terraform reads in another way: a
        line for each.
    """
    file = named(path)
    try:
        problems, said = _parsed(path.read_text(encoding="utf-8"))
        if problems:
            raise ManifestError("\n".join(f"{file}: {problem}" for problem in problems))
        return said
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read ({error.strerror}); every worker needs one") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" at line {place.line + 1}" if place else ""
        raise ManifestError(f"{file}: not YAML{line}; fix its syntax") from error
    except RecursionError as error:
        raise ManifestError(f"{file}: nested too deeply; is a bracket not closed?") from error
    except ValueError as error:  # a number of more digits than Python reads, a day that is none
        raise ManifestError(f"{file}: {error}") from error


def named(path: Path) -> str:
    """The file's name in errors: ``services/<folder>/<file>``."""
    return "/".join(path.parts[-3:])


def differs(text: str, *, key: bool = False) -> bool:
    """Whether Python and Terraform read the plain scalar ``text`` in different ways.

    :param key: it is a key: Terraform's are always text, so that any other reading differs.
    """
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    if key:
        return tag != _TEXT or _TERRAFORM_ALONE.fullmatch(text) is not None
    if tag in _WORDS or _ALIKE.fullmatch(text):
        return False
    return tag != _TEXT or _TERRAFORM_ALONE.fullmatch(text) is not None


def _parsed(text: str) -> tuple[list[str], object]:
    """What Terraform reads in another way, and what the text says if there is nothing of that kind.

    libyaml takes an eighth of the time, and Terraform's reader is a port of it. What it refuses goes through PyYAML's
    own parser, which takes more, so that a text says what to write instead.

    :raises yaml.YAMLError: it is not YAML.
    """
    if LIBYAML is not None:
        try:
            return _parsed_by(LIBYAML, text)
        except yaml.YAMLError:
            pass
    return _parsed_by(yaml.SafeLoader, text)


def _parsed_by(loader: Any, text: str) -> tuple[list[str], object]:
    problems = list(_token_problems(yaml.scan(text, Loader=loader)))
    reader = loader(text)
    try:
        root = reader.get_single_node()
        if root is not None:
            problems += _Walk().problems(root)
        return problems, None if problems or root is None else reader.construct_document(root)
    finally:
        reader.dispose()


def _token_problems(tokens: Iterable[yaml.Token]) -> Iterator[str]:
    for token, after in pairwise(_shallow(tokens)):
        line = token.start_mark.line + 1
        if isinstance(token, yaml.TagToken):
            yield f"line {line}: Terraform reads tags in another way; leave the tag out, quotation marks make a text"
        elif isinstance(token, yaml.DirectiveToken):
            yield f"line {line}: Terraform reads directives in another way; leave the line out"
        elif isinstance(token, yaml.ValueToken) and isinstance(after, _ENDS) and _touch(token, after):
            yield f"line {line}: Terraform takes a colon before a bracket or comma for text; write what stands after it"


def _shallow(tokens: Iterable[yaml.Token]) -> Iterator[yaml.Token]:
    """
    :raises RecursionError: they are nested too deeply.
    """
    depth = 0
    for token in tokens:
        depth += isinstance(token, _STARTS) - isinstance(token, _CLOSES)
        if depth > DEEPEST:
            raise RecursionError
        yield token


def _touch(token: yaml.Token, after: yaml.Token) -> bool:
    return bool(token.end_mark.index == after.start_mark.index)


class _Walk:
    """Through the nodes of one file."""

    def __init__(self) -> None:
        self.above: list[yaml.Node] = []
        self.keys: set[int] = set()
        """The nodes that are keys, by id: an alias is the node itself again."""
        self.seen: set[int] = set()

    def problems(self, node: yaml.Node) -> Iterator[str]:
        if node in self.above or id(node) in self.keys:
            yield f"{_line(node)}: Terraform does not follow an alias to here; write out what it stands for"
            return
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        self.above.append(node)
        if isinstance(node, yaml.MappingNode):
            yield from self._mapping(node)
        elif isinstance(node, yaml.SequenceNode):
            for each in node.value:
                yield from self.problems(each)
        elif isinstance(node, yaml.ScalarNode):
            yield from _scalar(node)
        self.above.pop()

    def _mapping(self, node: yaml.MappingNode) -> Iterator[str]:
        written: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from self._key(key, written)
            self.keys.add(id(key))
            yield from self.problems(value)

    def _key(self, key: yaml.ScalarNode, written: set[str]) -> Iterator[str]:
        if key.value == "<<":
            yield f"{_line(key)}: <<: Terraform merges mappings in another way; write out what is to be merged"
        elif id(key) in self.seen | self.keys:
            yield f"{_line(key)}: {key.value}: Terraform takes no alias for a key; write the key out"
        elif key.value in written:
            yield f"{key.value}: is written twice, again at {_line(key)}; keep one"
        else:
            yield from _scalar(key, key=True)
        written.add(key.value)


def _scalar(node: yaml.ScalarNode, *, key: bool = False) -> Iterator[str]:
    # Of a tagged scalar the tag is refused already; a plain one has the style None, or libyaml's "".
    if not node.style and differs(node.value, key=key):
        yield f"{_line(node)}: {node.value}: Python and Terraform read this differently; put it in quotation marks"
    elif _HALF.search(node.value):
        yield f"{_line(node)}: Terraform refuses the escape of half a character; write the character itself"
    elif node.style in ("|", ">") and not node.value:
        yield f'{_line(node)}: Terraform reads an empty block of text as null; write ""'


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
