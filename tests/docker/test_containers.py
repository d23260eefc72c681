"""The images and the compose file, checked without a container engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

DOCKER = Path(__file__).parents[2] / "docker"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
SERVICES = ("mlflow", "ingest", "medcl")


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return (instruction, arguments), with continued lines joined and comments left out."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def services() -> dict:
    return YAML(typ="safe", pure=True).load((DOCKER / "compose.yaml").read_text())["services"]


def test_there_is_an_image_for_training_and_one_for_mlflow():
    assert [path.name for path in DOCKERFILES] == ["Dockerfile", "mlflow.Dockerfile"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path):
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    done = subprocess.run([hadolint, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_follows_its_schema():
    call = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*call, str(DOCKER / "compose.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_the_last_user_is_not_root(path):
    user = [words for name, words in instructions(path) if name == "USER"][-1]
    assert user.split(":")[0].isdecimal()
    assert int(user.split(":")[0]) >= 10000


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_nothing_is_added_from_the_network_and_the_base_can_be_pinned(path):
    found = instructions(path)
    assert not [words for name, words in found if name == "ADD"]
    bases = [words.split()[0] for name, words in found if name == "FROM"]
    assert set(bases) == {"${BASE_IMAGE}"}
    default = next(words for name, words in found if name == "ARG")
    assert re.fullmatch(
        r"BASE_IMAGE=[a-z0-9./-]+(:(?!latest)[\w.-]+|@sha256:[0-9a-f]{64})", default
    )


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_telemetry_is_off_and_no_secret_is_baked_in(path):
    text = path.read_text()
    assert "MLFLOW_DISABLE_TELEMETRY=true" in text
    assert not re.search(r"(?i)(password|token|secret|api_key)\s*=", text)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_the_build_context_leaves_out_all_that_is_not_named(path):
    ignored = Path(f"{path}.dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = {
        source
        for name, words in instructions(path)
        if name == "COPY" and not words.startswith("--from")
        for source in words.split()[:-1]
    }
    assert copied == {rule[1:] for rule in rules if rule.startswith("!")}


def test_ports_are_published_on_this_machine_alone(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(services, name):
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("network_mode") != "host"
    assert "docker.sock" not in str(service)


def test_there_is_no_service_that_is_not_checked(services):
    assert set(services) == set(SERVICES)


def test_ingest_reads_the_archive_without_a_network(services):
    service = services["ingest"]
    assert service["network_mode"] == "none"
    (archive,) = [volume for volume in service["volumes"] if ":/archive" in volume]
    (secret,) = [volume for volume in service["volumes"] if ":/secrets/" in volume]
    assert archive.endswith(":ro")
    assert secret.endswith(":ro")


def test_training_sees_neither_archive_nor_secret_nor_the_outside(services):
    text = str(services["medcl"])
    assert "ARCHIVE" not in text
    assert "KEY_FILE" not in text
    assert services["medcl"]["networks"] == ["inside"]


def test_training_waits_until_mlflow_answers(services):
    assert services["medcl"]["depends_on"]["mlflow"]["condition"] == "service_healthy"
    assert "/health" in str(services["mlflow"]["healthcheck"]["test"])


def test_the_server_in_the_image_takes_the_options_it_is_given():
    command = next(
        words for name, words in instructions(DOCKER / "mlflow.Dockerfile") if name == "CMD"
    )
    options = re.findall(r'"(--[a-z-]+)"', command)
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": str(Path(sys.executable).parent)}
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "server", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert len(options) == 6
    assert all(option in done.stdout for option in options)
