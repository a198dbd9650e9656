"""Pages that show a repository in a browser on this machine: `vstore ui`. Nothing is written."""
