"""Endpoints before they are stored, and after they were read: sealed and opened."""

from __future__ import annotations

from hooktrace.domain.confidential import Confidential, Sealed
from hooktrace.domain.endpoint_secrets import with_secrets_changed
from hooktrace.domain.registry import Endpoint
from hooktrace.endpoint_ports import Vault


def sealed_endpoint(endpoint: Endpoint, vault: Vault) -> Endpoint:
    """The endpoint with everything confidential sealed; what is sealed already stays as it is.

    Records from before there was a vault are sealed by their next change. Raises Unavailable.
    """

    def seal(place: str, text: Confidential) -> Confidential:
        if isinstance(text, Sealed):
            return text
        return vault.seal(endpoint.project_id, f"{endpoint.id}/{place}", text)

    return with_secrets_changed(endpoint, seal)


def opened_endpoint(endpoint: Endpoint, vault: Vault) -> Endpoint:
    """The endpoint with everything confidential opened. Raises Unavailable."""

    def open_(place: str, text: Confidential) -> Confidential:
        if not isinstance(text, Sealed):
            return text
        return vault.open(endpoint.project_id, f"{endpoint.id}/{place}", text)

    return with_secrets_changed(endpoint, open_)
