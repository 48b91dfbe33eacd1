"""Whatever a caller sends, the answer is a problem document that helps, and never a 5xx."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.e2e.client import ApiProject

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

GOOD = b'{"type":"t","data":{}}'
HALF_EMOJI = b'{"type":"t","data":{"title":"a \\ud83d b","k\\udc00":1}}'

BODIES: dict[str, tuple[bytes, int, str]] = {
    "fc_09_not_json": (b"{'type':'t','data':{}}", 400, "invalid_json"),
    "fc_09_nan": (b'{"type":"t","data":NaN}', 400, "invalid_json"),
    "fc_09_infinity": (b'{"type":"t","data":[-Infinity,Infinity]}', 400, "invalid_json"),
    "fc_09_comma": (b'{"type":"t","data":{"a":1,}}', 400, "invalid_json"),
    "fc_09_trailing": (GOOD + b" x", 400, "invalid_json"),
    "fc_09_twice": (GOOD * 2, 400, "invalid_json"),
    "fc_09_empty": (b"", 400, "invalid_json"),
    "fc_09_null": (b"null", 400, "not_an_object"),
    "fc_09_list": (b"[]", 400, "not_an_object"),
    "fc_09_string": (b'"t"', 400, "not_an_object"),
    "fc_09_leading_zero": (b'{"type":"t","data":{"a":01}}', 400, "invalid_json"),
    "fc_09_raw_tab": (b'{"type":"t","data":"tab\there"}', 400, "invalid_json"),
    "fc_09_bom": (b"\xef\xbb\xbf" + GOOD, 400, "invalid_json"),
    "fc_10_brackets": (
        b'{"type":"t","data":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        400,
        "too_deep",
    ),
    "fc_10_objects": (
        b'{"type":"t","data":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
        400,
        "too_deep",
    ),
    "fc_10_unclosed": (b"[" * 100_000, 400, "too_deep"),
    "fc_11_huge": (b'{"type":"t","data":{"huge":1e400}}', 400, "number_out_of_range"),
    "fc_12_half_emoji": (HALF_EMOJI, 400, "invalid_unicode"),
    "fc_13_twice_inside": (b'{"type":"t","data":{"amount":5,"amount":9}}', 400, "duplicate_name"),
    "fc_13_twice_outside": (b'{"type":"a","type":"b","data":{}}', 400, "duplicate_name"),
    "no_type": (b'{"data":{}}', 400, "missing_field"),
    "no_data": (b'{"type":"t"}', 400, "missing_field"),
    "unknown_field": (b'{"type":"t","data":{},"topic":"x"}', 400, "unknown_field"),
    "type_is_a_number": (b'{"type":7,"data":{}}', 400, "invalid_field"),
    "fc_17_type_with_dot_at_end": (b'{"type":"order.","data":{}}', 400, "invalid_event_type"),
    "fc_17_type_with_newline": (
        b'{"type":"order.created\\n","data":{}}',
        400,
        "invalid_event_type",
    ),
    "time_without_zone": (
        b'{"type":"t","data":{},"time":"2026-03-29T10:00:00"}',
        400,
        "invalid_field",
    ),
    "two_mebibytes": (b'{"type":"t","data":"' + b"x" * 2_097_152 + b'"}', 413, "payload_too_large"),
    "fc_59_eleven_megabytes": (
        b'{"type":"t","data":"' + b"x" * 11_000_000 + b'"}',
        413,
        "payload_too_large",
    ),
}


def check_problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert len(problem["detail"]) > 15


@pytest.mark.parametrize("name", BODIES)
def test_bad_bodies_get_a_problem_that_helps(project: ApiProject, name: str) -> None:
    body, status, code = BODIES[name]
    check_problem(project.post(body), status, code)


def test_a_wrong_key_and_no_key(project: ApiProject) -> None:
    bad = {"authorization": f"Bearer {project.token[:-2]}xx"}
    check_problem(
        project.call("POST", "/v1/events", content=GOOD, headers=bad), 401, "unauthorized"
    )
    none = {"authorization": ""}
    check_problem(project.call("GET", "/v1/events", headers=none), 401, "unauthorized")


def test_paths_and_methods_that_are_not_there(project: ApiProject) -> None:
    check_problem(project.call("GET", "/v1/nothing"), 404, "not_found")
    check_problem(project.call("DELETE", "/v1/events"), 405, "method_not_allowed")
    check_problem(project.call("GET", "/v1/events/evt_x"), 404, "not_found")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ('Application/JSON;charset="UTF-8"', 202),
        ("text/plain", 415),
    ],
)
def test_fc_59_wrappings(project: ApiProject, content_type: str, status: int) -> None:
    assert project.post(GOOD, **{"content-type": content_type}).status_code == status


@pytest.mark.parametrize("size", [1_000, 1_025, 256_000, 310_000, 1_000_000])
def test_fc_59_sizes_up_to_the_limit_are_delivered_whole(project: ApiProject, size: int) -> None:
    path = f"/fc59/{size}"
    project.subscription(project.endpoint(path))
    noise = "".join(f"{n:x}" for n in range(size // 4))[: size - 40]
    answer = project.post(b'{"type":"t","data":"' + noise.encode() + b'"}')
    assert answer.status_code == 202, answer.text
    assert project.outcome(answer.json()["id"])["status"] == "succeeded"
    (seen,) = project.receiver.requests(path)
    assert noise.encode() in seen.body


def test_fc_59_gzip_is_unpacked_within_the_same_limit(project: ApiProject) -> None:
    packed = {"content-encoding": "gzip", "content-type": "application/octet-stream"}
    assert project.post(gzip.compress(GOOD), **packed).status_code == 202
    bomb = gzip.compress(b'{"type":"t","data":"' + b"x" * 5_000_000 + b'"}')
    check_problem(project.post(bomb, **packed), 413, "payload_too_large")


def test_the_documents_need_no_key(project: ApiProject) -> None:
    nobody = {"authorization": ""}
    document = project.call("GET", "/openapi.json", headers=nobody).json()
    assert document["openapi"].startswith("3.1")
    assert "/v1/events/{id}" in document["paths"]
    page = project.call("GET", "/docs", headers=nobody)
    assert page.headers["content-type"].startswith("text/html")
    assert "/v1/events" in page.text
    assert project.call("GET", "/healthz", headers=nobody).json() == {"status": "ok"}
