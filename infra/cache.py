"""The trace cache, where it is asked for: a network of its own, Valkey in it, and query beside it.

Query reaches DynamoDB and S3 through gateway endpoints, which cost nothing, and nothing else: there
is no NAT, no internet and no interface endpoint. Other rooms stay outside and call query.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.settings import Settings

PORT = 6379
MOST_GB = 1
MOST_ECPU_PER_SECOND = 15_000


@dataclass(frozen=True, slots=True)
class Network:
    """Where a function runs that is not to run in Lambda's own network."""

    vpc: ec2.Vpc
    security_group: ec2.SecurityGroup


class TraceCache(Construct):
    """ElastiCache Serverless for Valkey, which query alone may reach; `url` is where."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings) -> None:
        super().__init__(scope, name)
        vpc = self._vpc()
        callers = ec2.SecurityGroup(self, "Query", vpc=vpc, description="Hooktrace query")
        servers = ec2.SecurityGroup(
            self, "Valkey", vpc=vpc, description="Hooktrace trace cache", allow_all_outbound=False
        )
        for port in (PORT, PORT + 1):  # the second is ElastiCache's own, for reads from replicas
            servers.add_ingress_rule(callers, ec2.Port.tcp(port), "query alone")
        usage = elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
            data_storage=elasticache.CfnServerlessCache.DataStorageProperty(
                unit="GB", maximum=MOST_GB
            ),
            ecpu_per_second=elasticache.CfnServerlessCache.ECPUPerSecondProperty(
                maximum=MOST_ECPU_PER_SECOND
            ),
        )
        cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            engine="valkey",
            major_engine_version="8",
            serverless_cache_name=f"hooktrace-{self.node.addr[-8:]}",
            description="Hooktrace: ended traces",
            security_group_ids=[servers.security_group_id],
            subnet_ids=[subnet.subnet_id for subnet in vpc.isolated_subnets],
            cache_usage_limits=usage,
        )
        self.network = Network(vpc, callers)
        self.url = f"rediss://{cache.attr_endpoint_address}:{cache.attr_endpoint_port}"

    def _vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
                )
            ],
        )
        for service in ("DYNAMODB", "S3"):
            vpc.add_gateway_endpoint(
                service.title(), service=getattr(ec2.GatewayVpcEndpointAwsService, service)
            )
        acknowledge(
            vpc,
            "AwsSolutions-VPC7",
            "one function and one cache, with no way to the internet; flow logs cost more than they"
            " could tell, and can be switched on for the account",
        )
        return vpc
