"""Keep a climate grid under version control: ingest, branch, correct, diff, merge, plot.

    python examples/climate_xarray.py
    python examples/climate_xarray.py --url s3://bucket/climate

The grid is the sea surface temperature of the COADS climatology where Debian's package
ferret-datasets is installed (`apt-get install ferret-datasets`), and otherwise the air
temperature of a climate projection for North America, from PyPI's iris-sample-data.
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import pyplot as plt

import vstore

COADS = Path("/usr/share/ferret-vis/data/coads_climatology.cdf")


def main() -> None:
    """Run the example."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        repo = vstore.create(arguments.url or f"{folder}/climate")
        grid = load_grid()
        if arguments.quick:
            grid = grid.isel(time=slice(12))
        ingest(repo, grid)

        # Two people correct different regions, each on a branch.
        repo.branches.create("sensors", at="main")
        correct(repo, "sensors", south=20, north=30, degrees=-2.0, why="A sensor read too warm")
        correct(repo, "main", south=40, north=50, degrees=1.5, why="Recalibrate the north")

        changes = repo.diff("main~1", "sensors")
        print("On the branch `sensors`:", changes, sep="\n", end="\n\n")
        repo.merge("sensors", into="main", message="Take the corrected sensor")

        before = xr.open_dataset(repo.checkout("main~2"), engine="vstore", group="grid")
        after = xr.open_dataset(repo.checkout("main"), engine="vstore", group="grid")
        report(before, after)
        plot(before["temperature"], after["temperature"], arguments.output)
        for commit in repo.log("main"):
            print(commit.id[:12], commit.message)
        print("The maps are in", arguments.output)


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--url", help="where to make the repository; a temporary folder if not given"
    )
    parser.add_argument(
        "--output", default=Path("data/climate.png"), type=Path, help="where to draw the maps"
    )
    parser.add_argument("--quick", action="store_true", help="use the first twelve months only")
    return parser.parse_args()


def load_grid() -> xr.Dataset:
    """Return temperatures in degrees Celsius by time, latitude and longitude."""
    if COADS.exists():
        with xr.open_dataset(COADS, engine="scipy", decode_times=False) as found:
            field = found["SST"].rename(TIME="time", COADSY="latitude", COADSX="longitude").load()
        field = field.assign_coords(time=np.arange(1, len(field["time"]) + 1))
        title = "Sea surface temperature, COADS climatology"
    else:
        import iris_sample_data  # noqa: PLC0415 - not needed where there is COADS

        path = Path(iris_sample_data.path) / "E1_north_america.nc"
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as found:
            field = (found["air_temperature"] - 273.15).load()
        field = field.drop_vars(set(field.coords) - set(field.dims))
        title = "Air temperature, E1 projection"
    field = field.astype("f4").drop_attrs().assign_attrs(units="degC", long_name=title)
    field.encoding.clear()
    return field.to_dataset(name="temperature")


def ingest(repo: vstore.Repository, grid: xr.Dataset) -> None:
    """Commit the grid as xarray writes it, in chunks of six time steps."""
    sizes = grid.sizes
    chunks = (min(6, sizes["time"]), sizes["latitude"], sizes["longitude"])
    with repo.transaction("main", message="Ingest the grid") as tx:
        grid.to_zarr(tx.store, group="grid", encoding={"temperature": {"chunks": chunks}})
    print(repo.checkout("main").summary(), end="\n\n")


def correct(
    repo: vstore.Repository, branch: str, *, south: float, north: float, degrees: float, why: str
) -> None:
    """Commit a correction of some latitudes: only what lies between them is written."""
    with repo.transaction(branch, message=why) as tx:
        grid = xr.open_zarr(tx.store, group="grid", chunks=None)
        rows = np.flatnonzero((grid["latitude"] >= south) & (grid["latitude"] <= north))
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        better = grid[["temperature"]].isel(latitude=band).load() + degrees
        better.drop_vars(better.coords).to_zarr(tx.store, group="grid", region={"latitude": band})


def report(before: xr.Dataset, after: xr.Dataset) -> None:
    """Print what the commits differ by, band by band."""
    change = (after["temperature"] - before["temperature"]).mean(["time", "longitude"])
    for south in range(10, 60, 10):
        band = change.sel(latitude=slice(south + 0.1, south + 9.9))
        print(f"{south}-{south + 10} N: changed by {float(band.mean()):+.2f} degrees")
    print()


def plot(before: xr.DataArray, after: xr.DataArray, path: Path) -> None:
    """Draw the first time step as ingested, as merged, and the difference."""
    mpl.use("agg")
    figure, axes = plt.subplots(1, 3, figsize=(15, 3.8), layout="constrained")
    first, last = before.isel(time=0), after.isel(time=0)
    limits = {"vmin": float(first.quantile(0.02)), "vmax": float(first.quantile(0.98))}
    bar = {"cbar_kwargs": {"label": before.attrs["units"]}}
    first.plot.imshow(ax=axes[0], cmap="viridis", **limits, **bar)
    last.plot.imshow(ax=axes[1], cmap="viridis", **limits, **bar)
    (last - first).plot.imshow(ax=axes[2], cmap="RdBu_r", vmin=-2.5, vmax=2.5, **bar)
    titles = ("as ingested (main~2)", "corrected and merged (main)", "difference")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set(xlabel="longitude", ylabel="latitude")
    figure.suptitle(before.attrs["long_name"])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
