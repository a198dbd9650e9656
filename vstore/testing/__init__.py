"""What a store promises, as a suite of tests for pytest: inherit it to test a store of your own.

`ObjectStoreContract` is for any store, `SharedStoreContract` also tries what other processes
see, `ReadingContract` is for stores that cannot be written to.
"""

from vstore.optional import needed

with needed("pytest", extra="testing", purpose="vstore.testing"):
    import pytest

pytest.register_assert_rewrite("vstore.testing.contract")

from vstore.testing.contract import (  # noqa: E402 - the assertions are rewritten before
    ObjectStoreContract,
    ReadingContract,
    SharedStoreContract,
)

__all__ = ["ObjectStoreContract", "ReadingContract", "SharedStoreContract"]
