"""Bugs in the rules of merging, and in what is read of samples that nobody set."""

from tests.faults.edits_of_source import bug

ANSWERS = ("tests/merging/test_answers.py",)
ATTRIBUTES = ("tests/merging/test_merge_attributes.py",)
DIFFS = ("tests/diffing/test_diff.py",)
COMPACTED = ("tests/merging/test_merge_compacted.py",)
CASTS = ("tests/merging/test_merge_casts.py",)
COLUMNS = ("tests/merging/test_merge_columns.py",)
BACK = ("tests/merging/test_merge_back.py",)
GUIDE = ("tests/merging/test_guide.py",)
MISSING = ("tests/merging/test_merge_missing.py",)
NAMES = ("tests/merging/test_merge_names.py",)
RESTORED = ("tests/merging/test_restored_samples.py",)
SAMPLES = ("tests/merging/test_merge_samples.py",)

RULES = "vstore/merging/rules.py"
CELLS = "vstore/merging/cells.py"
CELL_MERGE = "vstore/merging/cell_merge.py"
FORM_MERGE = "vstore/merging/form_merge.py"
SAMPLE_MERGE = "vstore/merging/sample_merge.py"
SIDES = "vstore/merging/sides.py"
COLUMN_NAMES = "vstore/merging/column_names.py"
SCHEMA_MERGE = "vstore/merging/schema_merge.py"
CONFLICTS = "vstore/merging/conflicts.py"
TABLE_DIFF = "vstore/diffing/table_diff.py"
ROW_DIFF = "vstore/diffing/row_diff.py"

LINEAGE = "vstore/diffing/lineage.py"
TREE_MERGE = "vstore/merging/tree_merge.py"

MERGE_BUGS = (
    bug(
        "what a merge looks at is what was there before the rows were rewritten",
        COMPACTED, LINEAGE,
        "if not parents or self._was_rewritten_after(digest):",
        "if self._state(digest) is None or not parents:",
    ),
    bug(
        "two lines that rewrote their rows apart are taken to have different samples",
        COMPACTED, LINEAGE,
        "self._was_rewritten_after(parted) and (one.are_above_joint or other.are_above_joint)",
        "self._was_rewritten_after(parted)",
    ),
    bug(
        "samples of a table that the base lacks are taken for those of another branch",
        BACK, TREE_MERGE, "ours.table.id == theirs.table.id != \"\"", "False",
    ),
    bug(
        "samples of a table that the base lacks are doubled where history does not tell",
        BACK, SIDES, "return is_known or bool(self.base.node.children)", "return True",
    ),
    bug(
        "a diff finds samples where a merge put them behind others that it did not add",
        BACK, LINEAGE, "if base is None or self._found(base) is None:", "if base is None:",
    ),
    bug(
        "a group that ours deleted, and theirs puts something in, loses its attributes",
        BACK, TREE_MERGE, "        self._describe_groups()\n", "",
    ),
    bug(
        "a column that gave up its name is called what it was called in ours",
        BACK, COLUMN_NAMES, "column.name = moves.get(column.name, column.name)\n\n    def _want",
        "column.name = moves.get(column.ours or \"\", column.ours or \"\")\n\n    def _want",
    ),
    bug(
        "rows in which a side has another key are taken for the same sample",
        ("tests/merging/test_merge_keyed.py",), "vstore/merging/sides.py",
        "(rows < alignment.shared) & ~np.isin(rows, alignment.unstable)",
        "rows < alignment.shared",
    ),
    bug(
        "of a sample that both added, the side that cast a column is taken",
        CASTS, CELL_MERGE,
        "if column.winner is not None and (column.is_settled or samples.base is not None):",
        "if column.winner is not None:",
    ),
    bug(
        "a column that gives up its name takes the column of its next name along",
        NAMES, COLUMN_NAMES,
        "moves = settle(leaving, stored.infos.__contains__, self._make_room)",
        "[stored.drop_column(new) for new in leaving.values() if new in stored.infos]\n"
        "        moves = leaving",
    ),
    bug(
        "a table that theirs brings back is put over one that ours moved there",
        NAMES, "vstore/merging/tree_merge.py",
        "if found_at(path, self._mine.values()) is None:", "if True:",
    ),
    bug(
        "a table of ours is lost that would go back to where ours has another",
        NAMES, "vstore/merging/moves.py",
        "if self._is_taken(place) and not self._make_room(path, place):\n            return False",
        "if self._is_taken(place):\n            return True",
    ),
    bug(
        "a column that ours dropped comes back with the values of other samples",
        COMPACTED, SIDES,
        "            or self._may_bring_back_columns()\n", "",
    ),
    bug(
        "a sample that comes back is taken for another that ours has in its row",
        COMPACTED, SIDES, "            or self.t.brings_back_samples()\n", "",
    ),
    bug(
        "a column is dropped over changes that a rewrite of ours hides",
        COMPACTED, SIDES,
        "            or pair.new is None\n"
        "            or self.has_other_form(pair.old, pair.new)\n"
        "            or len(self.changes(pair.old, pair.new)[0])\n",
        "            or (pair.new and self.has_other_form(pair.old, pair.new))\n"
        "            or (pair.new and len(self.changes(pair.old, pair.new)[0]))\n",
    ),
    bug(
        "a name that a base of several gave back is nobody's",
        NAMES, COLUMN_NAMES,
        "return next(column for column in self.columns if column.base == name)",
        "return next(column for column in self._in_result() if column.base == name)",
    ),
    bug(
        "a rebase leaves out what is as old as where the branches met",
        ("tests/history/test_rewriting.py",), "vstore/repository/rewriting.py",
        "            if is_ancestor(digest, floor, read):\n",
        "            if is_ancestor(digest, floor, read) or read(digest).generation <= "
        "read(floor).generation - 1:\n",
    ),
    bug(
        "deleted here and changed there is no conflict", ("tests/merging/test_merge_samples.py",),
        "vstore/merging/*.py", "contested = self._changed_among(gone, self.sides.o)",
        "contested = no_rows()",
    ),
    bug(
        "of two values of one sample, ours is taken", ("tests/merging/test_merge_samples.py",),
        "vstore/merging/*.py", "if collide.any():", "if False:",
    ),
    bug(
        "samples added on both sides lose their values in a column of one side",
        ("tests/merging/test_merge_columns.py",), CELL_MERGE,
        "(False, True): _take", "(False, True): _leave",
    ),
    bug(
        "what both sides changed is theirs",
        ATTRIBUTES, RULES,
        "return Verdict.THEIRS if same(base, ours) else Verdict.CONFLICT",
        "return Verdict.THEIRS",
    ),
    bug(
        "1, 1.0 and true are one attribute",
        ATTRIBUTES, "vstore/format/document.py",
        "if type(one) is not type(other):",
        "if isinstance(one, str) is not isinstance(other, str):",
    ),
    bug(
        "a change of an attribute's type is none",
        ATTRIBUTES, "vstore/format/nodes.py",
        'return one == other and is_same(one, other)',
        "return one == other",
    ),
    bug(
        "an attribute that theirs removed becomes null",
        ATTRIBUTES, "vstore/merging/attributes.py",
        "self.store(rest if state is _ABSENT else rest | {name: state})",
        "self.store(rest | {name: None if state is _ABSENT else state})",
    ),
    bug(
        "nothing says where attributes are NaN",
        ATTRIBUTES, "vstore/format/zarr/attributes.py",
        "    if places:\n        stored",
        "    if False:\n        stored",
    ),
    bug(
        "what lies under missing samples is compared alone",
        MISSING, CELLS,
        "apart: Mask = (mine != others) | (mine & others & differing)",
        "apart: Mask = differing",
    ),
    bug(
        "a sample that is missing is filled by a cast",
        CASTS, CELLS,
        "            made[VALID_SUFFIX] = there\n",
        "            made[VALID_SUFFIX] = there | True\n",
    ),
    bug(
        "one of two new columns decides whether samples may be missing",
        MISSING, FORM_MERGE,
        "return Verdict.OURS if ours.info.optional else verdict(ours, ours, theirs)",
        "return Verdict.OURS",
    ),
    bug(
        "a cast of theirs is left out",
        CASTS, FORM_MERGE,
        "return verdict(Form.of(self.sides.base, column.base), ours, theirs)",
        "return Verdict.OURS",
    ),
    bug(
        "what a cast cannot hold is no conflict",
        CASTS, FORM_MERGE,
        "if found is Verdict.THEIRS and self._take_form(column):",
        "if found is Verdict.THEIRS and (self._take_form(column) or True):",
    ),
    bug(
        "a cast that is undone rounds what does not fit",
        CASTS, CELLS,
        "if differing_elements(narrow.astype(elements.dtype), elements).any():",
        "if False:",
    ),
    bug(
        "changes through a cast are not found",
        CASTS, SIDES,
        "return self._changes_among(base, name, rows)[0]",
        "return no_rows()",
    ),
    bug(
        "cells of a column that both sides cast are not compared with the base",
        CASTS, SIDES,
        "return self._changes_among(base, name, self.base.rows.live())",
        "return no_rows(), no_rows()",
    ),
    bug(
        "attributes of a column that was cast are those of the cast",
        CASTS, FORM_MERGE,
        "table.set_attributes(attributes, column=column.name)",
        "pass",
    ),
    bug(
        "another encoding of a column is another form",
        CASTS, CELLS,
        'parts = whole["data_type"], whole["shape"][1:], whole["fill_value"]',
        'parts = whole["data_type"], whole["chunk_grid"], whole["fill_value"]',
    ),
    bug(
        "a sample that was brought back has what its row held before",
        ANSWERS, CELL_MERGE,
        "(False, False): _unset",
        "(False, False): _leave",
    ),
    bug(
        "a value is taken for theirs where there is none to give",
        ANSWERS, CONFLICTS,
        "if answers.value is None:",
        "if answers.value is None and answers.theirs() is not None:",
    ),
    bug(
        "of several bases the first one's answer is taken",
        ANSWERS, CONFLICTS,
        "            answers.base()\n",
        "            pass\n",
    ),
    bug(
        "a new sample of several bases stays as one of them has it",
        ANSWERS, CELL_MERGE,
        "self.unmade_samples.add(row)",
        "pass",
    ),
    bug(
        "a new column of several bases stays as one of them has it",
        ANSWERS, CELL_MERGE,
        "self.unmade.add(column.name)",
        "pass",
    ),
    bug(
        "an array that stores nothing is not compared",
        ANSWERS, "vstore/merging/array_merge.py",
        "before = self.ours.node.chunks if self.base is None else self.base.node.chunks",
        "before = None if self.base is None else self.base.node.chunks",
    ),
    bug(
        "changed here and deleted there is no conflict",
        SAMPLES, SAMPLE_MERGE,
        "contested = self._changed_among(np.setdiff1d(removed_o, removed_t), self.sides.t)",
        "contested = no_rows()",
    ),
    bug(
        "samples that both sides added under one key are two",
        SAMPLES, SAMPLE_MERGE,
        "added = np.setdiff1d(added, twins.theirs)",
        "pass",
    ),
    bug(
        "samples that are brought back are put behind the last",
        RESTORED, SAMPLE_MERGE,
        "is_old = self.sides.are_in_place(added)\n        self._restore",
        "is_old = added < 0\n        self._restore",
    ),
    bug(
        "samples without keys are picked twice",
        RESTORED, "vstore/repository/rewriting.py",
        "may_be_in_ours=True",
        "may_be_in_ours=False",
    ),
    bug(
        "a column that was changed is dropped",
        COLUMNS, SCHEMA_MERGE,
        "if not side.touches(base, name):",
        "if True:",
    ),
    bug(
        "a column that was made anew is taken for new",
        GUIDE, SCHEMA_MERGE,
        "if column.name in self._gone:",
        "if False:",
    ),
    bug(
        "a new name of theirs is left out",
        NAMES, COLUMN_NAMES,
        "if found is Verdict.THEIRS:\n            wanted",
        "if False:\n            wanted",
    ),
    bug(
        "of two new names ours is taken",
        COLUMNS, COLUMN_NAMES,
        "if found is not Verdict.CONFLICT:",
        "if True:",
    ),
    bug(
        "a table that was compacted conflicts with its deletion",
        GUIDE, SIDES,
        "        return (\n            not len(self.alignment.removed)",
        "        return (\n            False\n            and not len(self.alignment.removed)",
    ),
    bug(
        "the shape of a sample that nobody set is read as it is stored",
        MISSING, "vstore/format/table/ragged.py",
        "if not element and not any(shape):",
        "if False:",
    ),
    bug(
        "one of several samples of a label is found",
        ("tests/zarr/xarray/test_labels.py",), "vstore/reading/stored_table.py",
        "self._check_distinct(keys, which[live])",
        "pass",
    ),
    bug(
        "cells are compared in the form of one side alone",
        CASTS, CELLS,
        "for cells, others in ((before, self), (self, before)):",
        "for cells, others in ((before, self),):",
    ),
    bug(
        "samples of tables that name them differently are matched by place",
        DIFFS, "vstore/diffing/alignment.py",
        "return _align_by_key(old, new) if is_alike else _strangers(old, new)",
        "if is_alike:\n            return _align_by_key(old, new)",
    ),
    bug(
        "an array whose chunks are stored elsewhere differs",
        DIFFS, "vstore/diffing/diff.py",
        "for array in found if array}", "for array in found}",
    ),
    bug(
        "a table without samples has no attributes in diffs",
        DIFFS, TABLE_DIFF,
        "(None if table is None else table.attributes for table in (old, new))",
        "(table.attributes if table else None for table in (old, new))",
    ),
    bug(
        "samples in a column that is encoded otherwise are not compared",
        DIFFS, ROW_DIFF,
        "return _samples_of(old, pair.old) != _samples_of(new, pair.new)", "return True",
    ),
)  # fmt: skip
