"""Names of the arrays that a table keeps besides its columns."""

KEYS = "sample"
DELETED = "sample.deleted"
KEY_INDEX = "sample.index"

SHAPE_SUFFIX = ".shape"
OFFSETS_SUFFIX = ".offsets"
VALID_SUFFIX = ".valid"

ARROW_TYPE = "vstore.arrow"
"""The attribute of a column that says which type of Arrow its elements stand for."""
