"""`numcodecs.pcodec`: numbers to bytes, much smaller than general compressors make them.

The library behind it, `pcodec`, is optional: only arrays that have the codec need it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from vstore.errors import CorruptionError, FormatError
from vstore.format.zarr.codec_spec import ArraySpec, Budget, Buffer, convert
from vstore.lazy import lazy
from vstore.optional import needed

if TYPE_CHECKING:
    import pcodec
else:
    pcodec = lazy("pcodec")

PCODEC: Final = "numcodecs.pcodec"
NUMBERS: Final = frozenset(
    [
        *("uint16", "uint32", "uint64", "int16", "int32", "int64"),
        *("float16", "float32", "float64"),
    ]
)
"""The data types that the codec takes."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to encode; decoding needs none of it."""

    level: Annotated[int, Meta(ge=0, le=12)] = 8
    mode_spec: Literal["auto", "classic"] = "auto"
    delta_spec: Literal["auto", "none", "no_op", "try_consecutive", "try_lookback"] = "auto"
    paging_spec: Literal["equal_pages_up_to"] = "equal_pages_up_to"
    delta_encoding_order: Annotated[int, Meta(ge=0, le=7)] | None = None
    equal_pages_up_to: Annotated[int, Meta(ge=1, le=2**24)] = 2**18


@dataclass(frozen=True, slots=True)
class Pcodec:
    """The numbers of a chunk in C order, as one standalone file of Pco."""

    spec: ArraySpec
    options: Options

    @property
    def nbytes(self) -> None:
        """Unknown: it depends on the numbers."""

    @property
    def limit(self) -> int:
        """How many bytes the array becomes at most."""
        return 2 * self.spec.nbytes + 2**18

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the file.

        Raises:
            MissingExtraError: pcodec is not installed.
        """
        with _installed():
            config = self._config()
        numbers = np.ascontiguousarray(array, self.spec.dtype).reshape(-1)
        encoded: bytes = pcodec.standalone.simple_compress(numbers, config)
        return encoded

    def decode(self, data: Buffer, out: NDArray[Any] | None, _budget: Budget) -> NDArray[Any]:
        """Return the array, decoded into `out` if that is given.

        Raises:
            CorruptionError: The file has more or fewer numbers than the array.
            MissingExtraError: pcodec is not installed.
        """
        with _installed():
            decode = pcodec.standalone.simple_decompress_into
        target = np.empty(self.spec.shape, self.spec.dtype) if out is None else out
        progress = decode(bytes(data), target.reshape(-1))
        if progress.n_processed != self.spec.size or not progress.finished:
            raise CorruptionError(f"the chunk does not hold {self.spec.size} numbers")
        return target

    def _config(self) -> Any:
        options, spec = self.options, pcodec.DeltaSpec
        order = options.delta_encoding_order
        if options.delta_spec in ("none", "no_op"):
            delta = spec.no_op()
        elif options.delta_spec == "try_lookback":
            delta = spec.try_lookback()
        elif order is None:
            delta = spec.auto()
        else:
            delta = spec.try_consecutive(order)
        is_classic = options.mode_spec == "classic"
        return pcodec.ChunkConfig(
            compression_level=options.level,
            mode_spec=pcodec.ModeSpec.classic() if is_classic else pcodec.ModeSpec.auto(),
            delta_spec=delta,
            paging_spec=pcodec.PagingSpec.equal_pages_up_to(options.equal_pages_up_to),
        )


def pcodec_serializer(configuration: dict[str, Any], spec: ArraySpec, path: str) -> Pcodec:
    """Return the codec that a Zarr v3 document describes.

    Raises:
        FormatError: It is malformed, or the elements are no numbers that the codec takes.
    """
    if str(spec.data_type) not in NUMBERS:
        raise FormatError(f"{path}: {PCODEC!r} does not take {spec.data_type!r}")
    options: Options = convert(configuration, Options, f"{path}.configuration")
    order, delta = options.delta_encoding_order, options.delta_spec
    if order is not None and delta not in ("auto", "try_consecutive"):
        raise FormatError(f"{path}: delta_encoding_order goes with 'try_consecutive'")
    if order is None and delta == "try_consecutive":
        raise FormatError(f"{path}: 'try_consecutive' needs delta_encoding_order")
    return Pcodec(spec, options)


def _installed() -> Any:
    return needed("pcodec", extra="pcodec", purpose=f"the codec {PCODEC}")
