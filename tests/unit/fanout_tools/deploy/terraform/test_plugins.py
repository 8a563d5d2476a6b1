import io
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fanout_tools.deploy.terraform import PluginSourceError
from fanout_tools.deploy.terraform.plugins import PluginSource, choose_source, registry_answers, usual_places


def reachable() -> bool:
    return True


def unreachable() -> bool:
    return False


def unasked() -> bool:
    raise AssertionError("the registry was asked although a mirror was named")


def test_a_named_mirror_wins_without_asking_the_registry(mirror: Path) -> None:
    source = choose_source({"TF_PLUGIN_MIRROR": str(mirror)}, registry=unasked, places=[])

    assert source == PluginSource(mirror=mirror)


def test_a_named_mirror_without_the_provider_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(PluginSourceError, match=r"TF_PLUGIN_MIRROR is .*terraform providers mirror"):
        choose_source({"TF_PLUGIN_MIRROR": str(tmp_path)}, registry=unasked, places=[])


def test_a_reachable_registry_is_preferred_to_a_mirror_that_was_not_asked_for(mirror: Path) -> None:
    assert choose_source({}, registry=reachable, places=[mirror]).mirror is None


def test_without_the_registry_the_first_place_with_the_provider_is_taken(tmp_path: Path, mirror: Path) -> None:
    empty = tmp_path / "empty/registry.terraform.io/hashicorp/aws"
    empty.mkdir(parents=True)
    places = [tmp_path / "missing", tmp_path / "empty", mirror, tmp_path / "later"]

    assert choose_source({}, registry=unreachable, places=places).mirror == mirror


def test_with_neither_the_error_names_the_variable_to_set(tmp_path: Path) -> None:
    with pytest.raises(PluginSourceError, match=r"does not answer.*set TF_PLUGIN_MIRROR"):
        choose_source({}, registry=unreachable, places=[tmp_path])


def test_the_documented_implied_mirrors_come_first() -> None:
    places = list(usual_places({"HOME": "/home/dev", "XDG_DATA_HOME": "/data", "XDG_DATA_DIRS": "/a:/b"}))

    assert places[0] == Path("/home/dev/.terraform.d/plugins")
    assert places[2:5] == [Path(f"{base}/terraform/plugins") for base in ("/data", "/a", "/b")]
    assert Path("/opt") in places


def test_a_mirror_in_a_folder_of_home_is_found(tmp_path: Path) -> None:
    mirror = tmp_path / "plugins"
    (mirror / "registry.terraform.io/hashicorp/aws/5.100.0").mkdir(parents=True)

    assert mirror in list(usual_places({"HOME": str(tmp_path)}))


def test_a_mirror_is_written_as_the_only_installation_method() -> None:
    text = PluginSource(mirror=Path('/with "quotes"')).cli_configuration(Path("/cache"))

    assert 'filesystem_mirror {\n    path = "/with \\"quotes\\""' in text
    assert "plugin_cache_dir" not in text


def test_downloads_from_the_registry_are_kept_in_the_cache() -> None:
    assert 'plugin_cache_dir = "/cache"' in PluginSource(mirror=None).cli_configuration(Path("/cache"))


@pytest.mark.parametrize(
    ("answer", "reached"),
    [(b'{"providers.v1": "/v1/providers/"}', True), (b"<html>Log in to the hotel network</html>", False)],
)
def test_only_a_real_discovery_document_counts_as_the_registry(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, reached: bool
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda _url, **_: io.BytesIO(answer))

    assert registry_answers() is reached


def test_a_registry_that_cannot_be_reached_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> io.BytesIO:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)

    assert not registry_answers()
