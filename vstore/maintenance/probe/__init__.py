"""Whether a store keeps the promises that commits depend on."""
