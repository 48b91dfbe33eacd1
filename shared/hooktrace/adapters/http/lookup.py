"""Name lookups that end in time.

`getaddrinfo` cannot be interrupted, so it runs in a daemon thread of its own; when the deadline
passes, the thread is left to end by itself (resolvers give up after some seconds).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from hooktrace.adapters.http.exchange import AttemptFailed
from hooktrace.domain.attempts import AttemptOutcome

Resolve = Callable[[str, int, float], Sequence[str]]
"""Looks up a name: host, port and the seconds it may take → addresses, the preferred one first.
Raises OSError (as `socket.gaierror`) when it cannot."""

_NO_SUCH_NAME = frozenset(
    code for code in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)) if code is not None
)


def system_resolve(host: str, port: int, timeout: float) -> Sequence[str]:
    """All addresses of `host` by the operating system, in its order of preference.

    The time limit is kept by the caller: the system call knows none. Raises OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


def lookup(resolve: Resolve, host: str, port: int, timeout: float) -> tuple[str, ...]:
    """The addresses of `host`, at least one, within `timeout` seconds.

    Raises AttemptFailed with `dns_error` and the reason.
    """
    answer: list[Sequence[str] | OSError | UnicodeError] = []
    done = threading.Event()

    def work() -> None:
        try:
            answer.append(resolve(host, port, timeout))
        except (OSError, UnicodeError) as error:
            answer.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="hooktrace-lookup", daemon=True).start()
    if not done.wait(timeout) or not answer:
        raise _failed(f"Looking up {host} took longer than the {timeout:.1f} s that were left.")
    result = answer[0]
    if isinstance(result, OSError | UnicodeError):
        raise _failed(_in_words(host, result))
    if not result:
        raise _failed(f"The name {host} has no address.")
    return tuple(result)


def _in_words(host: str, error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror):
        if error.errno in _NO_SUCH_NAME:
            return f"The name {host} does not exist, or has no address."
        if error.errno == socket.EAI_AGAIN:
            return f"The name servers gave no answer for {host} for now."
    if isinstance(error, TimeoutError):
        return f"The name servers did not answer for {host} in time."
    return f"Looking up {host} failed: {getattr(error, 'strerror', None) or error}."


def _failed(reason: str) -> AttemptFailed:
    return AttemptFailed(AttemptOutcome.DNS_ERROR, reason)
