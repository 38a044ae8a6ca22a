"""Reduces the MPI Operator's own description of an MPIJob to what slurm/mpijob_4gpu.yaml uses.  Writes
tests/golden/mpijob_schema.json.

mpijob_schema.py FILE     FILE: manifests/base/kubeflow.org_mpijobs.yaml of https://github.com/kubeflow/mpi-operator

Types, enums, patterns and required fields are the source's.  Descriptions, defaults and formats go, fields that the manifest does not
use go, and no other field is allowed where the source lists fields, so that a misspelt one is an error.  A field of the
manifest that the source does not have ends the script.  Needs pyyaml.

The file in tests/golden follows commit b302019be7af803ab4aa15e99d4e5c5b4550e357 of the source.  It was made from a transcription of the
fields that the manifest uses, not from the whole file.
"""

import sys
from pathlib import Path

import yaml

from values import write_json

MANIFEST = Path(__file__).resolve().parents[2] / "slurm" / "mpijob_4gpu.yaml"
KEPT = ("type", "enum", "pattern", "required", "anyOf")


def reduced(schema, values, path):
    """`schema` without what none of `values` uses; they are all that the manifest has at `path`."""
    result = {key: schema[key] for key in KEPT if key in schema}
    if "properties" in schema:
        used = sorted({key for value in values for key in value})
        unknown = [key for key in used if key not in schema["properties"]]
        if unknown:
            sys.exit(f"{path}: the source has no field {unknown}")
        result["additionalProperties"] = False
        result["properties"] = {key: reduced(schema["properties"][key], [value[key] for value in values if key in value],
                                             f"{path}.{key}") for key in used}
    elif isinstance(schema.get("additionalProperties"), dict):
        inner = [one for value in values for one in value.values()]
        result["additionalProperties"] = reduced(schema["additionalProperties"], inner, f"{path}.*")
    elif "items" in schema:
        result["items"] = reduced(schema["items"], [one for value in values for one in value], f"{path}[]")
    return result


def main():
    crd = yaml.safe_load(Path(sys.argv[1]).read_text())
    (version,) = [version for version in crd["spec"]["versions"] if version["name"] == "v2beta1"]
    schema = reduced(version["schema"]["openAPIV3Schema"], [yaml.safe_load(MANIFEST.read_text())], "")
    schema["properties"]["apiVersion"]["enum"] = [f"{crd['spec']['group']}/v2beta1"]
    schema["properties"]["kind"]["enum"] = [crd["spec"]["names"]["kind"]]
    write_json("mpijob_schema", schema)


if __name__ == "__main__":
    main()
