"""Routes, stage and outputs of the HTTP API."""

from __future__ import annotations

from tests.infra.conftest import Template

ROUTES = {
    "POST /v1/events": "ingest",
    "POST /v1/events/batch": "ingest",
    "GET /v1/events": "query",
    "GET /v1/events/{id}": "query",
    "GET /v1/deliveries": "query",
    "GET /v1/deliveries/{id}": "query",
    "GET /v1/stats": "query",
    "GET /openapi.json": "query",
    "GET /docs": "query",
    "GET /healthz": "query",
    "ANY /v1/{proxy+}": "manage",
    "$default": "manage",
}


def test_each_route_leads_to_its_room(prod: Template) -> None:
    routes = {
        route["Properties"]["RouteKey"]: _room(prod, route["Properties"]["Target"])
        for route in prod.of_type("AWS::ApiGatewayV2::Route").values()
    }
    assert routes == ROUTES


def test_the_stage_throttles_and_logs_accesses(prod: Template) -> None:
    stage = prod.one("AWS::ApiGatewayV2::Stage", "Api")
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": 1_000,
        "ThrottlingBurstLimit": 2_000,
    }
    group = stage["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"][0]
    assert prod.of_type("AWS::Logs::LogGroup")[group]["Properties"]["RetentionInDays"] == 30
    assert "query" not in stage["AccessLogSettings"]["Format"].lower()


def test_payloads_are_of_format_2(prod: Template) -> None:
    integrations = prod.of_type("AWS::ApiGatewayV2::Integration").values()
    assert {i["Properties"]["PayloadFormatVersion"] for i in integrations} == {"2.0"}


def test_outputs_name_what_tools_and_operators_look_for(prod: Template) -> None:
    lanes = {f"{lane}QueueUrl" for lane in ("Match", "Deliver", "Slow", "Operate")}
    dead = {f"{lane}DlqUrl" for lane in ("Match", "Deliver", "Slow", "Operate", "Notify")}
    rooms = {f"{room.title()}Function" for room in {*ROUTES.values(), "match", "deliver"}}
    rooms |= {"NotifyFunction", "SweepFunction", "OperateFunction"}
    others = {"ApiId", "ApiUrl", "LedgerTable", "RegistryTable", "BlobsBucket", "BusName"}
    others |= {"AlarmTopicArn"}
    assert set(prod.body["Outputs"]) == lanes | dead | rooms | others


def _room(template: Template, target: dict[str, list[object]]) -> str:
    """integrations/<ref> -> function -> the room in its handler."""
    (reference,) = [part for part in target["Fn::Join"][1] if isinstance(part, dict)]
    integration = template.of_type("AWS::ApiGatewayV2::Integration")[reference["Ref"]]
    function = integration["Properties"]["IntegrationUri"]["Fn::GetAtt"][0]
    handler: str = template.of_type("AWS::Lambda::Function")[function]["Properties"]["Handler"]
    return handler.split(".")[1]
