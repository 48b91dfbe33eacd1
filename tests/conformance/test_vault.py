"""Sealing and opening, with data keys from the shipped fake and from KMS on the emulator."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from hooktrace.adapters.kms import KmsKeys
from hooktrace.adapters.memory.keys import MemoryKeys
from hooktrace.adapters.registry.items import data_key_key
from hooktrace.adapters.vault import KEPT_SECONDS, EnvelopeVault, KeyService
from hooktrace.domain.confidential import Sealed
from hooktrace.domain.errors import NotFound, Unavailable
from hooktrace.domain.registry import Project
from tests.conformance.registry_subject import NOW_MS, Subject, new_id, subject

__all__ = ["subject"]


@dataclass
class Counting:
    """A key service, and how often it was asked."""

    keys: KeyService
    made: int = 0
    unwrapped: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new_data_key(self, project_id: str) -> tuple[bytes, bytes]:
        with self.lock:
            self.made += 1
        return self.keys.new_data_key(project_id)

    def unwrap(self, project_id: str, wrapped: bytes) -> bytes:
        with self.lock:
            self.unwrapped += 1
        return self.keys.unwrap(project_id, wrapped)


@pytest.fixture
def keys(request: pytest.FixtureRequest, subject: Subject) -> Counting:
    """KMS where the table is the emulator's, else the fake."""
    if type(subject.table).__name__ == "MemoryRegistryTable":
        return Counting(MemoryKeys())
    client = request.getfixturevalue("emulator").client("kms")
    arn = client.create_key(Description="conformance")["KeyMetadata"]["Arn"]
    return Counting(KmsKeys(lambda: client, arn))


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def vault(subject: Subject, keys: Counting, seconds: Any = None) -> EnvelopeVault:
    """A vault of a new environment, with nothing cached."""
    return EnvelopeVault(keys, subject.registry.data_keys, monotonic=seconds or Seconds())


def test_what_one_environment_seals_another_opens(subject: Subject, keys: Counting) -> None:
    for text in ("", "whsec_abc", "ä📦", "x" * 5_000):
        sealed = vault(subject, keys).seal(subject.project, "ep_1/secret.v1", text)
        assert text.encode() not in sealed.data or not text
        assert vault(subject, keys).open(subject.project, "ep_1/secret.v1", sealed) == text
    assert keys.made == 1


def test_the_same_text_never_seals_alike(subject: Subject, keys: Counting) -> None:
    one = vault(subject, keys)
    sealed = {one.seal(subject.project, "ep_1/a", "text").data for _ in range(50)}
    assert len(sealed) == 50


def test_it_opens_at_its_own_place_only(subject: Subject, keys: Counting) -> None:
    other = Project(id=new_id("prj"), name="other", created_ms=NOW_MS)
    subject.registry.projects.create_project(other, [])
    one = vault(subject, keys)
    sealed = one.seal(subject.project, "ep_1/header.x-a", "text")
    one.seal(other.id, "ep_1/header.x-a", "so that it has a key")
    for project, place in (
        (subject.project, "ep_1/header.x-b"),
        (subject.project, "ep_2/header.x-a"),
        (other.id, "ep_1/header.x-a"),
    ):
        with pytest.raises(Unavailable, match="does not open"):
            one.open(project, place, sealed)


def test_what_was_tampered_with_does_not_open(subject: Subject, keys: Counting) -> None:
    one = vault(subject, keys)
    data = one.seal(subject.project, "ep_1/a", "text").data
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(Unavailable):
            one.open(subject.project, "ep_1/a", Sealed(bytes(changed)))
    for length in range(len(data)):
        with pytest.raises(Unavailable):
            one.open(subject.project, "ep_1/a", Sealed(data[:length]))


def test_a_data_key_is_unwrapped_once_in_five_minutes(subject: Subject, keys: Counting) -> None:
    sealed = vault(subject, keys).seal(subject.project, "ep_1/a", "text")
    seconds = Seconds()
    one = vault(subject, keys, seconds)
    for _ in range(3):
        one.open(subject.project, "ep_1/a", sealed)
        one.seal(subject.project, "ep_1/a", "more")
        seconds.now += KEPT_SECONDS / 3 - 1
    assert keys.unwrapped == 1
    seconds.now += 3
    one.open(subject.project, "ep_1/a", sealed)
    assert keys.unwrapped == 2


def test_of_many_first_seals_one_key_stays(subject: Subject, keys: Counting) -> None:
    vaults = [vault(subject, keys) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda one: one.seal(subject.project, "ep_1/a", "text"), vaults))
    reader = vault(subject, keys)
    assert [reader.open(subject.project, "ep_1/a", one) for one in sealed] == ["text"] * 8


def test_a_wrapped_key_is_good_for_its_project_only(subject: Subject, keys: Counting) -> None:
    other = Project(id=new_id("prj"), name="other", created_ms=NOW_MS)
    subject.registry.projects.create_project(other, [])
    vault(subject, keys).seal(subject.project, "ep_1/a", "text")
    stolen = subject.registry.data_keys.wrapped(subject.project, 1)
    assert stolen is not None
    assert subject.registry.data_keys.add(other.id, 1, stolen)
    with pytest.raises(Unavailable):
        vault(subject, keys).seal(other.id, "ep_1/a", "text")


def test_what_is_stored_is_wrapped(subject: Subject, keys: Counting) -> None:
    plain, wrapped = keys.new_data_key(subject.project)
    assert len(plain) == 32
    assert plain not in wrapped
    assert subject.registry.data_keys.add(subject.project, 1, wrapped)
    assert not subject.registry.data_keys.add(subject.project, 1, os.urandom(8))
    assert subject.registry.data_keys.newest(subject.project) == (1, wrapped)
    key = data_key_key(subject.project, 1)
    assert plain not in repr(subject.table.get([key])).encode()


def test_no_key_without_a_project(subject: Subject, keys: Counting) -> None:
    with pytest.raises(NotFound):
        vault(subject, keys).seal(new_id("prj"), "ep_1/a", "text")
