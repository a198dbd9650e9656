"""The commands, one module each; `vstore.cli.registry` lists them."""
