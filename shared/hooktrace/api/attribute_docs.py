"""The strings under the fields of a model, for the OpenAPI document.

pydantic can collect them too (`use_attribute_docstrings`), but when the class is made: that reads
and parses source at every cold start. Here it is done when a document is built.
"""

from __future__ import annotations

import ast
import inspect
import textwrap


def attribute_docs(model: type) -> dict[str, str]:
    """Field name to the string that stands under it, those of base classes included."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if "__annotations__" in vars(cls) and cls.__module__.partition(".")[0] != "pydantic":
            found |= _docs_of(cls)
    return found


def _docs_of(cls: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found
