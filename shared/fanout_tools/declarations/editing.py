"""Change a number in a ``worker.yaml`` and leave all else as it stands, comments too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fanout.errors import ManifestError
from fanout_tools.declarations.worker import Manifest, load

__all__ = ["edited", "write"]


def write(path: Path, changes: Mapping[tuple[str, str], int]) -> Manifest:
    """Set numbers, each by its section and key; what comes of it is read before it is kept.

    :raises ManifestError: the file is wrong, or would be; it stays as it was.
    """
    before = path.read_text(encoding="utf-8")
    text = before
    for (section, key), value in changes.items():
        text = edited(text, section, key, value)
    path.write_text(text, encoding="utf-8")
    try:
        manifest = load(path)
        for (section, key), value in changes.items():
            if getattr(getattr(manifest, section), key) != value:
                raise ManifestError(f"{path}: {section}.{key}: cannot be set to {value} here; write it by hand")
    except ManifestError:
        path.write_text(before, encoding="utf-8")
        raise
    return manifest


def edited(text: str, section: str, key: str, value: int) -> str:
    """The text with ``section.key`` set: where it stands, else as the section's first key, else in a section of its
    own."""
    found = re.search(rf"^{section}:[^\n]*(\n([ \t#][^\n]*)?(?=\n|\Z))*", text, re.MULTILINE)
    if found is None:
        return f"{text.rstrip()}\n{section}:\n  {key}: {value}\n"
    block = found[0]
    changed, count = re.subn(rf"(\b{key}:[ \t]*)\d+", rf"\g<1>{value}", block, count=1)
    if not count:
        head, line, rest = block.partition("\n")
        if "{" in head:
            changed = head.replace("{", f"{{{key}: {value}, ", 1) + line + rest
        else:
            changed = f"{head}\n  {key}: {value}{line}{rest}"
    return text[: found.start()] + changed + text[found.end() :]
