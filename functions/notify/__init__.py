"""Notify: the ledger stream rolls events up."""
