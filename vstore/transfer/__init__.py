"""Between two repositories: what one needs of the other is found, copied and verified."""
