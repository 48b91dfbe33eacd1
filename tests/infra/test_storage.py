"""Tables and bucket, as the design asks for them."""

from __future__ import annotations

import pytest

from hooktrace.adapters.tables import INDEX_KEYS
from infra.tables import LEDGER
from tests.infra.conftest import Template

TABLE = "AWS::DynamoDB::Table"
KEYS = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]


@pytest.mark.parametrize("part", ["Ledger", "Registry"])
def test_tables_are_on_demand_restorable_and_forget_what_has_expired(
    prod: Template, part: str
) -> None:
    table = prod.one(TABLE, part)
    assert table["KeySchema"] == KEYS
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "x", "Enabled": True}


def test_only_the_ledger_is_streamed(prod: Template) -> None:
    wanted = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert prod.one(TABLE, "Ledger")["StreamSpecification"] == wanted
    assert "StreamSpecification" not in prod.one(TABLE, "Registry")


def test_the_indexes_are_those_that_the_code_reads_and_hold_keys_only(prod: Template) -> None:
    indexes = prod.one(TABLE, "Ledger")["GlobalSecondaryIndexes"]
    keys = {
        index["IndexName"]: tuple(key["AttributeName"] for key in index["KeySchema"])
        for index in indexes
    }
    assert keys == INDEX_KEYS
    assert {index["Projection"]["ProjectionType"] for index in indexes} == {"KEYS_ONLY"}
    types = {
        definition["AttributeName"]: definition["AttributeType"]
        for definition in prod.one(TABLE, "Ledger")["AttributeDefinitions"]
    }
    assert types == dict.fromkeys(("PK", "SK", "ek", "ul", "ak", "dk"), "S") | {"da": "N"}


def test_tables_outside_of_cloudformation_have_the_templates_shape(prod: Template) -> None:
    request = LEDGER.create_table_request("any")
    table = prod.one(TABLE, "Ledger")
    assert request["KeySchema"] == table["KeySchema"]
    assert request["GlobalSecondaryIndexes"] == table["GlobalSecondaryIndexes"]
    by_name = sorted(request["AttributeDefinitions"], key=lambda entry: entry["AttributeName"])
    assert by_name == sorted(
        table["AttributeDefinitions"], key=lambda entry: entry["AttributeName"]
    )


def test_data_outlives_the_stack_in_production_alone(prod: Template, local: Template) -> None:
    for template, policy, protected in ((prod, "Retain", True), (local, "Delete", False)):
        for kind in (TABLE, "AWS::S3::Bucket"):
            for resource in template.of_type(kind).values():
                assert resource["DeletionPolicy"] == policy
        for table in template.of_type(TABLE).values():
            assert table["Properties"]["DeletionProtectionEnabled"] is protected


def test_the_bucket_is_closed_and_encrypted(prod: Template) -> None:
    bucket = prod.one("AWS::S3::Bucket", "Blobs")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (statement,) = prod.one("AWS::S3::BucketPolicy", "Blobs")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bodies_expire_and_snapshots_stay(prod: Template) -> None:
    rules = prod.one("AWS::S3::Bucket", "Blobs")["LifecycleConfiguration"]["Rules"]
    expiring = [(r.get("Prefix"), r["ExpirationInDays"]) for r in rules if "ExpirationInDays" in r]
    assert expiring == [("bodies/", 400)]


KEY = "AWS::KMS::Key"


def test_the_key_of_secrets_is_turned_over_and_outlives_the_stack(prod: Template) -> None:
    (resource,) = prod.of_type(KEY).values()
    assert resource["Properties"]["EnableKeyRotation"] is True
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    alias = prod.one("AWS::KMS::Alias", "SecretsKey")
    name = {"Fn::Join": ["", ["alias/", {"Ref": "AWS::StackName"}, "-secrets"]]}
    assert alias["AliasName"] == name
    assert alias["TargetKeyId"] == {"Fn::GetAtt": [prod.id_of(KEY, "SecretsKey"), "Arn"]}


def test_the_keys_policy_leaves_its_use_to_iam(prod: Template) -> None:
    (statement,) = prod.one(KEY, "SecretsKey")["KeyPolicy"]["Statement"]
    assert statement["Effect"] == "Allow"
    (principal,) = statement["Principal"].values()
    assert ":root" in str(principal)


def test_rooms_use_that_key_and_no_other(prod: Template) -> None:
    arn = {"Fn::GetAtt": [prod.id_of(KEY, "SecretsKey"), "Arn"]}
    found = 0
    for policy in prod.of_type("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "kms:" in str(statement["Action"]):
                assert statement["Resource"] == arn
                found += 1
    assert found == 2
    for room in ("deliver", "manage"):
        assert prod.function(room)["Environment"]["Variables"]["SECRETS_KEY_ARN"] == arn


def test_the_local_stack_takes_its_key_with_it(local: Template) -> None:
    (resource,) = local.of_type(KEY).values()
    assert resource["DeletionPolicy"] == "Delete"
