"""Settings of a deployment, and what they change in the template."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.settings import Settings
from tests.infra.conftest import synthesize

TOPIC = "arn:aws:sns:us-east-1:000000000000:alarms"


def test_production_is_the_default() -> None:
    settings = Settings.read({"bundle": "build"})
    assert settings.stage == "prod"
    assert settings.keep_data
    assert not settings.allow_loopback


def test_what_is_given_wins_over_the_stage() -> None:
    settings = Settings.read({"bundle": "build", "stage": "local", "allow_loopback": "false"})
    assert settings.visibility_multiplier == 1
    assert not settings.allow_loopback


@pytest.mark.parametrize(
    "given",
    [
        {"stage": "test"},
        {"throttle_rate": 0},
        {"max_body_bytes": 4 * 1_048_576 + 1},  # Lambda's 6 MB, escaped or in base64
        {"unknown": 1},
        {"audit_second_seconds": 600},
        {"audit_first_seconds": 1_800},
    ],
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.read({"bundle": "build", **given})


@pytest.mark.xdist_group("templates")
@pytest.mark.parametrize("stage", ["prod", "local"])
def test_cdk_nag_finds_nothing_that_has_no_reason(tmp_path: Path, stage: str) -> None:
    template = synthesize(tmp_path, nag=True, stage=stage)
    assert template.of_type("AWS::Lambda::Function")


@pytest.mark.xdist_group("templates")
def test_snap_start_serves_published_versions(tmp_path: Path) -> None:
    template = synthesize(tmp_path, snap_start=True, extra_ca_file="ca.pem", alarm_topic_arn=TOPIC)
    functions = template.of_type("AWS::Lambda::Function").values()
    assert {f["Properties"]["SnapStart"]["ApplyOn"] for f in functions} == {"PublishedVersions"}
    mappings = template.of_type("AWS::Lambda::EventSourceMapping").values()
    aliases = set(template.of_type("AWS::Lambda::Alias"))
    for mapping in mappings:
        target = str(mapping["Properties"]["FunctionName"])
        assert any(alias in target for alias in aliases)
    assert template.function("deliver")["Environment"]["Variables"]["EXTRA_CA_FILE"] == "ca.pem"
    alarms = template.of_type("AWS::CloudWatch::Alarm").values()
    assert {tuple(a["Properties"]["AlarmActions"]) for a in alarms} == {(TOPIC,)}
