"""The manifest for Kubernetes: what the router reads of it is valid, and the times and ports in it fit each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fanout_router.config import RouterSettings, control_address

MANIFEST = Path(__file__).parents[3] / "router" / "kubernetes.yaml"
POD_IP = "10.0.3.7"


@pytest.fixture
def parts() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text())}


@pytest.fixture
def container(parts: dict[str, Any]) -> Any:
    (found,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture
def settings(container: Any, monkeypatch: pytest.MonkeyPatch) -> RouterSettings:
    """The settings that the pod's environment gives, as the kubelet expands it."""
    for variable in container["env"]:
        if variable["name"].startswith("DISPATCH_"):
            monkeypatch.setenv(variable["name"], variable["value"].replace("$(POD_IP)", POD_IP))
    return RouterSettings.load()


def test_environments_call_the_pod_that_invoked_them(settings: RouterSettings, container: Any) -> None:
    (address,) = (each for each in container["env"] if each["name"] == "POD_IP")
    assert address["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
    assert control_address(settings, settings.control_port) == f"https://{POD_IP}:{settings.control_port}"


def test_ports_are_those_that_the_router_listens_on(settings: RouterSettings, container: Any) -> None:
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": settings.port, "admin": settings.admin_port, "control": settings.control_port}
    assert (settings.host, settings.admin_host, settings.control_host) == ("0.0.0.0",) * 3
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == "admin"


def test_a_pod_has_time_to_drain(settings: RouterSettings, parts: dict[str, Any]) -> None:
    sleep = 5
    assert (
        parts["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        >= settings.drain_s + sleep + 10
    )


def test_every_part_means_the_same_pods(parts: dict[str, Any], container: Any) -> None:
    deployment = parts["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert parts["Service"]["spec"]["selector"] == labels
    assert parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert deployment["template"]["spec"]["serviceAccountName"] == parts["ServiceAccount"]["metadata"]["name"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/control", "/tmp"} <= mounted
