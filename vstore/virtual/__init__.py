"""Archives in place: chunks stay in HDF5, NetCDF, TIFF or Zarr files where they are."""

from vstore.virtual.hdf5 import scan_hdf5
from vstore.virtual.materializing import materialize
from vstore.virtual.references import References
from vstore.virtual.writing import Written, write
from vstore.virtual.zarr_files import scan_zarr

__all__ = ["References", "Written", "materialize", "scan_hdf5", "scan_zarr", "write"]
