"""The OpenAPI document as one page of HTML: no script, no request to anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

CONTENT_TYPE = "text/html; charset=utf-8"
SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"

FIRST = ("Events", "Deliveries")
"""What a reader comes for."""

_REF = "#/components/schemas/"
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;
--get:#1a7f4b;--post:#2057b8;--patch:#9a6700;--delete:#b3261e}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.7rem;overflow:auto}
nav ul{columns:20rem;padding-left:1rem}h2{border-bottom:1px solid var(--line);margin-top:2.5rem}
article{border:1px solid var(--line);border-radius:.4rem;margin:1rem 0;padding:.2rem 1rem 1rem}
table{border-collapse:collapse;width:100%}
td,th{border-top:1px solid var(--line);padding:.3rem .5rem;
text-align:left;vertical-align:top}.m{font-weight:700;text-transform:uppercase}
.m.get{color:var(--get)}.m.post{color:var(--post)}.m.put,.m.patch{color:var(--patch)}
.m.delete{color:var(--delete)}h3 code{font-size:17px}
"""


def render(document: Mapping[str, Any]) -> str:
    """The page. Every text of the document is escaped."""
    info = document["info"]
    groups = _by_tag(document["paths"])
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>",
        _prose(info.get("description", "")),
        '<p>The same as data: <a href="openapi.json">openapi.json</a></p><nav><ul>',
    ]
    for tag, operations in groups.items():
        for method, _, operation in operations:
            link = f'<a href="#{escape(operation["operationId"])}">{escape(operation["summary"])}'
            parts.append(f"<li>{link}</a> <small>{escape(tag)} · {method.upper()}</small></li>")
    parts.append("</ul></nav><main>")
    for tag, operations in groups.items():
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [_operation(method, path, operation) for method, path, operation in operations]
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(_schema_section(name, schema))
    parts.append("</main></body></html>\n")
    return "".join(parts)


def _by_tag(paths: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            tag = next(iter(operation.get("tags", [])), "other")
            groups.setdefault(tag, []).append((method, path, operation))
    return dict(sorted(groups.items(), key=lambda entry: (_rank(entry[0]), entry[0])))


def _rank(tag: str) -> int:
    return FIRST.index(tag) if tag in FIRST else len(FIRST)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f'<article id="{escape(operation["operationId"])}"><h3>',
        f'<span class="m {escape(method)}">{escape(method)}</span> ',
        f"<code>{escape(path)}</code></h3>",
        f"<p><strong>{escape(operation['summary'])}</strong></p>",
        _prose(operation.get("description", "")),
    ]
    rows = [_parameter_row(parameter) for parameter in operation.get("parameters", [])]
    if rows:
        parts.append("<h4>Parameters</h4>" + _table(("Name", "In", "Type", ""), rows))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>Body</h4><p>{escape(media)}: {_type(content['schema'])}</p>")
    answers = [_answer_row(*entry) for entry in operation["responses"].items()]
    parts.append("<h4>Answers</h4>" + _table(("Status", "Body", ""), answers) + "</article>")
    return "".join(parts)


def _parameter_row(parameter: Mapping[str, Any]) -> tuple[str, ...]:
    required = " <small>required</small>" if parameter.get("required") else ""
    name = f"<code>{escape(parameter['name'])}</code>{required}"
    about = _inline(parameter.get("description", ""))
    return name, escape(parameter["in"]), _type(parameter["schema"]), about


def _answer_row(status: str, answer: Mapping[str, Any]) -> tuple[str, ...]:
    bodies = [
        _type({"$ref": _REF + "Problem"} if "problem" in media else content["schema"])
        for media, content in answer.get("content", {}).items()
    ]
    return escape(status), ", ".join(bodies), _inline(answer["description"])


def _schema_section(name: str, schema: Mapping[str, Any]) -> str:
    parts = [f'<article id="schema-{escape(name)}"><h3><code>{escape(name)}</code></h3>']
    parts.append(_prose(schema.get("description", "")))
    required = schema.get("required", [])
    rows = []
    for member, entry in schema.get("properties", {}).items():
        mark = " <small>required</small>" if member in required else ""
        about = _inline(entry.get("description", "")) + _for_example(entry)
        rows.append((f"<code>{escape(member)}</code>{mark}", _type(entry), about))
    parts.append(_table(("Member", "Type", ""), rows) if rows else f"<p>{_type(schema)}</p>")
    for example in schema.get("examples", []):
        text = json.dumps(example, indent=2, ensure_ascii=False)
        parts.append(f"<h4>Example</h4><pre>{escape(text)}</pre>")
    return "".join(parts) + "</article>"


def _for_example(schema: Mapping[str, Any]) -> str:
    texts = [json.dumps(example, ensure_ascii=False) for example in schema.get("examples", [])]
    shown = ", ".join(f"<code>{escape(text)}</code>" for text in texts)
    return f" <small>For example {shown}</small>" if shown else ""


def _type(schema: Mapping[str, Any]) -> str:
    """The type of a schema in a few words, with links to the named ones."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REF)
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(_type(choice) for choice in schema[union]))
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (
            ("format", "as"),
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
            ("default", "default"),
        )
        if key in schema
    ]
    return escape(", ".join([str(kind), *limits]))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{header}</tr>{body}</table>"


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    """Escaped text with `code` marked."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:
        return "`".join(pieces)
    return "".join(f"<code>{piece}</code>" if at % 2 else piece for at, piece in enumerate(pieces))
