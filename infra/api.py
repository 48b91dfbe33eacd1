"""The HTTP API: which room answers which route."""

from __future__ import annotations

import json

from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.function import Room
from infra.settings import Settings

INGEST_ROUTES = ("POST /v1/events", "POST /v1/events/batch")
QUERY_ROUTES = (
    "GET /v1/events",
    "GET /v1/events/{id}",
    "GET /v1/deliveries",
    "GET /v1/deliveries/{id}",
    "GET /v1/stats",
    "GET /openapi.json",
    "GET /docs",
    "GET /healthz",
)
MANAGE_ROUTES = ("ANY /v1/{proxy+}",)

METHODS = {
    "ANY": http.HttpMethod.ANY,
    "GET": http.HttpMethod.GET,
    "POST": http.HttpMethod.POST,
}

# Ids and sizes, never a query string: filters may hold what is in customers' events.
ACCESS_LOG = {
    "id": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "ms": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}


class Api(Construct):
    """Routes to ingest and query; all else, unknown paths too, to manage."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: Settings,
        access_log: logs.LogGroup,
        ingest: Room,
        query: Room,
        manage: Room,
    ) -> None:
        super().__init__(scope, name)
        integration = {room.name: _integration(room) for room in (ingest, query, manage)}
        self.api = http.HttpApi(
            self,
            "Api",
            description="Hooktrace",
            create_default_stage=False,
            default_integration=integration["manage"],
        )
        for room, routes in (
            ("ingest", INGEST_ROUTES),
            ("query", QUERY_ROUTES),
            ("manage", MANAGE_ROUTES),
        ):
            for route in routes:
                method, path = route.split(" ")
                self.api.add_routes(
                    path=path, methods=[METHODS[method]], integration=integration[room]
                )
        self.stage = http.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=http.ThrottleSettings(
                rate_limit=settings.throttle_rate, burst_limit=settings.throttle_burst
            ),
        )
        self._log_accesses(access_log)
        acknowledge(
            self.api,
            "AwsSolutions-APIG4",
            "API keys are checked in the rooms, so that a 401 is problem+json like every error",
        )

    def _log_accesses(self, log_group: logs.LogGroup) -> None:
        stage = self.stage.node.default_child
        assert isinstance(stage, http.CfnStage)
        stage.access_log_settings = http.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(ACCESS_LOG)
        )


def _integration(room: Room) -> integrations.HttpLambdaIntegration:
    """One permission for the whole API: a policy holds only so many routes."""
    return integrations.HttpLambdaIntegration(
        room.name.title(), room.entry, scope_permission_to_route=False
    )
