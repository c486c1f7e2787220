"""Every --json document is held against the schema that the program publishes for it, and may have no member more."""

import functools
import json
import pathlib
import subprocess
import tempfile

import jsonschema


@functools.cache
def schemas(program):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "_docs", "schema", folder], check=True, stdin=subprocess.DEVNULL)
        return {path.stem: json.loads(path.read_text()) for path in pathlib.Path(folder).iterdir()}


def undeclared(value, schema, path="$"):
    """Members that the schema does not name, where it names any."""
    if isinstance(value, list):
        return [name for item in value for name in undeclared(item, schema.get("items", {}), path + "[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = [f"{path}.{name}" for name in value if name not in schema["properties"]]
    for name, member in schema["properties"].items():
        if name in value:
            found += undeclared(value[name], member, f"{path}.{name}")
    return found


def without_required(schema):
    """What holds when --fields leaves members out."""
    if isinstance(schema, list):
        return [without_required(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without_required(part) for name, part in schema.items() if name != "required"}


def check_document(program, document, partly=False):
    schema = schemas(program)[document["schema"]]
    validator = jsonschema.Draft202012Validator(without_required(schema) if partly else schema)
    wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert wrong == [], f"{document['schema']} does not say so"
    assert undeclared(document, schema) == [], f"members that {document['schema']} does not declare"


def check_items(program, command, items):
    """Lines of -o jsonl: what stands in the document's list, one by one."""
    name = f"ymgr.{command.replace(' ', '-')}.v1"
    properties = schemas(program)[name]["properties"]
    lists = [member["items"] for member in properties.values() if "array" in member.get("type", "") and member["items"].get("type") == "object"]
    assert lists, f"{name} has no list"
    for item in items:
        fits = [one for one in lists if jsonschema.Draft202012Validator(one).is_valid(item) and undeclared(item, one) == []]
        assert fits, f"no list of {name} has such items: {item}"
