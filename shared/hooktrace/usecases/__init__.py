"""One verb a file. Collaborators come as keyword arguments, fakes and adapters alike."""
