"""Who made a commit: signatures by SSH keys, as Git has them, and whether readers believe them."""
