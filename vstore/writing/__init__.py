"""The write path: arrays are staged, encoded, packed and uploaded until a commit."""
