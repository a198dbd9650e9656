"""Bugs that would lose values or what is missing, each as an edit of the source."""

from tests.faults.edits_of_source import Bug, bug

INDICES = ("tests/reading/test_missing_in_indices.py",)
MISSING = ("tests/writing/test_missing_values.py",)
VALUES = ("tests/format/zarr/test_conversion.py", "tests/format/zarr/test_fill_value.py")
IMAGES = ("tests/reading/test_images.py",)
CUTS = ("tests/writing/test_cuts.py",)
CONVERSION = "vstore/format/zarr/conversion.py"
PYTHON_VALUES = "vstore/format/zarr/python_values.py"
INDEX_ARRAYS = "vstore/format/zarr/index_arrays.py"
MASKED = "vstore/reading/masked.py"
SAMPLE_ROWS = "vstore/format/table/sample_rows.py"

VALUE_BUGS: tuple[Bug, ...] = (
    bug(
        "a mask picks what is missing", INDICES, INDEX_ARRAYS,
        "return array & ~found.missing", "return array",
    ),
    bug(
        "missing positions are what lies below the mask", INDICES, INDEX_ARRAYS,
        'if array.dtype.kind != "b":', "if False:",
    ),
    bug(
        "NumPy's functions lose the mask of a column", INDICES, MASKED,
        "if func in _FUNCTIONS:", "if False:",
    ),
    bug(
        "an array without a mask shows fill values", MISSING, MASKED,
        "if not isinstance(samples, np.ma.MaskedArray) or not np.ma.is_masked(samples):",
        "if True:",
    ),
    bug(
        "xarray sees fill values", ("tests/zarr/xarray/test_missing.py",),
        "vstore/zarr/xarray_backend.py", "dataset = _masked(dataset, name)", "pass",
    ),
    bug(
        "xarray sees integers that were rounded", ("tests/zarr/xarray/test_missing.py",),
        "vstore/zarr/xarray_backend.py",
        "if [int(each) for each in values[large]] != ", "if [] and ",
    ),
    bug(
        "what another library calls missing is a value", MISSING, "vstore/format/missing.py",
        'return kind.__name__ in ("NAType", "NaTType") and kind.__module__.startswith("pandas")',
        "return False",
    ),
    bug(
        "a masked array loses its mask in a column", MISSING, SAMPLE_ROWS,
        "absent |= _whole(name, found.missing)\n        return",
        "_whole(name, found.missing)\n        return",
    ),
    bug(
        "a masked sample is what lies below its mask", MISSING, SAMPLE_ROWS,
        "return is_array and not isinstance(value, np.ma.MaskedArray)", "return is_array",
    ),
    bug(
        "integers in lists are rounded", VALUES, CONVERSION,
        "return cast if _keeps_integers(array, cast) else None",
        "return cast if is_plain or _keeps_integers(array, cast) else None",
    ),
    bug(
        "integers among floats are rounded", VALUES, CONVERSION,
        "if converted is None or (is_plain and not _are_kept(values, converted)):",
        "if converted is None:",
    ),
    bug(
        "small numbers become zero", VALUES, CONVERSION,
        " & ((cast == 0) == (array == 0))", "",
    ),
    bug(
        "times are cut to the unit of the column", VALUES, PYTHON_VALUES,
        "if not is_same:", "if False:",
    ),
    bug(
        "ragged columns take strings in memory", ("tests/reading/test_texts.py",),
        "vstore/format/table/specs.py", "if None in lengths and data_type_of(resolved) == STRING:",
        "if False:",
    ),
    bug(
        "what is missing contains a text", ("tests/reading/test_texts.py",),
        "vstore/reading/column.py", "(sample is not None and text in sample for sample in self)",
        "(sample is None or text in sample for sample in self)",
    ),
    bug(
        "the log of a sample that never was is empty", ("tests/reading/test_samples_by_key.py",),
        "vstore/repository/browsing.py", "if commit is not None and not was_there:", "if False:",
    ),
    bug(
        "codecs are chosen by what a batch happens to hold", CUTS, "vstore/writing/appending.py",
        "self._decide(name, np.concatenate([held[name], elements[name][:count]]))",
        "self._decide(name, elements[name][:count])",
    ),
    bug(
        "chunks are packed batch by batch", CUTS, "vstore/writing/appending.py",
        "at = min([stop, *open_until.values(), *self._full_after(at, taken)])",
        "at = min([stop, *open_until.values()])",
    ),
    bug(
        "packs follow the order in which columns are given", CUTS, "vstore/writing/appending.py",
        "taken = dict.fromkeys(sorted(elements), start)", "taken = dict.fromkeys(elements, start)",
    ),
    bug(
        "pixels of other modes are made 8-bit colors", IMAGES, "vstore/format/table/images.py",
        "if mode is None or not can_be:", "if not can_be and mode is not None:",
    ),
    bug(
        "photographs lie", IMAGES, "vstore/format/table/images.py",
        "return turned(pixels, jpeg_orientation(data)) if is_turned else pixels", "return pixels",
    ),
    bug(
        "half an image is taken", IMAGES, "vstore/format/table/images.py",
        "decode_image(data, mode, is_turned=False)", "pass",
    ),
    bug(
        "keys are taken from a set", ("tests/writing/test_keys.py",),
        "vstore/format/table/sample_keys.py",
        "isinstance(keys, str | bytes | Mapping | set | frozenset)",
        "isinstance(keys, str | bytes | Mapping)",
    ),
    bug(
        "numbers become text", ("tests/format/zarr/test_conversion.py",), PYTHON_VALUES,
        "if not isinstance(element, kind):", "element = kind(element)\n        if False:",
    ),
)  # fmt: skip
