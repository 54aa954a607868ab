"""deploy/aws, as Terraform plans it with a mocked provider, fits the services and keeps its promises."""

import json
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from auth_server.db.engine import open_sync_engine
from auth_server.metrics.names import METRICS as OF_AUTH_SERVER
from auth_server.operational import router as auth_server_health
from auth_server.settings import AuthServerSettings
from gatepost.catalogue import CATALOGUE_PATH
from gatepost.revocations import LONGEST_WAIT
from gatepost.settings import ServiceSettings
from gatepost_cli.main import main
from mcp_gateway.auth.protected_resource import WELL_KNOWN
from mcp_gateway.metrics.names import METRICS as OF_GATEWAY
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.signing_key import load_signing_key
from support.markdown import fences, read
from support.processes.terraform import FOLDER, Outcome, Resource, terraform_test

DELIVERY_SECONDS = 10
"""What a process may take after `finish_seconds` (docs/health-and-stopping.md)."""
SERVERS: dict[str, type[ServiceSettings]] = {
    "auth-server": AuthServerSettings,
    "mcp-gateway": McpGatewaySettings,
}
MADE_UP = {
    "GATEPOST_AUTH_SECRET_KEY": "5ee0" * 16,
    "GATEPOST_AUTH_REDIS_URL": "rediss://:pa55@redis.example.com:6379/0",
    "GATEPOST_AUTH_STRIPE__SECRET_KEY": "sk_test_1",
    "GATEPOST_AUTH_STRIPE__WEBHOOK_SECRETS": '["whsec_1"]',
    "GATEPOST_MCP_REDIS_URL": "rediss://:pa55@redis.example.com:6379/0",
    "SMTP_PASSWORD": "pa55",
}
"""The values of secrets."""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Outcome:
    """The result of `terraform test`, once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    return terraform_test(base if worker_id == "master" else base.parent)


@pytest.fixture(scope="module")
def containers(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Every container of every kind of task, as `task/container`."""
    found = {}
    for task in of_kind(outcome, "aws_ecs_task_definition"):
        name = task.values["family"].removeprefix("gatepost-")
        for one in json.loads(task.values["container_definitions"]):
            found[f"{name}/{one['name']}"] = one
    return found


def of_kind(outcome: Outcome, kind: str) -> list[Resource]:
    """List the planned resources of a kind."""
    return [one for one in outcome.resources if one.kind == kind]


def only(outcome: Outcome, kind: str) -> dict[str, Any]:
    """Return the only planned resource of a kind."""
    [one] = of_kind(outcome, kind)
    return one.values


def secrets_of(container: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a container's secrets and the secrets' names."""
    given = container.get("secrets", ())
    return {one["name"]: one["valueFrom"].rpartition(":")[2] for one in given}


@pytest.fixture
def settings(
    containers: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The settings of both servers, as their containers load them with gatepost.yaml of the guide."""
    [config] = fences(read("docs/aws.md"), "yaml")
    (tmp_path / "gatepost.yaml").write_text(config)
    for name, value in MADE_UP.items():
        monkeypatch.setenv(name, value)
    for name in SERVERS:
        for one in containers[f"{name}/{name}"]["environment"]:
            monkeypatch.setenv(one["name"], one["value"])
    return {name: kind.load(tmp_path / "gatepost.yaml") for name, kind in SERVERS.items()}


def test_terraform_accepts_the_deployment_and_refuses_variables_that_can_not_be_right(
    outcome: Outcome,
) -> None:
    assert outcome.errors == ()
    assert set(outcome.runs.values()) == {"pass"}
    assert len(outcome.runs) == 3
    assert len(outcome.resources) > 100


def test_whoever_reads_a_task_definition_finds_no_secret(
    containers: dict[str, dict[str, Any]],
) -> None:
    assert "pa55word" not in json.dumps(containers)
    for name, one in containers.items():
        plain = {variable["name"] for variable in one.get("environment", ())}
        assert not {word for word in plain if re.search("SECRET|PASSWORD|REDIS_URL", word)}, name


def test_each_task_gets_only_the_secrets_of_its_settings(
    containers: dict[str, dict[str, Any]],
) -> None:
    of_auth_server = {
        "GATEPOST_AUTH_SECRET_KEY": "secret-key",
        "GATEPOST_AUTH_REDIS_URL": "redis-url",
        "GATEPOST_AUTH_STRIPE__SECRET_KEY": "stripe",
        "PGPASSWORD": "database-password",
    }
    assert {name: secrets_of(one) for name, one in containers.items()} == {
        "auth-server/auth-server": of_auth_server,
        "auth-server/collector": {},
        "events-worker/events-worker": of_auth_server,
        "one-shot/one-shot": of_auth_server,
        "mcp-gateway/mcp-gateway": {"GATEPOST_MCP_REDIS_URL": "redis-url"},
        "mcp-gateway/files": {"FILE": "signing-key"},
        "mcp-gateway/collector": {},
    }


def test_a_container_runs_without_root_capabilities_and_a_writable_root(
    containers: dict[str, dict[str, Any]],
) -> None:
    for name, one in containers.items():
        assert one["readonlyRootFilesystem"], name
        assert one["linuxParameters"] == {"capabilities": {"drop": ["ALL"]}}, name
        assert one["user"] == "10001:10001", name


def statements(outcome: Outcome) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of each role's policies."""
    for policy in of_kind(outcome, "aws_iam_role_policy"):
        for one in json.loads(policy.values["policy"])["Statement"]:
            yield policy.address, one


def test_a_stolen_role_opens_nothing_but_its_own_task_needs(
    outcome: Outcome, containers: dict[str, dict[str, Any]]
) -> None:
    on_everything = set()
    readable: dict[str, set[str]] = {}
    for address, one in statements(outcome):
        assert one["Effect"] == "Allow"
        assert not [action for action in one["Action"] if "*" in action], address
        for resource in one["Resource"]:
            if resource == "*":
                on_everything |= set(one["Action"])
            else:
                assert resource.startswith("arn:aws:")
                assert "*" not in resource.removesuffix(":*"), address
        if one["Action"] == ["secretsmanager:GetSecretValue"]:
            task = address.split(".")[1].replace("_", "-")
            readable[task] = {arn.rpartition(":")[2] for arn in one["Resource"]}
    # AWS knows no resources for these.
    assert on_everything == {
        "ecr:GetAuthorizationToken",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    for task, names in readable.items():
        of_task = [one for name, one in containers.items() if name.startswith(f"{task}/")]
        assert names == {name for one in of_task for name in secrets_of(one).values()}
    assert len(readable) == 4
    pulled = {
        address.split(".")[1]: {arn.rpartition("/")[2] for arn in one["Resource"]}
        for address, one in statements(outcome)
        if "ecr:BatchGetImage" in one["Action"]
    }
    assert pulled == {
        "auth_server": {"auth-server", "collector"},
        "mcp_gateway": {"mcp-gateway", "collector"},
        "events_worker": {"auth-server"},
        "one_shot": {"auth-server"},
    }
    code = {address for address, _ in statements(outcome) if ".collector" in address}
    assert code == {
        f"module.{name}.aws_iam_role_policy.collector[0]" for name in ("auth_server", "mcp_gateway")
    }
    for role in of_kind(outcome, "aws_iam_role"):
        [trust] = json.loads(role.values["assume_role_policy"])["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_strangers_reach_the_load_balancer_and_only_it_reaches_the_tasks(outcome: Outcome) -> None:
    groups = {
        one.values["id"]: one.values["name"].removeprefix("gatepost-")
        for one in of_kind(outcome, "aws_security_group")
    }
    opened = {
        (
            groups[one.values["security_group_id"]],
            one.values["to_port"],
            one.values["cidr_ipv4"] or groups[one.values["referenced_security_group_id"]],
        )
        for one in of_kind(outcome, "aws_vpc_security_group_ingress_rule")
    }
    assert opened == {
        ("balancer", 80, "0.0.0.0/0"),
        ("balancer", 443, "0.0.0.0/0"),
        ("auth-server", 8400, "balancer"),
        ("mcp-gateway", 8401, "balancer"),
        *(("database", 5432, task) for task in ("auth-server", "events-worker", "one-shot")),
        *(
            ("redis", 6379, task)
            for task in ("auth-server", "events-worker", "one-shot", "mcp-gateway")
        ),
    }
    assert all(not one.values["ingress"] for one in of_kind(outcome, "aws_security_group"))
    # The gateway has no way to the database.
    ways = {
        (groups[one.values["security_group_id"]], one.values["to_port"])
        for one in of_kind(outcome, "aws_vpc_security_group_egress_rule")
    }
    assert ("mcp-gateway", 5432) not in ways
    assert ("mcp-gateway", 6379) in ways


def test_the_stores_are_private_encrypted_and_survive_a_zone(outcome: Outcome) -> None:
    database = only(outcome, "aws_db_instance")
    redis = only(outcome, "aws_elasticache_replication_group")
    private = {
        one.values["id"]
        for one in of_kind(outcome, "aws_subnet")
        if one.address.startswith("module.network.aws_subnet.private")
    }

    assert not database["publicly_accessible"]
    assert database["storage_encrypted"]
    assert database["multi_az"]
    assert database["deletion_protection"]
    assert database["backup_retention_period"] >= 7
    assert database["password"] is None
    kept = {
        one.values["name"]: one.values["retention_in_days"]
        for one in of_kind(outcome, "aws_cloudwatch_log_group")
    }
    for log in database["enabled_cloudwatch_logs_exports"]:
        assert kept.pop(f"/aws/rds/instance/gatepost/{log}") == 30
    assert set(kept.values()) == {30}
    parameters = only(outcome, "aws_db_parameter_group")["parameter"]
    assert ("rds.force_ssl", "1") in {(one["name"], one["value"]) for one in parameters}
    assert redis["transit_encryption_enabled"]
    assert redis["transit_encryption_mode"] == "required"
    assert str(redis["at_rest_encryption_enabled"]).lower() == "true"
    assert redis["auth_token"]
    assert redis["multi_az_enabled"]
    assert redis["automatic_failover_enabled"]
    for kind in ("aws_db_subnet_group", "aws_elasticache_subnet_group"):
        assert set(only(outcome, kind)["subnet_ids"]) == private
    assert len(private) == 2


def test_a_full_redis_keeps_call_events_instead_of_evicting_them(outcome: Outcome) -> None:
    parameters = only(outcome, "aws_elasticache_parameter_group")["parameter"]
    assert [(one["name"], one["value"]) for one in parameters] == [
        ("maxmemory-policy", "noeviction")
    ]


def test_a_release_that_does_not_become_healthy_is_taken_back(outcome: Outcome) -> None:
    services = {one.values["name"]: one.values for one in of_kind(outcome, "aws_ecs_service")}
    assert services.keys() == {"auth-server", "mcp-gateway", "events-worker"}
    for one in services.values():
        assert one["deployment_circuit_breaker"] == [{"enable": True, "rollback": True}]
        assert one["deployment_minimum_healthy_percent"] == 100
        assert one["wait_for_steady_state"]
        assert [net["assign_public_ip"] for net in one["network_configuration"]] == [False]
    [rule] = [
        one
        for one in of_kind(outcome, "aws_cloudwatch_event_rule")
        if one.values["name"] == "gatepost-rollback"
    ]
    assert json.loads(rule.values["event_pattern"])["detail"] == {
        "eventName": ["SERVICE_DEPLOYMENT_FAILED"]
    }


def test_both_services_have_two_to_ten_tasks_of_half_a_processor_by_their_requests(
    outcome: Outcome,
) -> None:
    targets = of_kind(outcome, "aws_appautoscaling_target")
    assert {
        (one.values["resource_id"], one.values["min_capacity"], one.values["max_capacity"])
        for one in targets
    } == {(f"service/gatepost/{name}", 2, 10) for name in SERVERS}
    for policy in of_kind(outcome, "aws_appautoscaling_policy"):
        [tracking] = policy.values["target_tracking_scaling_policy_configuration"]
        [metric] = tracking["predefined_metric_specification"]
        assert metric["predefined_metric_type"] == "ALBRequestCountPerTarget"
    for task in of_kind(outcome, "aws_ecs_task_definition"):
        if task.values["family"].removeprefix("gatepost-") in SERVERS:
            assert (task.values["cpu"], task.values["memory"]) == ("512", "1024")


@pytest.mark.parametrize("name", SERVERS)
def test_a_call_that_runs_while_a_task_is_replaced_has_the_time_that_the_service_promises(
    name: str,
    outcome: Outcome,
    containers: dict[str, dict[str, Any]],
    settings: dict[str, Any],
) -> None:
    container, own = containers[f"{name}/{name}"], settings[name]
    [group] = [
        one.values
        for one in of_kind(outcome, "aws_lb_target_group")
        if one.values["name"].endswith(name)
    ]
    [health] = group["health_check"]
    idle = only(outcome, "aws_lb")["idle_timeout"]
    lame_duck = own.lame_duck("https://example.com")

    notices = health["interval"] * health["unhealthy_threshold"] + health["timeout"]
    assert lame_duck > notices
    assert lame_duck + own.finish_seconds + DELIVERY_SECONDS <= container["stopTimeout"] <= 120
    assert int(group["deregistration_delay"]) >= own.finish_seconds
    assert LONGEST_WAIT < idle < own.idle_connection_seconds
    assert health["path"] in {route.path for route in auth_server_health.routes}  # type: ignore[attr-defined]
    assert health["path"] == "/readyz"
    port = container["portMappings"][0]["containerPort"]
    assert group["port"] == port
    assert f"127.0.0.1:{port}/livez" in container["healthCheck"]["command"][-1]
    assert container["command"][-2:] == ["--port", str(port)]


def test_both_services_agree_on_every_address_and_trust_one_proxy(
    containers: dict[str, dict[str, Any]], settings: dict[str, Any]
) -> None:
    issuing, gateway = settings["auth-server"], settings["mcp-gateway"]

    assert gateway.issuer == issuing.issuer == "https://auth.example.com"
    assert [entry.resource for entry in issuing.resources] == [gateway.resource]
    assert issuing.trusted_proxies == 1
    assert gateway.keep_alive < 60
    # Only the collector in the same task reaches the metrics, and it takes the spans.
    for name, own in settings.items():
        [given] = containers[f"{name}/collector"]["environment"]
        receivers = yaml.safe_load(given["value"])["receivers"]
        takes = receivers["otlp"]["protocols"]["http"]["endpoint"]
        assert own.tracing.endpoint == f"http://{takes}/v1/traces"
    assert {issuing.metrics_host, gateway.metrics_host} == {"127.0.0.1"}
    # The key's file is written by another container, into the folder in which the spool lies.
    assert str(gateway.signing_key) in containers["mcp-gateway/files"]["command"][-1]
    assert gateway.spool.parent == Path("/var/lib/gatepost")


def test_the_gateway_reads_the_key_that_another_container_writes(
    containers: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Secrets Manager keeps the text that openssl printed, often without its last line feed."""
    key = tmp_path / "signing-key.pem"
    pem = load_signing_key(tmp_path / "made.pem").as_pem(private=True).decode().rstrip()
    shell = containers["mcp-gateway/files"]["command"]
    command = [word.replace("/var/lib/gatepost/signing-key.pem", str(key)) for word in shell]

    subprocess.run(command, env={"FILE": pem}, check=True)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert load_signing_key(key).as_pem(private=True).decode().rstrip() == pem
    assert subprocess.run(command, env={}, capture_output=True, check=False).returncode != 0


def test_the_database_is_verified_and_its_password_is_not_in_the_url(
    containers: dict[str, dict[str, Any]],
) -> None:
    """libpq reads the password from PGPASSWORD."""
    environment = containers["one-shot/one-shot"]["environment"]
    [url] = [one["value"] for one in environment if one["name"] == "GATEPOST_AUTH_DATABASE_URL"]
    engine = open_sync_engine(url)
    _, given = engine.dialect.create_connect_args(engine.url)
    assert {name: value for name, value in given.items() if name != "context"} == {
        "host": "gatepost.abc.eu-central-1.rds.amazonaws.com",
        "port": 5432,
        "user": "gatepost",
        "dbname": "gatepost",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/gatepost/rds-ca.pem",
    }


def test_the_files_that_terraform_names_are_in_the_operators_image(
    containers: dict[str, dict[str, Any]],
) -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "COPY . /etc/gatepost/" in dockerfile
    assert 'VOLUME ["/tmp", "/var/lib/gatepost"]' in dockerfile
    named = set(re.findall(r"/etc/gatepost/[\w.-]+", json.dumps(containers)))
    assert named == {"/etc/gatepost/gatepost.yaml", "/etc/gatepost/rds-ca.pem"}
    assert all(Path(name).name in dockerfile for name in named)


def test_every_container_runs_a_command_that_exists_and_servers_never_migrate(
    containers: dict[str, dict[str, Any]],
) -> None:
    commands = [one["command"] for one in containers.values() if one.get("command")]
    checked = [command for command in commands if command[0] == "gatepost"]
    for words in checked:
        command: click.Command = main
        rest = words[1:]
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), rest.pop(0))
            assert found is not None, words
            command = found
        command.make_context("gatepost", rest)
    assert len(checked) == 4
    assert "--no-migrate" in containers["auth-server/auth-server"]["command"]
    assert containers["one-shot/one-shot"]["command"] == ["gatepost", "auth-server", "migrate"]


def test_a_client_finds_what_it_needs_by_https_and_nothing_else(
    outcome: Outcome,
) -> None:
    listeners = {one.values["port"]: one.values for one in of_kind(outcome, "aws_lb_listener")}
    [redirect] = listeners[80]["default_action"]
    assert redirect["redirect"][0]["protocol"] == "HTTPS"
    assert "TLS13" in listeners[443]["ssl_policy"]
    [otherwise] = listeners[443]["default_action"]
    assert otherwise["fixed_response"][0]["status_code"] == "404"

    routes: dict[str, list[str]] = {}
    for rule in of_kind(outcome, "aws_lb_listener_rule"):
        conditions = rule.values["condition"]
        [host] = [
            value for one in conditions for part in one["host_header"] for value in part["values"]
        ]
        routes[host] = [
            value for one in conditions for part in one["path_pattern"] for value in part["values"]
        ]
    assert routes["auth.example.com"] == ["/*"]
    paths = routes["mcp.example.com"]
    for needed in ("/mcp", "/mcp/", f"{WELL_KNOWN}/mcp", "/.well-known/jwks.json", CATALOGUE_PATH):
        assert any(re.fullmatch(path.replace("*", ".*"), needed) for path in paths), needed
    assert not any(re.fullmatch(path.replace("*", ".*"), "/metrics") for path in paths)


def test_one_address_that_floods_is_refused_but_not_the_services_own(outcome: Outcome) -> None:
    [rule] = only(outcome, "aws_wafv2_web_acl")["rule"]
    [rate] = rule["statement"][0]["rate_based_statement"]
    [refused] = rule["action"][0]["block"]
    assert (rate["limit"], rate["aggregate_key_type"]) == (10000, "IP")
    assert refused["custom_response"][0]["response_code"] == 429
    [spared] = rate["scope_down_statement"][0]["not_statement"][0]["statement"]
    assert spared["ip_set_reference_statement"][0]["arn"].endswith("ipset/own/1")
    assert only(outcome, "aws_wafv2_ip_set")["addresses"] == ["203.0.113.7/32"]


def test_the_collector_sends_metrics_that_exist_and_alarms_agree_with_the_alert_rules(
    outcome: Outcome, containers: dict[str, dict[str, Any]]
) -> None:
    known = {"auth-server": OF_AUTH_SERVER, "mcp-gateway": OF_GATEWAY}
    rules = (FOLDER.parent / "observability" / "alerts.yaml").read_text()
    alarms = [
        one.values
        for one in of_kind(outcome, "aws_cloudwatch_metric_alarm")
        if one.values["namespace"] == "Gatepost/gatepost"
    ]
    for name, metrics in known.items():
        [given] = containers[f"{name}/collector"]["environment"]
        config = yaml.safe_load(given["value"])
        [declared] = config["exporters"]["awsemf"]["metric_declarations"]
        [scraped] = config["receivers"]["prometheus"]["config"]["scrape_configs"]
        [kept] = scraped["metric_relabel_configs"]
        sent = set(declared["metric_name_selectors"])
        assert kept["regex"].split("|") == declared["metric_name_selectors"]
        # A label would be one more dimension, and CloudWatch charges for each combination.
        assert sent <= {one.name for one in metrics if not one.labels}
        own = [one for one in alarms if one["dimensions"] == {"service": name}]
        assert {one["metric_name"] for one in own} == sent
        [target] = scraped["static_configs"][0]["targets"]
        environment = containers[f"{name}/{name}"]["environment"]
        ports = [one["value"] for one in environment if one["name"].endswith("METRICS_PORT")]
        assert [target] == [f"127.0.0.1:{port}" for port in ports]
    assert len(alarms) == 8
    # A collector that is silent would leave all of them green.
    loud = [one for one in alarms if one["treat_missing_data"] == "breaching"]
    assert {one["dimensions"]["service"] for one in loud} == known.keys()
    for alarm in alarms:
        limit = f"{alarm['metric_name']}\\S*\\)? > {alarm['threshold']:g}"
        assert re.search(limit, rules), limit


def test_people_hear_of_every_alarm(outcome: Outcome) -> None:
    alarms = of_kind(outcome, "aws_cloudwatch_metric_alarm")
    assert len(alarms) == 19
    assert {tuple(one.values["alarm_actions"]) for one in alarms} == {
        ("arn:aws:sns:eu-central-1:123456789012:gatepost-alarms",)
    }
    assert only(outcome, "aws_sns_topic_subscription")["endpoint"] == "ops@example.com"
    board = json.loads(only(outcome, "aws_cloudwatch_dashboard")["dashboard_body"])
    assert len(board["widgets"]) == 10


def test_a_night_without_a_backup_and_a_database_full_of_connections_are_told(
    outcome: Outcome,
) -> None:
    alarms = {
        one.values["metric_name"]: one.values
        for one in of_kind(outcome, "aws_cloudwatch_metric_alarm")
    }
    backup, connections = alarms["Invocations"], alarms["DatabaseConnections"]
    rules = {
        one.values["name"]: one.values for one in of_kind(outcome, "aws_cloudwatch_event_rule")
    }
    pattern = json.loads(rules[backup["dimensions"]["RuleName"]]["event_pattern"])
    assert pattern["detail"] == {"EventID": ["RDS-EVENT-0002"], "SourceIdentifier": ["gatepost"]}
    # Nothing arrives when nothing is backed up.
    assert (backup["treat_missing_data"], backup["comparison_operator"]) == (
        "breaching",
        "LessThanThreshold",
    )
    assert backup["period"] * backup["evaluation_periods"] == 2 * 86400
    group = only(outcome, "aws_db_parameter_group")
    limits = {one["name"]: one["value"] for one in group["parameter"]}
    assert connections["threshold"] == int(limits["max_connections"]) * 4 // 5


def test_logs_of_traffic_end_and_only_the_balancer_and_the_network_of_this_account_write_them(
    outcome: Outcome,
) -> None:
    """URLs may hold secrets that work once."""
    bucket = only(outcome, "aws_s3_bucket")["bucket"]
    policy = json.loads(only(outcome, "aws_s3_bucket_policy")["policy"])
    allowed = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    [refused] = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    [rule] = only(outcome, "aws_s3_bucket_lifecycle_configuration")["rule"]
    closed = only(outcome, "aws_s3_bucket_public_access_block")
    flow, balancer = only(outcome, "aws_flow_log"), only(outcome, "aws_lb")

    for one in allowed:
        assert one["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert {"s3:GetObject", "s3:*"}.isdisjoint(str(one["Action"]) for one in allowed)
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert rule["expiration"][0]["days"] == 30
    assert all(value is True for name, value in closed.items() if name.startswith(("block", "ign")))
    assert flow["log_destination"] == f"arn:aws:s3:::{bucket}/network"
    assert flow["traffic_type"] == "ALL"
    [logs] = balancer["access_logs"]
    assert (logs["bucket"], logs["prefix"]) == (bucket, "requests")
    [variable] = re.findall(
        r'variable "access_logs" \{[^}]*default +=(.*)', (FOLDER / "variables.tf").read_text()
    )
    assert variable.strip() == "false"


def test_the_table_of_costs_adds_up() -> None:
    table = read("docs/aws.md").partition("## Cost")[2].partition("The budget")[0]
    rows = re.findall(r"\| ([\d.]+) \| ([\d.]+) \|$", table, re.MULTILINE)
    [sums] = re.findall(r"\| \*\*(\d+)\*\* \| \*\*(\d+)\*\* \|$", table, re.MULTILINE)
    assert len(rows) == 13
    assert [round(sum(map(float, column))) for column in zip(*rows, strict=True)] == [
        *map(int, sums)
    ]
