"""Sweep: once a minute, what nothing else will move."""
