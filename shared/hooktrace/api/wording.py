"""What is wrong with a value, said for its sender: what is expected, never what a library calls it.

The value itself is never quoted: it may be a secret.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
UNKNOWN = "extra_forbidden"

_WANTED: Mapping[str, str] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
    "string_too_short": ("min_length", "at least"),
    "string_too_long": ("max_length", "at most"),
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
}
_CHOICES = {"literal_error": "expected", "union_tag_invalid": "expected_tags"}
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Pattern:
    """An annotation of a string: what the whole of it must match, and what is said if it does not.

    The expression stands in the OpenAPI document; it has no anchors of its own.
    """

    expression: str
    message: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^{self.expression}$"}

    def _check(self, text: str) -> str:
        if re.fullmatch(self.expression, text) is None:  # pydantic's own name: its code is ours
            raise PydanticCustomError("string_pattern_mismatch", "{said}", {"said": self.message})
        return text


def id_of(prefix: str, thing: str) -> Pattern:
    """The pattern of the ids of one kind of thing."""
    return Pattern(
        f"{prefix}_{ULID}", f"Give the whole id of {thing}: {prefix}_ and 26 characters."
    )


def wording(detail: ErrorDetails, model: type[BaseModel], noun: str = "member") -> str:
    """The sentence for an error; texts of our own validators stand as they are."""
    kind, context, loc = detail["type"], detail.get("ctx", {}), detail["loc"]
    if kind == "missing":
        return f"This {noun} is required."
    if kind == UNKNOWN:
        known = listed(sorted(_known(model, loc)), "and")
        return f"This {noun} is not known here. Remove it.{f' Known: {known}.' if known else ''}"
    if kind == "union_tag_not_found":
        tag = context["discriminator"].strip("'")
        fields = [one.model_fields[tag] for one in _models_at(model, loc)]
        labels = [label for field in fields for label in get_args(field.annotation)]
        return f"This {noun} is required: {listed(labels, 'or')}."
    said = _said(kind, context, detail["input"])
    if said is None:
        return f"{detail['msg'].removesuffix('.')}."
    if "[key]" in loc:
        return f"The name of this {noun}: {said[0].lower()}{said[1:]}"
    return said


def _said(kind: str, context: Mapping[str, Any], value: object) -> str | None:
    """None for what our own validators say, also under a name that pydantic has."""
    if kind in _WANTED:
        return f"Give {_WANTED[kind]}{', not null' if value is None else ''}."
    if kind in _LIMITS and _LIMITS[kind][0] in context:
        name, than = _LIMITS[kind]
        number = context[name]
        if not name.endswith("_length"):
            return f"Give a number of {than} {number}."
        if (than, number) == ("at least", 1):
            return "It must not be empty."
        one, more = ("character",) * 2 if isinstance(value, str) else ("entry", "entrie")
        return f"Give {than} {number} {one if number == 1 else f'{more}s'}."
    if kind in _CHOICES and _CHOICES[kind] in context:
        return f"Give {_one_of(context[_CHOICES[kind]])}."
    return None


def _one_of(expected: str) -> str:
    names = _QUOTED.findall(expected)
    return f"{'one of ' if len(names) > 2 else ''}{listed(names, 'or')}"


def listed(names: Sequence[str], last: str) -> str:
    """Names as a sentence has them; `last` stands before the last one."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _known(model: type[BaseModel], loc: Sequence[int | str]) -> set[str]:
    """The names that the object has in which an unknown one stands."""
    models = _models_at(model, loc[:-1])
    if len(models) > 1:  # the last step before it is the tag of the choice that was taken
        models = [one for one in models if _is_choice(one, loc[-2])]
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _models_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[type[BaseModel]]:
    """The models that an object at this place can be of."""
    places: list[Any] = [model]
    for step in loc:
        inside = [found for place in places for found in _inside(place, step)]
        places = inside or places  # a step that leads nowhere is the tag of a choice
    return [one for one in places if isinstance(one, type) and issubclass(one, BaseModel)]


def _is_choice(model: type[BaseModel], tag: int | str) -> bool:
    """Whether this is the choice that the tag stands for."""
    return any(get_args(field.annotation) == (tag,) for field in model.model_fields.values())


def _inside(annotation: Any, step: int | str) -> Iterator[Any]:
    """What a member or an entry of something can be."""
    for choice in _choices(annotation):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            field = choice.model_fields.get(str(step))
            if field is not None:
                yield from _choices(field.annotation)
        elif isinstance(step, int) and get_origin(choice) in (list, tuple):
            yield from _choices(get_args(choice)[0])


def _choices(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for choice in get_args(annotation):
            yield from _choices(choice)
    else:
        yield annotation
