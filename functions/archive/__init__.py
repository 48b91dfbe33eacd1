"""Archive: what expires in the ledger is kept as JSON lines; deployed where it is asked for."""
