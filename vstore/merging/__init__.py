"""Three-way merges: what one commit changed since a base, done on top of another."""
