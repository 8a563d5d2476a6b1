"""Zip files that depend on nothing but what is in them.

Lambda publishes a new version whenever the hash of a package changes, so that one input must always give the
same bytes: fixed order, times and modes, whatever the file system says.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["sha256", "write"]

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that the zip format knows."""

UNIX = 3
FILE_MODE = 0o100644
PROGRAM_MODE = 0o100755


def write(path: Path, entries: Mapping[str, bytes]) -> bool:
    """Write the zip file at once, so that nobody ever reads half of one.

    :param entries: what to pack, by its name in the archive.
    :returns: whether it differs from what was there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    with zipfile.ZipFile(draft, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(entries.items()):
            archive.writestr(_info(name, content), content)
    differs = not path.exists() or path.read_bytes() != draft.read_bytes()
    draft.replace(path)
    return differs


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _info(name: str, content: bytes) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=EARLIEST)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = UNIX
    info.external_attr = (PROGRAM_MODE if name.endswith(".so") or content.startswith(b"#!") else FILE_MODE) << 16
    return info
