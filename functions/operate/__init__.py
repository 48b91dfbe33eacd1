"""Operate: bulk operations, a piece at a time."""
