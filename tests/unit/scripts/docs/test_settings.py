"""Settings as a table."""

from pydantic import BaseModel, Field

from scripts.docs.settings import table


class Settings(BaseModel):
    port: int = Field(80, ge=0, le=99, description="Where it listens; 0 any.")
    access_log: bool = Field(False, description="A line a request.")
    names: list[str] = Field([], description="Known <names>.")
    key: str


def test_a_setting_is_an_environment_variable_where_it_has_a_prefix() -> None:
    assert table(Settings, prefix="APP_").splitlines()[3:] == [
        "| `APP_PORT` | integer, 0 to 99 | `80` | Where it listens; 0 any. |",
        "| `APP_ACCESS_LOG` | boolean | `False` | A line a request. |",
        "| `APP_NAMES` | list of string | none | Known &lt;names>. |",
        "| `APP_KEY` | string | **required** |  |",
    ]


def test_without_a_prefix_it_is_a_key() -> None:
    assert table(Settings).splitlines()[3].startswith("| `port` |")
