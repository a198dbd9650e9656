"""What xarray's tests expect of the pytest that runs them."""

import pytest

MARKS = ("flaky", "network", "slow_hypothesis", "mypy", "skip_if_param", "skip_with_dask_array")


def pytest_configure(config: pytest.Config) -> None:
    """Make xarray's marks known."""
    for name in MARKS:
        config.addinivalue_line("markers", f"{name}: of xarray's own tests")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what xarray says does not exist for a value of a parameter."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    for mark in item.iter_markers("skip_if_param"):
        options = dict(mark.kwargs)
        reason, condition = options.pop("reason"), options.pop("condition", True)
        if condition and all(params.get(name) == value for name, value in options.items()):
            pytest.skip(reason)


@pytest.fixture(params=[False, True], ids=["numpy", "dask"])
def use_dask(request: pytest.FixtureRequest) -> bool:
    """Whether a test's data are lazy."""
    return bool(request.param)


@pytest.fixture(params=["s", "ms", "us", "ns"])
def time_unit(request: pytest.FixtureRequest) -> str:
    """The resolution of times."""
    return str(request.param)
