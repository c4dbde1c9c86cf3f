#!/usr/bin/env python3
"""usage: schemas.py OUT OPENAPI.json [CRD.yaml...]

Writes JSON schemas as kubeconform reads them, one for each kind, from the OpenAPI document of a kube-apiserver and from
CustomResourceDefinitions: OUT/<kind>-<group's first word>-<version>.json. They are strict: a field that the server does not
know, and would drop, is an error."""

import json
import pathlib
import sys

import yaml

PREFIX = "#/definitions/"
# Decoded by the server from more than the type says.
TYPES = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
}


def strict(schema):
    """Objects of named fields hold no others; the server's own marks say where they may."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    # The names of properties may be words of a schema.
    out = {
        key: {name: strict(p) for name, p in value.items()} if key == "properties" else strict(value)
        for key, value in schema.items()
    }
    named = "properties" in schema and schema.get("type", "object") == "object"
    if named and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    return out


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(PREFIX)
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def write(out, group, version, kind, schema):
    first = group.split(".")[0]
    name = "-".join(part for part in (kind.lower(), first, version) if part)
    (out / f"{name}.json").write_text(json.dumps(schema))


def from_openapi(out, text):
    definitions = {name: TYPES.get(name) or strict(d) for name, d in json.loads(text)["definitions"].items()}
    for name, definition in definitions.items():
        used, more = set(), {name}
        while more:
            used |= more
            more = {r for u in more for r in references(definitions[u])} - used
        schema = {"$ref": PREFIX + name, "definitions": {u: definitions[u] for u in used}}
        for gvk in definition.get("x-kubernetes-group-version-kind", []):
            if "metadata" in definition.get("properties", {}):
                write(out, gvk["group"], gvk["version"], gvk["kind"], schema)


def from_crd(out, text):
    for crd in yaml.safe_load_all(text):
        for version in crd["spec"]["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            write(out, crd["spec"]["group"], version["name"], crd["spec"]["names"]["kind"], schema)


def main():
    out = pathlib.Path(sys.argv[1])
    from_openapi(out, pathlib.Path(sys.argv[2]).read_text())
    for path in sys.argv[3:]:
        from_crd(out, pathlib.Path(path).read_text())


main()
