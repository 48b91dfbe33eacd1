"""API Gateway's payload format 2.0, in and out.

In: what the gateway leaves open is decided here: header names in lower case, the query decoded
from its raw text, the body from base64 and gzip, with one limit for both forms. Out: JSON that is
always valid UTF-8, and raw JSON texts inside it as they stand.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel

from hooktrace.api.exchange import RawJson, Response
from hooktrace.domain.errors import Fault, InvalidInput

MAX_QUERY_FIELDS = 200

_GZIP_NAMES = ("gzip", "x-gzip")
_GZIP = 31  # zlib's window bits for a gzip header and trailer


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The request's headers by lower-case name."""
    return {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}


def query_of(event: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The query's parameters, decoded, in order, repeats kept. Raises InvalidInput."""
    raw = event.get("rawQueryString") or ""
    try:
        pairs = parse_qsl(
            raw, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
        )
    except UnicodeDecodeError:
        raise InvalidInput(
            "invalid_parameter", "The query is not percent-encoded UTF-8. Encode it again."
        ) from None
    except ValueError:
        raise InvalidInput(
            "invalid_parameter", f"The query has more than {MAX_QUERY_FIELDS} parameters."
        ) from None
    return tuple(pairs)


def body_of(event: Mapping[str, Any], headers: Mapping[str, str], limit: int) -> bytes:
    """The body, unpacked; at most `limit` bytes, packed and unpacked. Raises InvalidInput."""
    text = event.get("body") or ""
    encoding = headers.get("content-encoding", "").strip().lower()
    if not text:
        return b""
    if event.get("isBase64Encoded"):
        if len(text) // 4 * 3 > limit + 2:
            raise too_large(limit)
        try:
            body = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise InvalidInput("invalid_encoding", "The body is not valid base64.") from None
    elif encoding in _GZIP_NAMES and text[0] == "\x1f":
        body = _packed_as_text(text)
    else:
        body = text.encode("utf-8", "surrogatepass")
    if len(body) > limit:
        raise too_large(limit)
    return _unpacked(body, encoding, limit)


def _packed_as_text(text: str) -> bytes:
    """A gzip body that came as text.

    The gateway looks at the content type alone: it passes what is declared as JSON on as text and
    replaces the bytes that are no UTF-8. Only a character for each byte can be turned back.
    """
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise InvalidInput(
            "unsupported_encoding",
            "The gateway has damaged this gzip body, because it is declared as text. Send it "
            "without Content-Type or with `Content-Type: application/octet-stream`.",
        ) from None


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    match encoding:
        case "" | "identity":
            return body
        case _ if encoding in _GZIP_NAMES:
            return _inflate(body, limit)
        case _:
            raise InvalidInput(
                "unsupported_encoding",
                "Send the body unpacked or with `Content-Encoding: gzip`.",
                (Fault("", "unsupported_encoding", "only gzip", parameter="content-encoding"),),
            )


def _inflate(packed: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        body = inflater.decompress(packed, limit + 1)
    except zlib.error:
        raise InvalidInput("invalid_encoding", "The body is not valid gzip.") from None
    if len(body) > limit:
        raise too_large(limit)
    if not inflater.eof:
        raise InvalidInput("invalid_encoding", "The gzip body is cut short. Send all of it.")
    if inflater.unused_data:
        raise InvalidInput(
            "invalid_encoding", "Something follows the gzip body. Send one gzip member."
        )
    return body


def too_large(limit: int) -> InvalidInput:
    """The refusal of a body of more than `limit` bytes."""
    return InvalidInput(
        "payload_too_large",
        f"The body may have at most {limit} bytes, unpacked. Send less, or a reference to it.",
    )


def encode_json(value: object) -> str:
    """JSON of dicts, sequences, pydantic models and `RawJson`, always valid UTF-8.

    Raises ValueError for NaN and infinities, TypeError for what has no JSON form.
    """
    raw: list[str] = []
    mark = os.urandom(16).hex()  # nobody can put it into a value beforehand

    def default(value: object) -> object:
        match value:
            case RawJson():
                raw.append(value.text.decode())
                return f"{mark}{len(raw) - 1}"
            case BaseModel():
                return value.model_dump(by_alias=True)
            case frozenset() | set():
                return sorted(value)
        raise TypeError(f"no JSON form of {type(value).__name__}")

    text = _dump(value, default)
    if not raw:
        return text
    return re.sub(f'"{mark}([0-9]+)"', lambda found: raw[int(found[1])], text)


def _dump(value: object, default: Any) -> str:
    dump = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default
    ).encode
    text = dump(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair: send it as an escape
            return _escape_surrogates(text)
    return text


def _escape_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def to_gateway(response: Response, request_id: str) -> dict[str, object]:
    """The response in payload format 2.0."""
    headers = {
        "x-request-id": request_id,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    headers |= {name.lower(): value for name, value in response.headers.items()}
    answer: dict[str, object] = {"statusCode": response.status, "headers": headers}
    body = response.body
    if body is None:
        return answer
    if isinstance(body, bytes):
        headers.setdefault("content-type", "application/octet-stream")
        try:
            return answer | {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            return answer | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    headers.setdefault("content-type", "application/json")
    return answer | {"body": encode_json(body), "isBase64Encoded": False}
