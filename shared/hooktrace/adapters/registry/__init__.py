"""The registry over any table that has conditional transactions and range reads."""
