"""What builds Hooktrace and runs it on a developer's machine. Nothing of this ships."""
