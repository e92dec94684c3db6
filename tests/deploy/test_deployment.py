"""The files that people deploy with agree with each other and with the table of settings."""

import configparser
import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\bUNDERDRAWING_[A-Z][A-Z_]*[A-Z]\b")
DEPLOYED = ("Dockerfile", "compose.yaml", "deploy/underdrawing.service", "deploy/underdrawing.env.example")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load(text("compose.yaml"))


def documented() -> dict[str, str]:
    table = text("docs/DEPLOYMENT.md").split("<!-- settings -->")[1].split("<!-- /settings -->")[0]
    return dict(re.findall(r"^\| `(UNDERDRAWING_[A-Z_]+)` \| (.*?) \|", table, re.MULTILINE))


@pytest.mark.parametrize("name", DEPLOYED)
def test_variables_are_in_the_table(name):
    assert set(VARIABLE.findall(text(name))) <= documented().keys()


def test_table_is_that_of_the_server():
    assert len(documented()) > 20
    if importlib.util.find_spec("underdrawing.service") is None:
        return  # a build without the server has nothing to compare with
    from underdrawing.service.settings import PREFIX, Settings

    expected = {PREFIX + field.name.upper(): field.default for field in dataclasses.fields(Settings)}
    assert documented().keys() == expected.keys()
    for name, default in expected.items():
        if isinstance(default, int | float) and default:
            assert documented()[name] == f"`{default:g}`", name


def test_services_fit_together(compose):
    services = compose["services"]
    address = services["server"]["environment"]["UNDERDRAWING_REGISTRY"]
    user, host, database, vectors = re.fullmatch(
        r"postgresql://(\w+)@(\w+)/(\w+)\?vectors=qdrant\+http://(\w+):6333", address
    ).groups()
    assert {host, vectors} == services.keys() - {"server"} == services["server"]["depends_on"].keys()
    expected = services[host]["environment"]
    assert (expected["POSTGRES_USER"], expected["POSTGRES_DB"]) == (user, database)
    assert expected["POSTGRES_PASSWORD"] == services["server"]["environment"]["PGPASSWORD"]
    mounted = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert mounted == compose["volumes"].keys()
    for name, service in services.items():
        assert re.fullmatch(r"[\w/.-]+:(?!latest)[\w.-]+", service["image"]), name
        assert name == "server" or "ports" not in service


def test_only_this_machine_reaches_the_server_without_a_proxy(compose):
    (port,) = compose["services"]["server"]["ports"]
    assert port.startswith("127.0.0.1:")
    assert "UNDERDRAWING_HOST=127.0.0.1" in text("deploy/underdrawing.env.example")


def test_a_container_names_its_hosts_and_signs_with_tokens(compose):
    environment = compose["services"]["server"]["environment"]
    assert environment["UNDERDRAWING_HOSTS"] == "${UNDERDRAWING_HOSTS:-localhost}"
    assert "UNDERDRAWING_HOST=0.0.0.0 UNDERDRAWING_HOSTS=localhost" in text("Dockerfile")
    assert environment["UNDERDRAWING_SIGN"] and environment["UNDERDRAWING_TOKENS"]


def test_no_secret_stands_in_a_file(compose):
    for name in DEPLOYED:
        given = re.findall(r"(?i)password[ \t]*[:=][ \t]*(\S+)", text(name))
        assert all(value.startswith("${") for value in given), name
    assert "${DATABASE_PASSWORD:?" in compose["services"]["server"]["environment"]["PGPASSWORD"]


def test_image_runs_as_nobody_special_and_installs_what_it_copies():
    steps = [line for line in text("Dockerfile").splitlines() if line and not line.startswith(("#", " "))]
    assert steps[-1] == 'CMD ["serve"]' and steps[-2] == 'ENTRYPOINT ["underdrawing"]'
    assert any(re.fullmatch(r"USER \d{5}", step) for step in steps)
    for step in steps:
        if step.startswith("COPY ") and "--from" not in step:
            allowed = text(".dockerignore").splitlines()
            for source in step.split()[1:-1]:
                assert (ROOT / source).exists() and f"!{source}" in allowed, source


def test_unit_starts_what_the_documents_install():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(text("deploy/underdrawing.service"))
    service = unit["Service"]
    assert service["ExecStart"] == "/opt/underdrawing/bin/underdrawing serve"
    guide = text("docs/DEPLOYMENT.md")
    assert f"python3 -m venv {service['ExecStart'].split('/bin/')[0]}" in guide
    assert service["EnvironmentFile"] in guide and f"/var/lib/{service['StateDirectory']}" in guide
    assert service["NoNewPrivileges"] == "yes" and service["ProtectSystem"] == "strict"
    for line in text("deploy/underdrawing.env.example").splitlines():
        if "=/" in line:
            assert line.split("=")[1].startswith(f"/var/lib/{service['StateDirectory']}/"), line
