"""Which samples come when: orders, windows, mixtures, and the place in them. No I/O."""
