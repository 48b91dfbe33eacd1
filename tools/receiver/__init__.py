"""A misbehaving receiver: a real HTTP(S) endpoint for tests, the demo and the local stack."""

from tools.receiver.behaviour import Step
from tools.receiver.server import Received, Receiver

__all__ = ["Received", "Receiver", "Step"]
