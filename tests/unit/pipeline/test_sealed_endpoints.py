"""Endpoints lie sealed in the table; delivering opens them, other work leaves them shut."""

from __future__ import annotations

import subprocess
import sys

from hooktrace.adapters.registry.endpoint_items import endpoint_item, endpoint_of
from hooktrace.domain.confidential import Sealed
from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials, secret_of
from hooktrace.domain.registry import Endpoint, SigningSecret
from hooktrace.domain.signing import new_key, new_secret, public_key
from hooktrace.domain.states import DeliveryStatus
from hooktrace.usecases.guard_endpoints import opened_endpoint, sealed_endpoint
from tests.world import World

KEY = new_key(bytes(32))
FULL = {
    "secrets": (
        SigningSecret(new_secret(bytes(32))),
        SigningSecret(KEY, public_key=public_key(KEY)),
        SigningSecret(new_secret(bytes(range(32))), expires_ms=9_000_000_000_000),
    ),
    "signatures": ("v1", "v1a"),
    "headers": (("X-Key", "the-api-key"), ("X-Empty", "")),
    "auth": BasicAuth("hooks", "the-password"),
}


def stored(world: World, endpoint: Endpoint) -> Endpoint:
    found = world.registry.endpoints.get_endpoint(endpoint.project_id, endpoint.id)
    assert found is not None
    return found


def confidential(endpoint: Endpoint) -> list[object]:
    assert endpoint.auth is not None
    return [
        *(secret.value for secret in endpoint.secrets),
        *(value for _, value in endpoint.headers),
        secret_of(endpoint.auth),
    ]


def test_everything_confidential_is_sealed_and_the_rest_is_readable() -> None:
    world = World()
    endpoint = world.endpoint(**FULL)
    kept = stored(world, endpoint)
    assert all(isinstance(text, Sealed) for text in confidential(kept))
    assert len({text.data for text in confidential(kept) if isinstance(text, Sealed)}) == 6
    assert [name for name, _ in kept.headers] == ["X-Key", "X-Empty"]
    assert [secret.public_key for secret in kept.secrets] == [None, public_key(KEY), None]
    assert opened_endpoint(kept, world.vault) == endpoint
    oauth = world.endpoint(auth=ClientCredentials("https://i.example/", "c", "the-secret"))
    assert opened_endpoint(stored(world, oauth), world.vault) == oauth


def test_the_happy_path_asks_the_key_service_once_in_a_while() -> None:
    world = World()
    world.subscription(world.endpoint(**FULL))
    for _ in range(20):
        world.ingest()
    world.run()
    assert len(world.sender.requests) == 20
    assert (world.keys.made, world.keys.unwrapped) == (1, 0)


def test_records_from_before_there_was_a_vault_deliver_and_are_sealed_by_a_change() -> None:
    world = World()
    now = world.clock.now_ms()
    old = Endpoint(
        world.id("ep"), world.project.id, "http://127.0.0.1:9/old", now, now,
        FULL["secrets"], headers=FULL["headers"],
    )  # fmt: skip
    world.registry.endpoints.create_endpoint(old)
    assert stored(world, old) == old
    world.subscription(old)
    event = world.ingest()
    world.run()
    assert world.trace(event).deliveries[0].status is DeliveryStatus.SUCCEEDED
    assert world.keys.made == 0
    after = sealed_endpoint(stored(world, old), world.vault)
    assert all(isinstance(secret.value, Sealed) for secret in after.secrets)
    assert opened_endpoint(after, world.vault) == old


def test_an_item_of_the_version_before_still_decodes() -> None:
    world = World()
    plain = world.endpoint()
    item = endpoint_item(plain)
    assert "auth" not in item
    assert "signatures" not in item
    assert item["secrets"]["L"][0]["M"]["value"] == {"S": plain.secrets[0].value}
    assert endpoint_of(item) == plain


def test_what_a_later_version_adds_to_an_item_is_left_out() -> None:
    endpoint = World().endpoint(**FULL)
    item = endpoint_item(endpoint) | {"a_field_to_come": {"S": "x"}}
    item["secrets"]["L"][0]["M"]["something"] = {"S": "x"}
    assert endpoint_of(item) == endpoint


def test_while_the_key_service_is_down_nothing_is_claimed_and_nothing_is_lost() -> None:
    world = World()
    world.subscription(world.endpoint())
    world.vault._ciphers.clear()
    world.keys.down = True
    event = world.ingest()
    world.run()
    assert world.sender.requests == []
    assert world.trace(event).deliveries[0].attempts == ()
    world.keys.down = False
    world.run_for(120)
    (delivery,) = world.trace(event).deliveries
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert len(delivery.attempts) == len(world.sender.requests) == 1


def test_an_answer_of_410_carries_what_is_sealed_through() -> None:
    """The deliver room may open, but not seal."""
    world = World()
    endpoint = world.endpoint(**FULL)
    world.subscription(endpoint)
    before = confidential(stored(world, endpoint))
    world.sender.script[endpoint.url] = [410]
    made = world.keys.made
    world.ingest()
    world.run()
    after = stored(world, endpoint)
    assert after.state == "disabled"
    assert confidential(after) == before
    assert world.keys.made == made


def test_rooms_that_open_nothing_load_no_cryptography() -> None:
    for room in ("ingest", "match", "query", "notify", "sweep", "deliver", "manage"):
        program = (
            f"import sys; import functions.{room}.wiring, functions.{room}.handler;"
            "bad = [n for n in sys.modules if n.split('.')[0] == 'cryptography'];"
            "assert not bad, bad"
        )
        subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ".:shared"})
