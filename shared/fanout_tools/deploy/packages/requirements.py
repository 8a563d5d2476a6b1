"""What functions need beside the code that is packed with them."""

from importlib import metadata

__all__ = ["of_fanout"]


def of_fanout(extra: str | None = None) -> list[str]:
    """The requirements of the installed fanout, or of one of its extras, without their conditions on extras."""
    mark = f'extra == "{extra}"'
    found = []
    for requirement in metadata.requires("fanout") or []:
        text, _, condition = requirement.partition(";")
        conditions = [part.strip(" ()") for part in condition.replace("'", '"').split(" and ")] if condition else []
        if (mark in conditions) if extra else not any(part.startswith("extra") for part in conditions):
            rest = " and ".join(part for part in conditions if part != mark)
            found.append(f"{text.strip()}; {rest}" if rest else text.strip())
    return found
