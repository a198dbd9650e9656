"""What differs between two commits, in samples; at a cost of what differs."""
