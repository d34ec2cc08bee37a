"""The manifests are what Kubernetes takes, and run what the compose file runs, which is tried as processes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from clickstream_platform_tests.deploy.composed import OWN_IMAGE, compose, of_the_image

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "schemas" / "kubernetes.json").read_text())
DOCUMENTS = [each for file in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())]
NAMES = [f"{each['kind']} {each['metadata']['name']}" for each in DOCUMENTS]
SERVICES: dict[str, Any] = compose()["services"]
SECRETS, MOUNTED = "/run/secrets", "/etc/clickstream/secrets"


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that a document describes, by the name of its app."""
    for each in DOCUMENTS:
        if template := each.get("spec", {}).get("template"):
            yield template["metadata"]["labels"]["app"], template["spec"]


def faults(document: dict[str, Any]) -> list[str]:
    """Where a document is not as its kind must be; a field that the kind does not have is a fault."""
    kind = SCHEMAS["kinds"][f"{document['apiVersion']} {document['kind']}"]
    found = Draft202012Validator({**kind, "$defs": SCHEMAS["$defs"]}).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


PODS = dict(pods())


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_a_document_is_as_kubernetes_publishes_its_kind(document: dict[str, Any]) -> None:
    assert faults(document) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("periodSeconds", "periodSecond", "periodSecond"),
        ("name: daemon\n          image", "nme: daemon\n          image", "nme"),
        ("replicas: 1", "replicas: one", "one"),
        ("containers:", "container:", "container"),
        ("secretName:", "secretname:", "secretname"),
    ],
)
def test_a_slip_in_a_document_is_found(old: str, new: str, fault: str) -> None:
    text = (FOLDER / "daemon.yaml").read_text()
    assert old in text
    (broken,) = yaml.safe_load_all(text.replace(old, new))

    assert any(fault in each for each in faults(broken))


def test_all_lies_in_one_namespace_which_is_made_first() -> None:
    first, *others = DOCUMENTS

    assert (first["kind"], first["metadata"]["name"]) == ("Namespace", "clickstream")
    assert {each["metadata"]["namespace"] for each in others} == {"clickstream"}
    assert len(set(NAMES)) == len(NAMES)


def test_every_service_of_the_compose_file_is_there_but_those_that_a_cluster_has_of_its_own() -> None:
    assert set(SERVICES) - set(PODS) == {"spark-master", "spark-worker"}
    assert set(PODS) <= set(SERVICES)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_what_the_compose_file_runs(name: str) -> None:
    (container,), service = PODS[name]["containers"], SERVICES[name]
    said = [each.replace(SECRETS, MOUNTED) for each in service.get("command", [])]

    assert container["image"] == service["image"]
    assert container.get("command") == service.get("entrypoint")
    assert container.get("args", []) == said


@pytest.mark.parametrize("name", [name for name in PODS if name != "bucket"])
def test_a_pod_is_looked_at_as_the_compose_file_does(name: str) -> None:
    (container,), (_, *check) = PODS[name]["containers"], SERVICES[name]["healthcheck"]["test"]
    probe = container.get("readinessProbe", container["livenessProbe"])
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}

    assert "livenessProbe" in container
    if "exec" in probe:
        assert probe["exec"]["command"] == check
    else:
        how = probe.get("httpGet") or probe["tcpSocket"]
        assert re.search(rf"localhost.{ports[how['port']]}{how.get('path', '')}", " ".join(check))


def test_a_pod_has_the_variables_that_the_compose_file_gives() -> None:
    differ = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "KAFKA_LOG_DIRS"}
    for name, pod in PODS.items():
        (container,) = pod["containers"]
        given = {each["name"]: each["value"] for each in container.get("env", [])}
        told = {key: value for key, value in SERVICES[name].get("environment", {}).items() if "CLICKSTREAM" not in key}
        wanted = {key: value.replace(SECRETS, MOUNTED) for key, value in told.items()}
        assert given.keys() - {"PGDATA"} == wanted.keys(), name
        assert {key for key in wanted if given[key] != wanted[key]} <= differ, name


def test_settings_come_from_a_map_and_from_one_of_the_users_own() -> None:
    (container,) = PODS["code"]["containers"]
    given, own = (each["configMapRef"] for each in container["envFrom"])
    (settings,) = (each["data"] for each in DOCUMENTS if each["kind"] == "ConfigMap")

    assert (given, own) == ({"name": "clickstream"}, {"name": "clickstream-own", "optional": True})
    assert settings["CLICKSTREAM_SECRETS"] == MOUNTED
    assert {f"{key}={value}" for key, value in settings.items() if "SECRETS" not in key} <= set(
        of_the_image("ENV").split()
    )


def test_a_pod_is_given_the_secrets_of_its_service_and_no_document_holds_one() -> None:
    for name, pod in PODS.items():
        volumes = {each["name"]: each for each in pod.get("volumes", [])}
        items = volumes.get("secrets", {}).get("secret", {}).get("items", [])
        assert sorted(item["key"] for item in items) == sorted(SERVICES[name].get("secrets", [])), name
    assert "Secret" not in {each["kind"] for each in DOCUMENTS}


def test_what_a_container_mounts_is_there() -> None:
    for each in DOCUMENTS:
        if template := each.get("spec", {}).get("template"):
            claims = {claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])}
            volumes = {volume["name"] for volume in template["spec"].get("volumes", [])}
            (container,) = template["spec"]["containers"]
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounts == volumes | claims, each["metadata"]["name"]
            assert each["spec"].get("selector", {"matchLabels": template["metadata"]["labels"]}) == {
                "matchLabels": template["metadata"]["labels"]
            }


def test_a_pod_is_no_root_and_has_its_bounds() -> None:
    for name, pod in PODS.items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["enableServiceLinks"] is False, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
        assert container["resources"]["limits"].keys() == {"memory"}, name
        assert container.get("imagePullPolicy") == ("IfNotPresent" if container["image"] == OWN_IMAGE else None), name


def test_a_service_leads_to_a_pod_by_ports_that_it_may_have() -> None:
    services = {each["metadata"]["name"]: each["spec"] for each in DOCUMENTS if each["kind"] == "Service"}

    assert services.keys() == {*PODS, "driver"} - {"daemon", "bucket"}
    for name, spec in services.items():
        (container,) = PODS[spec["selector"]["app"]]["containers"]
        ports = {port["containerPort"] for port in container["ports"]}
        assert spec.get("clusterIP") == "None" or {port["port"] for port in spec["ports"]} <= ports, name


def test_only_the_code_server_may_ask_kubernetes_for_anything() -> None:
    assert {name: pod.get("serviceAccountName") for name, pod in PODS.items() if pod.get("serviceAccountName")} == {
        "code": "clickstream"
    }
    assert [name for name, pod in PODS.items() if pod.get("automountServiceAccountToken") is not False] == ["code"]
