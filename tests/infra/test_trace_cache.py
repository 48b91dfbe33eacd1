"""The trace cache: nothing of it unless it is asked for, and then query alone reaches it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.permissions import ROOMS, WITH_TRACE_CACHE
from infra.workers import LARGE_FILTER, STREAM_FILTER
from tests.infra.conftest import Template, synthesize
from tests.infra.test_rooms import _list, _statements

pytestmark = pytest.mark.xdist_group("templates")
ITS_OWN = ("AWS::EC2::", "AWS::ElastiCache::")


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return synthesize(tmp_path_factory.mktemp("cached"), nag=True, trace_cache=True)


def kinds(template: Template) -> set[str]:
    return {r["Type"] for r in template.body["Resources"].values()}


def test_without_the_setting_there_is_nothing_of_it(prod: Template) -> None:
    assert not [kind for kind in kinds(prod) if kind.startswith(ITS_OWN)]
    for room in ROOMS:
        function = prod.function(room)
        assert "VpcConfig" not in function
        assert not {"TRACE_CACHE_URL", "FORGET_FUNCTION"} & set(
            function["Environment"]["Variables"]
        )


def test_with_it_only_what_is_needed_comes_on_top(prod: Template, cached: Template) -> None:
    new = kinds(cached) - kinds(prod)
    assert all(kind.startswith(ITS_OWN) for kind in new)
    costly = ("NatGateway", "InternetGateway", "EIP")
    assert not [kind for kind in new if kind.endswith(costly)]
    endpoints = [e["Properties"] for e in cached.of_type("AWS::EC2::VPCEndpoint").values()]
    assert [e["VpcEndpointType"] for e in endpoints] == ["Gateway", "Gateway"]
    services = json.dumps([e["ServiceName"] for e in endpoints])
    assert ".dynamodb" in services
    assert ".s3" in services


def test_query_alone_is_in_the_network(cached: Template) -> None:
    inside = {room for room in ROOMS if "VpcConfig" in cached.function(room)}
    assert inside == {"query"}
    assert len(cached.function("query")["VpcConfig"]["SubnetIds"]) == 2


def test_the_cache_is_valkey_with_limits_and_query_alone_may_reach_it(cached: Template) -> None:
    cache = cached.one("AWS::ElastiCache::ServerlessCache", "Cache")
    assert cache["Engine"] == "valkey"
    limits = cache["CacheUsageLimits"]
    assert limits["DataStorage"] == {"Maximum": 1, "Unit": "GB"}
    assert limits["ECPUPerSecond"] == {"Maximum": 15_000}
    (group,) = cache["SecurityGroupIds"]
    (caller,) = cached.function("query")["VpcConfig"]["SecurityGroupIds"]
    rules = [r["Properties"] for r in cached.of_type("AWS::EC2::SecurityGroupIngress").values()]
    assert {rule["FromPort"] for rule in rules} == {6379, 6380}
    for rule in rules:
        assert rule["GroupId"] == group
        assert rule["SourceSecurityGroupId"] == caller
        assert "CidrIp" not in rule
    url = cached.function("query")["Environment"]["Variables"]["TRACE_CACHE_URL"]
    assert url["Fn::Join"][1][0] == "rediss://"


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_roles_hold_exactly_what_the_setting_adds(cached: Template, room: str) -> None:
    role = cached.id_of("AWS::IAM::Role", f"{room.title()}Role")
    statements = _statements(cached, role)
    actions = {action for statement in statements for action in _list(statement)}
    assert actions == ROOMS[room].actions | set(WITH_TRACE_CACHE.get(room, ()))
    for statement in statements:
        if "lambda:InvokeFunction" in _list(statement):
            assert statement["Resource"] == _query(cached)
    variables = cached.function(room)["Environment"]["Variables"]
    wanted = _query(cached) if room in {"manage", "notify"} else None
    assert variables.get("FORGET_FUNCTION") == wanted


def test_the_stream_still_has_one_reader(cached: Template) -> None:
    """DynamoDB advises two readers of a shard at most: notify passes on what it sees."""
    mappings = [m["Properties"] for m in cached.of_type("AWS::Lambda::EventSourceMapping").values()]
    patterns = (STREAM_FILTER, LARGE_FILTER)  # both of notify's one mapping
    filters = [m["FilterCriteria"] for m in mappings if "FilterCriteria" in m]
    assert filters == [{"Filters": [{"Pattern": json.dumps(one)} for one in patterns]}]


def _query(template: Template) -> dict[str, Any]:
    return {"Fn::GetAtt": [template.id_of("AWS::Lambda::Function", "QueryFunction"), "Arn"]}


def test_query_may_do_what_a_function_in_a_vpc_must() -> None:
    """As in AWS's managed policy AWSLambdaVPCAccessExecutionRole, version 3."""
    assert set(WITH_TRACE_CACHE["query"]) == {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    }
