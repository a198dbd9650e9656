"""The version of the vstore package."""

__version__ = "0.1.0"
