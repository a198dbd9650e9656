"""What the package is called where it is installed from, and its version."""

DISTRIBUTION = "vstore-arrays"
"""The name of the package on an index: `pip install` takes it. The module is `vstore`."""

__version__ = "0.1.0"
