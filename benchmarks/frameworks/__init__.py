"""Real training frameworks, killed and resumed in the middle of an epoch."""
