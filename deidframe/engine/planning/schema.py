"""The JSON Schema of a recipe, with the parameters of what is installed, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from deidframe.contract.errors import PluginError
from deidframe.engine.planning.plan import ROLE_OF_KEY
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.model import COVERS, Recipe

_ROLES = ("source", "detector", *ROLE_OF_KEY.values(), "landmarker", "attacker", "measure")


def recipe_schema(catalogue: Catalogue) -> dict[str, Any]:
    """Return the schema (draft 2020-12): names are those of installed components, and each name has its own parameters.

    A component that cannot be loaded keeps its name and takes any parameters. What a schema cannot say (how many people there
    are, which encodings a clusterer accepts) only `deidframe check` finds.
    """
    schema = Recipe.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    for role in _ROLES:
        definitions[f"{role}-use"] = _use(catalogue, role, definitions)
    for key, role in ROLE_OF_KEY.items():
        definitions["MethodSpec"]["properties"][key] = _part(role)
    names = {
        "type": "array",
        "items": {"enum": list(catalogue.names("encoder"))},
        "minItems": 1,
        "maxItems": 8,
        "uniqueItems": True,
    }
    definitions["MethodSpec"]["properties"]["encoder"] = {"anyOf": [_part("encoder"), names]}
    schema["properties"]["detector"] = definitions["AuditSpec"]["properties"]["detector"] = _part("detector")
    for owner, role in (("SourceSpec", "source"), ("AttackSpec", "attacker"), ("MeasureSpec", "measure")):
        definitions[owner]["allOf"] = [{"$ref": f"#/$defs/{role}-use"}]
    bare = {"type": "object", "properties": {"use": {"enum": list(COVERS)}}, "required": ["use"], "additionalProperties": False}
    definitions["SceneSpec"]["properties"]["cover"] = {"anyOf": [bare, _part("redactor")]}
    definitions["SceneSpec"]["properties"]["landmarker"] = _part("landmarker")
    definitions["AttackSpec"]["properties"]["own"] = _part("source")
    definitions["SourceSpec"]["required"].remove("subjects")  # whole photos are covered whoever is on them
    schema["if"], schema["else"] = {"required": ["scene"]}, {"properties": {"source": {"required": ["subjects"]}}}
    schema["anyOf"] = [{"required": ["method"]}, {"required": ["scene"]}]
    definitions.pop("Part", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "a recipe of deidframe", **schema}


def _part(role: str) -> dict[str, Any]:
    properties = {"use": {"type": "string"}, "params": {"type": "object"}, "environment": {"type": "string", "pattern": "^venv:"}}
    return {
        "type": "object",
        "properties": properties,
        "required": ["use"],
        "additionalProperties": False,
        "allOf": [{"$ref": f"#/$defs/{role}-use"}],
    }


def _use(catalogue: Catalogue, role: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that holds `use` to the role's names and `params` to those of the one that is named."""
    names = catalogue.names(role)
    spelt: list[str] = []
    cases: list[dict[str, Any]] = []
    for name in names:
        both = [name, *(one.qualified for one in catalogue.listed if one.role == role and one.name == name)]
        spelt += both
        try:
            params = catalogue.load(role, name).component.params
        except PluginError:
            continue
        place = f"{role}.{name}"
        own = params.model_json_schema(by_alias=True, ref_template=f"#/$defs/{place}.{{model}}")
        definitions.update({f"{place}.{model}": inner for model, inner in own.pop("$defs", {}).items()})
        needed = {"required": ["params"]} if own.get("required") else {}
        cases.append({"if": {"properties": {"use": {"enum": both}}}, "then": {"properties": {"params": own}, **needed}})
    return {"properties": {"use": {"enum": spelt}}, "allOf": cases} if cases else {"properties": {"use": {"enum": spelt}}}
