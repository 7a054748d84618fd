"""The container files: docker-compose.yml, Dockerfile and what Prometheus is given say what the code says.

No Docker is needed: the files are read and held against the command line, the monitor file and the metrics.
"""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import jsonschema
import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from schemas.alert import Severity
from schemas.spec import MonitorSpec
from streams.accounting import BINS
from streams.cli import app
from streams.files import load_spec
from streams.metrics import REGISTRY

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("streamgauge:")]
WORKER = SERVICES["worker"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def parse(command: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the sub-command that `streamgauge *command` would run, and its parameters; raises where it would not."""
    found, rest, name = typer.main.get_command(app), list(command), []
    while hasattr(found, "commands"):
        name.append(rest.pop(0))
        found = found.commands[name[-1]]
    return " ".join(name), found.make_context(" ".join(name), rest).params


def published(service: dict[str, Any]) -> dict[int, int]:
    """Return the ports of the machine by the ports of the container; all of them are open to the machine only."""
    found = {}
    for port in service.get("ports", []):
        address, host, inside = port.rsplit(":", 2)
        assert address == "127.0.0.1", port
        found[int(inside)] = int(host)
    return found


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, PurePosixPath, bool]]:
    """Yield source, target and whether it can be written."""
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        yield source, PurePosixPath(target), mode != ["ro"]


def on_this_side(service: dict[str, Any], inside: PurePosixPath) -> Path | None:
    """Return the file of the repository that a container sees at a path."""
    for source, target, _ in sorted(mounts(service), key=lambda mount: len(mount[1].parts), reverse=True):
        if inside.is_relative_to(target):
            return ROOT / source / inside.relative_to(target) if source.startswith(".") else None
    return None


def monitor_of(service: dict[str, Any]) -> tuple[PurePosixPath, MonitorSpec]:
    inside = PurePosixPath(parse(service["command"])[1]["monitor"])
    path = on_this_side(service, inside)
    assert path is not None, f"{inside} is not mounted"
    return inside, load_spec(path)


# docker-compose.yml


@cache
def compose_schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "tests/data/compose-spec.json").read_text()))


def test_it_is_a_compose_file():
    assert [error.message for error in compose_schema().iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [("comand", ["worker"]), ("ports", "6066"), ("depends_on", {"kafka": {"condition": "up"}}), ("healthcheck", [])],
)
def test_a_mistake_would_be_found(place: str, value: object):
    broken = json.loads(json.dumps(COMPOSE))
    broken["services"]["worker"][place] = value
    assert not compose_schema().is_valid(broken)


@pytest.mark.parametrize("service", OURS)
def test_the_command_is_a_real_one(service: str):
    name, _ = parse(SERVICES[service]["command"])
    assert name == {"topics": "topics create"}.get(service, service)
    assert "entrypoint" not in SERVICES[service]


def test_a_command_that_is_not_real_would_be_found():
    for wrong in (["worker"], ["worker", "m.yaml", "--http-hots=0.0.0.0"], ["topics", "make", "m.yaml"]):
        with pytest.raises(Exception, match=r"Missing|No such option|make"):
            parse(wrong)


def test_the_commands_in_its_comments_are_real():
    text = (ROOT / "docker-compose.yml").read_text()
    commands = re.findall(r"^#   docker compose (?:run --rm|exec) (\w+)(?: streamgauge ([^#\n]*))?", text, re.MULTILINE)
    assert len(commands) == 2
    for service, command in commands:
        assert service in SERVICES
        assert not command or parse(command.split())


def test_the_image_is_of_this_version_and_built_once():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {SERVICES[name]["image"] for name in OURS} == {f"streamgauge:{version}"}
    builders = [name for name in OURS if "build" in SERVICES[name]]
    assert len(builders) == 1
    for name in set(OURS) - set(builders):
        assert SERVICES[name]["pull_policy"] == "never", "a stranger's image of this name"
        assert builders[0] in everything_before(name)


def everything_before(name: str) -> set[str]:
    before = set(SERVICES[name].get("depends_on", {}))
    return before.union(*(everything_before(one) for one in before))


def test_what_is_waited_for_can_come():
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in SERVICES[name]["healthcheck"]
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert "restart" not in SERVICES[name], "it would never complete"


def test_the_worker_starts_when_broker_topics_and_profile_are_there():
    assert {"kafka", "topics", "reference"} <= set(WORKER["depends_on"])
    assert "kafka" in SERVICES["topics"]["depends_on"]


def test_containers_and_this_machine_reach_the_same_broker():
    settings = SERVICES["kafka"]["environment"]
    advertised = dict(one.split("://") for one in settings["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listeners = dict(one.split("://") for one in settings["KAFKA_LISTENERS"].split(","))
    protocols = dict(one.split(":") for one in settings["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(listeners) == set(protocols) == {*advertised, settings["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    for name, address in advertised.items():
        assert listeners[name] == f":{address.split(':')[1]}"
    assert advertised["CONTAINERS"].split(":")[0] == "kafka"
    for name in OURS:
        assert SERVICES[name]["environment"]["STREAMGAUGE_BOOTSTRAP"] == advertised["CONTAINERS"]
    _, spec = monitor_of(WORKER)
    assert advertised["HOST"] == spec.kafka.bootstrap
    assert published(SERVICES["kafka"]) == {int(advertised["HOST"].split(":")[1]): 9092}


def test_the_broker_is_of_the_version_that_is_tested():
    pom = (ROOT / "tests/kafka/broker/pom.xml").read_text()
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{re.search('<kafka.version>(.+)</', pom)[1]}"


def test_images_have_a_version():
    for service in SERVICES.values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_exists(service: str):
    for source, target, _ in mounts(SERVICES[service]):
        assert target.is_absolute()
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("service", ["reference", "send"])
def test_the_tables_of_the_monitor_file_are_mounted(service: str):
    inside, spec = monitor_of(SERVICES[service])
    assert spec.files is not None
    tables = [*spec.files.reference, *spec.files.predictions, *spec.files.feedback]
    assert len(tables) == 3
    for table in tables:
        path = on_this_side(SERVICES[service], inside.parent / table.path)
        assert path is not None, table.path
        assert path.is_file(), table.path


def test_the_profile_is_written_where_the_worker_reads_it():
    inside, spec = monitor_of(SERVICES["reference"])
    assert monitor_of(WORKER)[0] == inside
    homes = [
        {(source, target) for source, target, writable in mounts(service) if writable and target == inside.parent}
        for service in (SERVICES["reference"], WORKER)
    ]
    assert homes[0] == homes[1] != set()
    for model in spec.models.values():
        assert PurePosixPath(str(model.reference)).parent == PurePosixPath(".")
    assert str(inside.parent) in owned_by_the_user(), "a new volume would be root's"


def test_the_worker_keeps_its_state_in_a_volume_of_its_own():
    data_dir = str(parse(WORKER["command"])[1]["data_dir"])
    homes = [
        source
        for service in SERVICES.values()
        for source, target, writable in mounts(service)
        if str(target) == data_dir and writable
    ]
    assert len(homes) == len(set(homes)) == 2, "that of the worker, and that of who trains"
    assert data_dir in owned_by_the_user()
    assert data_dir in [value for instruction, value in final_stage() if instruction == "VOLUME"]


def test_the_worker_is_reachable_at_its_port_everywhere():
    _, params = parse(WORKER["command"])
    port = params["http_port"]
    assert params["http_host"] == "0.0.0.0"
    assert published(WORKER) == {port: port}
    assert ("EXPOSE", str(port)) in final_stage()
    assert f"http://127.0.0.1:{port}/livez" in health_check()
    (job,) = PROMETHEUS["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"worker:{port}"]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"


def test_only_the_worker_is_asked_for_its_health():
    assert {name for name in OURS if not SERVICES[name].get("healthcheck", {}).get("disable")} == {"worker"}


def test_our_containers_have_no_more_rights_than_they_need():
    for name in OURS:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert "user" not in SERVICES[name], "the image's own user owns the volumes"


# --bootstrap and STREAMGAUGE_BOOTSTRAP


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, "localhost:9092"),
        ([], {"STREAMGAUGE_BOOTSTRAP": ""}, "localhost:9092"),
        ([], {"STREAMGAUGE_BOOTSTRAP": "kafka:19092"}, "kafka:19092"),
        (["--bootstrap", "a:1,b:2"], {"STREAMGAUGE_BOOTSTRAP": "kafka:19092"}, "a:1,b:2"),
    ],
)
def test_option_then_environment_then_file_say_where_kafka_is(arguments, environment, expected, monkeypatch):
    seen: list[MonitorSpec] = []
    monkeypatch.setattr("streams.topics.create", lambda spec, base: seen.append(spec) or [])
    monitor = str(ROOT / "examples/car_loan/monitor.yaml")
    result = CliRunner().invoke(
        app, ["topics", "create", monitor, *arguments], env={"STREAMGAUGE_BOOTSTRAP": None, **environment}
    )
    assert result.exit_code == 0, result.output
    assert [spec.kafka.bootstrap for spec in seen] == [expected]
    assert seen[0] == load_spec(monitor).model_copy(update={"kafka": seen[0].kafka})


def test_a_bootstrap_that_names_nothing_is_refused():
    monitor = str(ROOT / "examples/car_loan/monitor.yaml")
    result = CliRunner().invoke(app, ["topics", "check", monitor, "--bootstrap", " , "])
    assert result.exit_code == 2
    assert "--bootstrap" in result.stderr


def test_every_command_that_talks_to_kafka_takes_it():
    taking = set()
    todo = [("", typer.main.get_command(app))]
    while todo:
        name, command = todo.pop()
        todo += [(f"{name} {sub}".strip(), one) for sub, one in getattr(command, "commands", {}).items()]
        if any(parameter.envvar == "STREAMGAUGE_BOOTSTRAP" for parameter in command.params):
            taking.add(name)
    assert taking == {
        "worker",
        "send",
        "watch",
        "trigger",
        "dataset",
        "retrain",
        "shadow",
        "promote",
        "roll-back",
        "serving",
        "snooze",
        "acknowledge",
        "topics create",
        "topics check",
    }


# Dockerfile


@cache
def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions, continued lines joined and comments left out."""
    text = "\n".join(line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [
        (instruction, re.sub(r"\s+", " ", value)) for instruction, value in (line.split(maxsplit=1) for line in lines)
    ]


def final_stage() -> list[tuple[str, str]]:
    instructions = dockerfile()
    last = max(index for index, (instruction, _) in enumerate(instructions) if instruction == "FROM")
    return instructions[last:]


def owned_by_the_user() -> str:
    (made,) = [value for instruction, value in final_stage() if instruction == "RUN" and "install --directory" in value]
    user = dict(final_stage())["USER"].split(":")[0]
    assert f"--owner={user}" in made
    return made


def health_check() -> str:
    options, command = dict(final_stage())["HEALTHCHECK"].split(" CMD ")
    assert "--start-period" in options
    python, flag, code = json.loads(command)
    assert (python, flag) == ("python", "-c")
    return code


def ignored(path: str) -> bool:
    """Return what .dockerignore says of a path: the last pattern that matches it, or a directory above it, decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.split("#")[0].strip().rstrip("/")
        if pattern:
            wanted = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
            if re.fullmatch(f"{wanted}(?:/.*)?", path):
                verdict = not pattern.startswith("!")
    return verdict


def test_what_is_copied_exists_and_is_not_ignored():
    copied = [value.split()[:-1] for instruction, value in dockerfile() if instruction in ("COPY", "ADD")]
    sources = [source for one in copied if not one[0].startswith("--from=") for source in one]
    assert {"schemas", "detectors", "streams", "pyproject.toml", "requirements/runtime.lock"} <= set(sources)
    for source in sources:
        path = ROOT / source
        assert path.exists(), source
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(ROOT).as_posix()
            assert ignored(name) == (file.suffix == ".pyc"), name


def test_the_build_sees_all_that_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [project["project"]["readme"], *project["project"]["license-files"]]
    named += project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = " ".join(value for instruction, value in dockerfile() if instruction == "COPY").split()
    assert set(named) <= set(copied)


def test_what_is_not_needed_stays_outside():
    for name in (".git/config", ".venv/bin/python", "tests/test_compose.py", "docker-compose.yml", "out/x", "deploy/x"):
        assert ignored(name), name


def test_packages_come_from_the_locks_by_hash():
    installs = [
        install
        for instruction, value in dockerfile()
        if instruction == "RUN"
        for install in value.split("&&")
        if "pip install" in install or "pip wheel" in install
    ]
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install, install
    built_with = (ROOT / "requirements/build.lock").read_text()
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]:
        assert re.search(rf"^{re.split('[<>=]', requirement)[0]}==", built_with, re.MULTILINE)


def test_the_final_stage_is_slim_and_builds_nothing():
    (_, image), *rest = final_stage()
    assert "-slim" in image
    ran = " ".join(value for instruction, value in rest if instruction == "RUN")
    assert not re.search(r"\b(apt|apt-get|apk|pip|gcc|curl|wget)\b", ran)


def test_it_runs_as_nobody_special_and_stops_when_told():
    instructions = [instruction for instruction, _ in final_stage()]
    stage = dict(final_stage())
    user, group = stage["USER"].split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert instructions.count("USER") == 1
    assert instructions.index("USER") > max(i for i, one in enumerate(instructions) if one in ("RUN", "COPY"))
    assert json.loads(stage["ENTRYPOINT"]) == ["streamgauge"]
    assert stage["STOPSIGNAL"] == "SIGTERM"


def test_both_stages_have_the_same_python_and_it_is_supported():
    images = [value.split(" ")[0] for instruction, value in dockerfile() if instruction == "FROM"]
    assert images[1].replace("-slim", "") == images[0]
    version = dict(dockerfile())["ARG"].removeprefix("PYTHON=")
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    assert f"Programming Language :: Python :: {version}" in classifiers


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_says_what_livez_says_proxy_or_not(status: int, healthy: bool):
    class Livez(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Livez) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.server_port}", health_check())
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"http_proxy": "http://127.0.0.1:1"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        server.shutdown()
    assert (done.returncode == 0) is healthy, done.stderr


# deploy/prometheus


def exported() -> dict[str, set[str]]:
    """Return the labels of each series on /metrics by its name."""
    found = {}
    for metric in REGISTRY._collector_to_names:
        labels = set(metric._labelnames)
        (family,) = metric.describe()
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        found |= {family.name + ending: labels | ({"le"} if ending == "_bucket" else set()) for ending in endings}
    return found


def rule_names() -> list[str]:
    return [rule["alert"] for rule in RULES]


def test_prometheus_finds_the_rules():
    directory = next(target for source, target, _ in mounts(SERVICES["prometheus"]) if source == "./deploy/prometheus")
    assert str(directory) == "/etc/prometheus"
    for file in PROMETHEUS["rule_files"]:
        assert (ROOT / "deploy/prometheus" / file).is_file()
    assert len(set(rule_names())) == len(RULES) >= 5


@pytest.mark.parametrize("rule", RULES, ids=rule_names())
def test_a_rule_asks_for_metrics_and_labels_that_exist(rule: dict[str, Any]):
    series = {**exported(), "up": {"job", "instance"}}
    expression = rule["expr"]
    used = set(re.findall(r"\b(streamgauge_\w+|up(?=\{))", expression))
    assert used
    assert used <= set(series)
    for name in used:
        for selector in re.findall(rf"\b{name}\{{([^}}]*)\}}", expression):
            assert set(re.findall(r"(\w+)=", selector)) <= series[name]
    known = set.union(*(series[name] for name in used)) | {"job", "instance"}
    kept = {label for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(", ")}
    assert kept <= known
    shown = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    assert shown <= (kept or known)
    assert {"summary", "description"} <= set(rule["annotations"])


def test_values_that_rules_select_exist():
    text = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    assert set(re.findall(r'bin="(\w+)"', text)) <= set(BINS)
    assert set(re.findall(r'\bseverity="(\w+)"', text)) <= set(get_args(Severity))
    assert set(re.findall(r'job="(\w+)"', text)) == {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
