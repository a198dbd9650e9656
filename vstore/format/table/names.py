"""Names of the arrays that a table keeps besides its columns."""

KEYS = "sample"
DELETED = "sample.deleted"
KEY_INDEX = "sample.index"

SHAPE_SUFFIX = ".shape"
OFFSETS_SUFFIX = ".offsets"
VALID_SUFFIX = ".valid"
