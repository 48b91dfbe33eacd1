"""`python -m tools.receiver --port 0`: runs a receiver and prints its URL as one line of JSON."""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import threading
from pathlib import Path

from tools.receiver.server import Receiver

KINDS = ("good", "expired", "wrong-name", "self-signed")


def main() -> None:
    """Runs until a signal to end comes."""
    parser = argparse.ArgumentParser(prog="python -m tools.receiver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--tls", choices=KINDS, help="HTTPS with such a certificate")
    parser.add_argument("--tls-folder", type=Path, help="where the certificates are put")
    options = parser.parse_args()
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    certificate = key = authority_file = None
    if options.tls is not None:
        # Loaded here so that plain HTTP needs the standard library only.
        from tools.receiver.certificates import make_authority, make_certificate

        folder = options.tls_folder or Path(tempfile.mkdtemp(prefix="receiver-"))
        folder.mkdir(parents=True, exist_ok=True)
        authority = make_authority(folder)
        authority_file = str(authority.file)
        certificate, key = make_certificate(authority, options.tls, ("localhost", "127.0.0.1"))
    with Receiver(
        host=options.host, port=options.port, certificate=certificate, key=key
    ) as receiver:
        print(json.dumps({"url": receiver.url, "authority": authority_file}), flush=True)
        ending.wait()


if __name__ == "__main__":
    main()
