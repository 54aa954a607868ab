"""deploy/kubernetes fits the schemas of Kubernetes, the services, and what its comments promise."""

import re
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from auth_server.settings import AuthServerSettings
from gatepost.settings import ServiceSettings
from gatepost_cli.main import main
from mcp_gateway.settings import McpGatewaySettings

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
BASE, EXAMPLE = FOLDER / "base", FOLDER / "example"
FILES = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
OBJECTS: list[dict[str, Any]] = [
    document for name in FILES for document in yaml.safe_load_all((BASE / name).read_text())
]
VERSIONS = ("1.32", "1.37")
DELIVERY_SECONDS = 10
SERVERS: dict[str, type[ServiceSettings]] = {
    "auth-server": AuthServerSettings,
    "mcp-gateway": McpGatewaySettings,
}
SECRETS = {
    "GATEPOST_AUTH_SECRET_KEY": "5ee0" * 16,
    "GATEPOST_AUTH_DATABASE_URL": "postgresql+psycopg://gatepost:pa55@postgresql.example.com/gatepost",
    "GATEPOST_AUTH_REDIS_URL": "rediss://:pa55@redis.example.com:6379/0",
    "GATEPOST_MCP_REDIS_URL": "rediss://:pa55@redis.example.com:6379/0",
}


def named(kind: str, name: str) -> dict[str, Any]:
    """Find an object."""
    [found] = [one for one in OBJECTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """The specification of the pods of each workload."""
    workloads = [one for one in OBJECTS if one["kind"] in {"Deployment", "Job"}]
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in workloads}


def container_of(name: str) -> dict[str, Any]:
    """The only container of a workload."""
    [container] = pods()[name]["containers"]
    found: dict[str, Any] = container
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_every_object_without_unknown_fields(version: str) -> None:
    assert len(OBJECTS) > 15
    for one in OBJECTS:
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schemas_notice_a_misspelt_field() -> None:
    wrong = {**OBJECTS[-1], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_a_pod_runs_without_root_capabilities_a_writable_root_and_an_account() -> None:
    namespace = named("Namespace", "gatepost")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in pods().items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }, name
        assert container_of(name)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "memory" in container_of(name)["resources"]["limits"], name


def test_the_base_names_no_secret_and_the_example_takes_them_from_files() -> None:
    assert not [one for one in OBJECTS if one["kind"] == "Secret"]
    mounted = {
        volume["secret"]["secretName"]
        for pod in pods().values()
        for volume in pod["volumes"]
        if "secret" in volume
    }
    example = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    made = {
        one["name"]: {Path(file).name for file in one["files"]}
        for one in example["secretGenerator"]
    }
    assert made.keys() == mounted == {"auth-server-secrets", "mcp-gateway-secrets"}
    assert set().union(*made.values()) == {*SECRETS, "signing-key.pem"}
    assert "/deploy/kubernetes/*/secrets/" in (FOLDER.parents[1] / ".gitignore").read_text()
    assert not [name for name in made["mcp-gateway-secrets"] if "SECRET_KEY" in name]
    images = {one["name"] for one in example["images"]}
    assert images == {container_of(name)["image"] for name in pods()}
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one["digest"]) for one in example["images"])
    assert not [one for one in example["images"] if "newTag" in one]
    targets = re.findall(
        r" AS (\w+)$", (FOLDER.parent / "docker/Dockerfile").read_text(), re.MULTILINE
    )
    assert {name.removeprefix("gatepost-").replace("-", "_") for name in images} <= set(targets)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of both servers, as they load them in their containers."""
    for name, value in SECRETS.items():
        (tmp_path / name).write_text(f"{value}\n")
    for name in SERVERS:
        for one in container_of(name)["env"]:
            value = one["value"].replace("/etc/gatepost", str(EXAMPLE))
            monkeypatch.setenv(one["name"], value.replace("/run/gatepost", str(tmp_path)))
    return {name: kind.load() for name, kind in SERVERS.items()}


def test_both_services_start_with_the_example_and_agree_on_every_address(
    settings: dict[str, Any],
) -> None:
    issuing, gateway = settings["auth-server"], settings["mcp-gateway"]
    [entry] = issuing.resources
    ports = {name: named("Service", name)["spec"]["ports"][0]["port"] for name in SERVERS}
    assert gateway.issuer == issuing.issuer
    assert entry.resource == gateway.resource
    assert gateway.authorization_server_url == f"http://auth-server:{ports['auth-server']}"
    inside = f"http://mcp-gateway:{ports['mcp-gateway']}/"
    assert entry.where_catalogue_is.startswith(inside)
    assert entry.where_gateway_keys_are.startswith(inside)
    rules = named("Ingress", "gatepost")["spec"]["rules"]
    hosts = {rule["http"]["paths"][0]["backend"]["service"]["name"]: rule["host"] for rule in rules}
    assert issuing.issuer == f"https://{hosts['auth-server']}"
    assert gateway.resource == f"https://{hosts['mcp-gateway']}/mcp"


@pytest.mark.parametrize("name", SERVERS)
def test_a_call_that_runs_while_a_pod_is_replaced_has_the_time_that_the_service_promises(
    name: str, settings: dict[str, Any]
) -> None:
    pod, container, own = pods()[name], container_of(name), settings[name]
    lame_duck = own.lame_duck("https://example.com")
    needs = lame_duck + own.finish_seconds + DELIVERY_SECONDS
    ready = container["readinessProbe"]

    assert pod["terminationGracePeriodSeconds"] >= needs
    assert lame_duck > ready["periodSeconds"] * ready["failureThreshold"] + ready["timeoutSeconds"]
    assert named("Deployment", name)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    paths = [
        container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "readiness", "liveness")
    ]
    assert paths == ["/startupz", "/readyz", "/livez"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert container["command"][-2:] == ["--port", str(ports["http"])]
    assert own.metrics_port == ports["metrics"]


@pytest.mark.parametrize("name", SERVERS)
def test_two_to_ten_pods_serve_and_a_drained_node_takes_one_at_a_time(name: str) -> None:
    scaler = named("HorizontalPodAutoscaler", name)["spec"]
    label = {"app.kubernetes.io/name": name}
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 10)
    assert scaler["scaleTargetRef"]["name"] == name
    assert "replicas" not in named("Deployment", name)["spec"]
    assert named("PodDisruptionBudget", name)["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": label},
    }
    assert named("Service", name)["spec"]["selector"] == label
    spread = {one["topologyKey"] for one in pods()[name]["topologySpreadConstraints"]}
    assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert named("Deployment", name)["spec"]["selector"] == {"matchLabels": label}
    assert named("Deployment", name)["spec"]["template"]["metadata"]["labels"] == label


def test_the_gateway_has_no_way_to_the_database_and_strangers_none_to_the_metrics() -> None:
    assert named("NetworkPolicy", "nothing")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    [who] = named("NetworkPolicy", "postgresql")["spec"]["podSelector"]["matchExpressions"]
    assert set(who["values"]) == {"auth-server", "events-worker", "migration"}
    everywhere = named("NetworkPolicy", "outside")["spec"]["egress"][-1]["ports"]
    assert {one["port"] for one in everywhere} == {443, 587}
    [reads] = named("NetworkPolicy", "metrics")["spec"]["ingress"]
    assert reads["from"] == [
        {"namespaceSelector": {"matchLabels": {"gatepost.io/reads": "metrics"}}}
    ]
    names = {name for name in pods()}
    for policy in (one for one in OBJECTS if one["kind"] == "NetworkPolicy"):
        for expression in policy["spec"]["podSelector"].get("matchExpressions", ()):
            assert set(expression["values"]) <= names


def test_servers_never_migrate_and_every_command_exists() -> None:
    for name in SERVERS:
        command: click.Command = main
        rest = container_of(name)["command"][1:]
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), rest.pop(0))
            assert found is not None, name
            command = found
        command.make_context("gatepost", rest)
    assert "--no-migrate" in container_of("auth-server")["command"]
    # The images of the others run their own commands.
    assert "command" not in container_of("migration")
    assert "command" not in container_of("events-worker")


def test_the_gateway_writes_its_spool_beside_a_key_that_it_can_not_change(
    settings: dict[str, Any],
) -> None:
    gateway = settings["mcp-gateway"]
    mounts = {one["mountPath"]: one for one in container_of("mcp-gateway")["volumeMounts"]}
    assert mounts[str(gateway.signing_key)]["subPath"] == "signing-key.pem"
    assert mounts[str(gateway.signing_key)]["readOnly"]
    assert not mounts[str(gateway.spool.parent)].get("readOnly")
