"""Bugs that would lose commits or let wrong bytes through, each as an edit of the source.

They are put into a copy, one at a time, to see that the suite notices: `injection.py`.
"""

from tests.faults.edits_of_source import Bug, Edit
from tests.faults.edits_of_source import bug as _bug
from tests.faults.merge_bugs import MERGE_BUGS
from tests.faults.value_bugs import VALUE_BUGS

LOCAL = "vstore/storage/local.py"
FOLDER = "vstore/storage/folder.py"
DISK_CACHE = "vstore/reading/disk_cache.py"
REMOTE = "vstore/storage/remote.py"
S3FS = "vstore/storage/s3fs_client.py"
PUBLISHING = "vstore/repository/publishing.py"
UPDATE = "vstore/history/branch_update.py"
FETCH = "vstore/reading/fetch.py"
POWER_CUT = ("tests/faults/test_powercut.py",)
GC = ("tests/maintenance/gc/test_gc.py", "tests/maintenance/gc/test_gc_writers.py")
LISTINGS = ("tests/maintenance/gc/test_listings.py",)
BOUNDS = ("tests/hostile/test_bounds.py",)
LENGTHS = ("tests/storage/test_lengths.py",)
FIELD = ("tests/storage/test_field.py",)
LINKS = ("tests/storage/test_links.py",)
CACHE = ("tests/reading/test_disk_cache.py",)
CONCURRENT = ("tests/repository/test_concurrent_commits.py",)
MANY = ("tests/sharing/test_one_after_another.py",)
AGAIN = ("tests/writing/test_committing_again.py",)
PASSES = ("tests/torch/test_passes.py", "tests/torch/test_passes_machine.py")
DAMAGE = ("tests/faults/test_damage.py",)
TREES = ("tests/format/test_tree.py",)
PATCHES = ("tests/writing/test_patches.py",)
PATCHING = "vstore/writing/patching.py"
TRANSFORMS = ("tests/reader/test_transforms.py",)
PACKING = ("tests/reader/test_packing.py",)
HANDS = "vstore/reader/load/hands.py"
TRANSFORMING = "vstore/reader/load/transforming.py"


BUGS = (
    _bug(
        "children never leave their buckets", TREES, "vstore/format/node_codec.py",
        "if weight > NODE_NBYTES:", "if weight:",
    ),
    _bug(
        "a changed bucket is written under its old name", TREES, "vstore/format/buckets.py",
        "            parts[digit] = inside", "            parts[digit] = self.parts[digit]",
    ),
    _bug(
        "patches are laid over each other backwards", PATCHES, "vstore/reading/assembly.py",
        "zip(patches, parts, strict=True)", "reversed(list(zip(patches, parts, strict=True)))",
    ),
    _bug(
        "a patch drops the rows of those that it takes in", PATCHES, PATCHING,
        "rows = np.union1d(rows, rows_of(kept.pop().rows))", "kept.pop()",
    ),
    _bug(
        "patches pile up", PATCHES, PATCHING,
        "last <= 2 * nbytes or small > MOST_KEPT", "False",
    ),
    _bug(
        "a write in one transaction makes the one before it be forgotten", PATCHES,
        PATCHING, "self._rows.append(rows)\n            self._before.append(chunk[rows])",
        "self._rows, self._before = [rows], [chunk[rows]]",
    ),
    _bug(
        "Zarr gets a chunk without its patches", PATCHES, "vstore/hierarchy/nodes.py",
        "self._whole(place) if isinstance(place, Patched) else place",
        "place.whole if isinstance(place, Patched) else place",
    ),
    _bug(
        "what only patches need is not collected as needed", PATCHES, "vstore/format/page.py",
        "packs.setdefault(patch.ref.pack, len(packs)),", "0,",
    ),
    _bug(
        "a file is not flushed", POWER_CUT, LOCAL,
        "view) :]\n        os.fsync(descriptor)", "view) :]",
    ),
    _bug("no folder is flushed", POWER_CUT, FOLDER, "os.fsync(descriptor)", "pass"),
    _bug(
        "the parent of a new folder is not flushed", POWER_CUT, LOCAL,
        "self._keep_names(folder)\n                self._note", "self._note",
    ),
    _bug(
        "folders of objects that are acknowledged together are not flushed", POWER_CUT,
        "vstore/storage/local_batch.py",
        "as folder:\n                    folder.flush()", "as folder:\n                    pass",
    ),
    _bug(
        "folders of objects that were there are not flushed", POWER_CUT,
        "vstore/transfer/copying.py",
        "self._batch.note(need.key)", "pass",
    ),
    _bug(
        "a ref is renamed without the lock", ("tests/storage/test_local.py",), LOCAL,
        "as (temporary, place), self._locked():\n            if not self._is_at",
        "as (temporary, place):\n            if not self._is_at",
    ),
    _bug(
        "an object is written where readers see it grow", ("tests/storage/test_local.py",), LOCAL,
        "as (temporary, place):\n            temporary.replace(place)",
        "as (_, place), open(f'{place.folder.path}/{place.name}', 'wb') as file:\n"
        "            file.write(data)",
    ),
    _bug(
        "a folder is entered through a link", LINKS, FOLDER,
        "os.open(name, _PASSING | _NOFOLLOW,", "os.open(name, _PASSING,",
    ),
    _bug(
        "a link is locked", LINKS, FOLDER, "flags = os.O_RDWR | _COMMON |", "flags = os.O_RDWR |",
    ),
    _bug(
        "files of any name are swept", ("tests/storage/test_local.py",), FOLDER,
        "is_ours = names.fullmatch(entry.name) and entry", "is_ours = entry",
    ),
    _bug(
        "every reader can take the lock", LINKS, FOLDER,
        "self._keep_to_writers(descriptor)\n", "pass\n",
    ),
    _bug(
        "a lock is waited for without end", LINKS, "vstore/storage/local_lock.py",
        "> LOCK_SECONDS", "> 100 * LOCK_SECONDS",
    ),
    _bug(
        "the cache keeps files of any size", CACHE, DISK_CACHE,
        "if status.st_size != nbytes:", "if False:",
    ),
    _bug(
        "the cache uses a folder of others", CACHE, DISK_CACHE,
        "if not self.is_shared and others_may_write(", "if False and others_may_write(",
    ),
    _bug(
        "each user of files has a budget of its own", ("tests/storage/test_open_files.py",),
        "vstore/storage/open_files.py", "while len(_order) > most:",
        "while sum(owner == id(self) for owner, _ in _order) > most:",
    ),
    _bug(
        "objects of any length are read whole", BOUNDS, "vstore/storage/ranges.py",
        "    if nbytes > most_nbytes(key):", "    if False:",
    ),
    _bug(
        "obstore reads what a server announces", LENGTHS, "vstore/storage/obstore_client.py",
        'if found.meta["size"] > most:', "if False:",
    ),
    _bug(
        "a walk through a tree has no budget", BOUNDS, "vstore/format/walk_budget.py",
        "if self._nodes > MOST_NODES", "if False and self._nodes > MOST_NODES",
    ),
    _bug(
        "counts of deleted rows are believed", BOUNDS, "vstore/reading/stored_table.py",
        "        self._check_counts(counts, stored)\n", "",
    ),
    _bug(
        "sums of an index are believed", BOUNDS, "vstore/format/index.py",
        "if found != (index.chunks, index.stored):", "if False:",
    ),
    _bug(
        "a web server's answer to a range is believed to be the range", LENGTHS,
        "vstore/storage/http_reading.py",
        "skipped = start if answer.status == _PARTIAL else 0", "skipped = start",
    ),
    _bug(
        "cells are markup", ("tests/cli/test_hostile_text.py",), "vstore/cli/output.py",
        "markup=False, width=width", "width=width",
    ),
    _bug(
        "JSON shows what misleads a terminal", ("tests/cli/test_hostile_text.py",),
        "vstore/cli/output.py", "return MISLEADING.sub(lambda",
        "return text or MISLEADING.sub(lambda",
    ),
    _bug(
        "the password in an endpoint is shown", FIELD, "vstore/storage/location.py",
        "            found |= _secrets_in(value)\n", "            pass\n",
    ),
    _bug(
        "a silent server is waited for by obstore", FIELD, "vstore/storage/obstore_config.py",
        '        "read_timeout": f"{read}s",\n', "",
    ),
    _bug(
        "obstore swaps without If-Match",
        ("tests/storage/test_s3.py::TestS3WithObstore",),
        "vstore/storage/obstore_client.py", "data, mode=at)", "data)",
    ),
    _bug(
        "s3fs swaps without If-Match", ("tests/storage/test_s3.py::TestS3WithFsspec",), S3FS,
        "data, IfMatch=expected", "data",
    ),
    _bug(
        "s3fs creates without If-None-Match", ("tests/storage/test_s3.py::TestS3WithFsspec",), S3FS,
        'data, IfNoneMatch="*"', "data",
    ),
    _bug(
        "nothing is read back after a lost response", ("tests/storage/test_remote.py",), REMOTE,
        "if body == data:", "if False:",
    ),
    _bug(
        "an unknown outcome is taken for a refusal", ("tests/storage/test_remote.py",), REMOTE,
        "if attempts.may_have_written:\n                    raise self._unknown(key",
        "if False:\n                    raise self._unknown(key",
    ),
    _bug(
        "bare ETags are taken where they are ignored", ("tests/storage/test_bare_etags.py",),
        "vstore/storage/etags.py",
        "return not _replaces(client, name, _bare(first))", "return True",
    ),
    _bug(
        "the token of a ref is used again", ("tests/repository/test_refs.py",),
        "vstore/history/tag_refs.py", "return secrets.token_hex(16)", 'return "0" * 32',
    ),
    _bug(
        "the branch moves before the packs are stored",
        ("tests/writing/test_interrupted_writes.py",),
        "vstore/writing/committing.py", "self._writer.finish()", "pass",
    ),
    _bug(
        "a lost race is taken for a win", CONCURRENT, UPDATE,
        "return attempt() is not None", "attempt()\n            return True",
    ),
    _bug(
        "a lost race is tried again without merging", CONCURRENT, PUBLISHING,
        "        if onto == self.onto:\n            return self\n", "        return self\n",
    ),
    _bug(
        "a commit of unknown outcome is made again without looking for it",
        ("tests/faults/test_unknown_outcomes.py",), UPDATE,
        "is_there = head is not None and update.is_in(head)", "is_there = False",
    ),
    _bug(
        "an older entry of the log is taken for a reset of unknown outcome",
        ("tests/faults/test_unknown_outcomes.py",), "vstore/repository/rewriting.py",
        "return any(is_entry(entry, self.digest, self.action) for entry in since)",
        "return self.digest in [entry.commit for entry in head.document.log]",
    ),
    _bug(
        "what is found after a lost response is not flushed again", POWER_CUT, UPDATE,
        "if head.commit != digest:", "if True:",
    ),
    Bug(
        "garbage is told by its age alone",
        (
            Edit("vstore/maintenance/gc/pending_list.py", "if is_live and not moved:", "if False:"),
            Edit(
                "vstore/maintenance/gc/sweeping.py",
                "return digest in self.swept.live.digests\n", "return False\n",
            ),
        ),
        GC,
    ),
    _bug(
        "one listing of refs is believed", LISTINGS, "vstore/maintenance/gc/guard.py",
        "read_refs(self.store, seen, sorted(expected))", "read_refs(self.store, seen, ())",
    ),
    _bug(
        "refs that an earlier collection saw may vanish", LISTINGS,
        "vstore/maintenance/gc/guard.py", "        if lost:\n", "        if False:\n",
    ),
    _bug(
        "commits without any ref are garbage", LISTINGS, "vstore/maintenance/gc/guard.py",
        "if refs.seen.is_first and has_garbage_commits", "if False and has_garbage_commits",
    ),
    _bug(
        "objects that were read need not be listed", LISTINGS, "vstore/maintenance/gc/guard.py",
        "if listed < live.documents - live.failures:", "if False:",
    ),
    _bug(
        "a pending list is stored in the order of the listing", LISTINGS,
        "vstore/maintenance/gc/pending_list.py",
        "if found.key < self._last and self._is_sorted:", "if False:",
    ),
    _bug(
        "what was deleted is kept by the deleter's clock", LISTINGS,
        "vstore/maintenance/gc/roots.py",
        "return [key for key in self.deleted if self.written[key] < since]",
        "return [key for key, note in self.deleted.items() if parse_time(note.time) < since]",
    ),
    _bug(
        "the latest deletion is that of the latest clock", LISTINGS,
        "vstore/history/deletion_records.py",
        "found.sort(key=lambda info: (info.modified, _stamp(info.key)))",
        "found.sort(key=lambda info: _stamp(info.key))",
    ),
    _bug(
        "what a branch left is kept by the writers' clocks", LISTINGS,
        "vstore/maintenance/gc/roots.py",
        "behind = max(written - parse_time(branch.log[0].time), timedelta(0))", "pass",
    ),
    _bug(
        "conditions are tried when a repository is created and never again",
        ("tests/storage/test_conditions.py",), REMOTE,
        "self._conditions.require(self._client, self._location)", "pass",
    ),
    _bug(
        "the same page of a listing is read for ever", ("tests/storage/test_conditions.py",),
        REMOTE,
        "if page and page == before:", "if False:",
    ),
    _bug(
        "what is pending is not looked at again before it is deleted", GC,
        "vstore/maintenance/gc/sweeping.py", "if same and not self._is_needed(item)", "if same",
    ),
    _bug(
        "the grace period is not waited for", GC, "vstore/maintenance/gc/collecting.py",
        "elif now < written + _grace(pending, options):", "elif False:",
    ),
    _bug(
        "a writer does not heed the mark of a collection", GC, "vstore/history/fence.py",
        "if here == begun and not (here and here.open):", "if True:",
    ),
    _bug(
        "the leases of long transactions are not heeded", GC, "vstore/maintenance/gc/leases.py",
        "return min(starts, default=None)", "return None",
    ),
    _bug(
        "packs are deleted before the commits that need them", GC,
        "vstore/maintenance/gc/sweeping.py",
        "    object_keys.COMMITS,\n    object_keys.INDEX,\n    object_keys.MOVED,\n"
        "    object_keys.PACKS,\n",
        "    object_keys.PACKS,\n    object_keys.MOVED,\n    object_keys.INDEX,\n"
        "    object_keys.COMMITS,\n",
    ),
    _bug(
        "chunks are not verified", DAMAGE, FETCH,
        "if raw_digest(chunk) == ref.digest:", "if True:",
    ),
    _bug(
        "documents are not verified", DAMAGE, FETCH,
        "return read_verified(lambda: self.store.get(key), bytes.fromhex(digest), what=where)",
        "return self.store.get(key)",
    ),
    _bug(
        "refs are not verified", DAMAGE, "vstore/format/seal.py",
        "if value.get(_CHECK) != digest_of(document.dumps(members)):", "if False:",
    ),
    _bug(
        "chunks out of the disk cache are not verified", ("tests/reading/test_disk_cache.py",),
        "vstore/reading/disk_cache.py", 'verify(data, digest, what="")', "pass",
    ),
    _bug(
        "a chunk may decode to more than it should hold",
        ("tests/format/zarr/test_codec_safety.py",),
        "vstore/format/zarr/codec_compressors.py",
        "require_limit(size.at_most if size.declared is None else size.declared, limit)", "pass",
    ),
    _bug(
        "a ref is deleted without a tombstone", ("tests/faults/test_deleting_refs.py",),
        "vstore/history/tombstones.py",
        "buried = self._store.compare_and_swap(key, tombstone, version)", "buried = version",
    ),
    _bug(
        "a branch may carry another commit than it names", ("tests/repository/test_refs.py",),
        "vstore/format/commit.py",
        "if self.head is not None and digest_of(self.head.encode()) != self.commit:", "if False:",
    ),
    _bug(
        "a chunk that is needed is left out when its pack is repacked",
        ("tests/maintenance/gc/test_repacking.py",), "vstore/maintenance/gc/repacking.py",
        "parts = space.parts(pack.digest)", "parts = space.parts(pack.digest)[:-1]",
    ),
    _bug(
        "what is written after the end of a transaction is taken for part of it",
        ("tests/sharing/test_lent_stores.py",), "vstore/sharing/borrower.py",
        "if not self._journal.is_open():", "if False:",
    ),
    _bug(
        "a chunk outside its pack is taken from a journal", ("tests/hostile/",),
        "vstore/format/journal.py",
        "if self.pack is None or offset < 0 or not 0 <= nbytes <= end - offset:", "if False:",
    ),
    _bug(
        "a bucket of the index of keys is not updated", ("tests/writing/test_key_index.py",),
        "vstore/writing/keys.py", "index.write((numbers,), elements)",
        "index.write((numbers[1:],), elements[1:])",
    ),
    _bug(
        "choosing the epoch that was loaded throws its place away", PASSES,
        "vstore/reader/passes.py", "upcoming if upcoming.epoch == epoch else Cursor(epoch)",
        "Cursor(epoch)",
    ),
    _bug(
        "a state tells of a look instead of the pass that trains", PASSES,
        "vstore/reader/passes.py",
        "if self._looks and not (self._counted is not None and self._is_going):", "if self._looks:",
    ),
    _bug(
        "each worker counts epochs for itself", PASSES, "vstore/torch/board.py",
        "self._numbers[_COUNTED] = begin.epoch + 1", "self._numbers[_COUNTED] += 1",
    ),
    _bug(
        "workers of a loader do not agree on where a pass begins", PASSES,
        "vstore/torch/board.py", "record = self.folder.file(_pass(number))",
        'record = self.folder.file(f"{_pass(number)}-{worker}")',
    ),
    _bug(
        "workers ahead of a look are taken for a pass", PASSES, "vstore/torch/asks.py",
        "asks - ahead > 1", "asks - ahead > 0",
    ),
    _bug(
        "one worker alone knows how often it was asked", PASSES, "vstore/torch/asks.py",
        "self._worker * _RECORD.size", "0",
    ),
    _bug(
        "a look throws away the place that workers loaded", PASSES, "vstore/torch/board.py",
        "is_loaded = self._goes_on(cursor, worker, workers)", "is_loaded = False",
    ),
    _bug(
        "a forked rank shares its place with the others",
        ("tests/torch/test_ranks_as_processes.py",), "vstore/torch/sharing.py",
        "if not is_starting_worker():\n        for", "if False:\n        for",
    ),
    _bug(
        "a pickled dataset shares its place with the original",
        ("tests/torch/test_ranks_as_processes.py",), "vstore/torch/board.py",
        "is_shared = is_starting_worker()", "is_shared = True",
    ),
    _bug(
        "the rank is that of when a dataset was made", PASSES, "vstore/torch/streaming.py",
        "self._stream.at_rank(*rank_and_world_size(None, None))", "pass",
    ),
    _bug(
        "a place does not count samples that were left out",
        ("tests/reader/test_transforms.py", "tests/torch/test_statistics.py"),
        "vstore/reader/plan/progress.py",
        "self.given += 1\n                    if sample is not GAP:\n",
        "self.given += sample is not GAP\n                    if sample is not GAP:\n",
    ),
    _bug(
        "large single samples come as batches of one", ("tests/reader/test_single_samples.py",),
        "vstore/reader/plan/progress.py", "if not self.each:\n            for",
        "if self.each < 2:\n            for",
    ),
    _bug(
        "a worker that begins forgets what those before it have cost",
        ("tests/torch/test_statistics.py",), "vstore/torch/tally.py",
        "self._before = _read(self._path)", "self._before = _NOTHING",
    ),
    _bug(
        "a forked worker counts what its parent read", ("tests/torch/test_statistics.py",),
        "vstore/reader/statistics.py", "if self._pid == os.getpid():", "if True:",
    ),
    _bug(
        "threads share what a transform keeps", TRANSFORMS, HANDS,
        "return cls(*copied((finisher.transforms, finisher.collate)))",
        "return cls.with_originals(finisher)",
    ),
    _bug(
        "what a transform draws depends on the samples before", TRANSFORMS, HANDS,
        "return [*self._reseed, *lent]", "return [*lent]",
    ),
    _bug(
        "columns of one sample draw one after the other", TRANSFORMS, HANDS,
        "reseeds, function, generator = self._to_seed(lent), call",
        "is_first = call is next(iter(self._by_column.values()))\n"
        "        reseeds, function, generator = self._to_seed(lent) if is_first else [], call",
    ),
    _bug(
        "what a sample draws depends on the batch it is in", TRANSFORMS,
        "vstore/reader/load/trial.py",
        "places = run.places[", "places = range(len(run.positions))[",
    ),
    _bug(
        "a column that does not draw hides one that does", TRANSFORMS,
        "vstore/reader/load/trial.py", "self._drawn = self.drawn", "pass",
    ),
    _bug(
        "a second global generator is not noticed", TRANSFORMS, TRANSFORMING,
        "has_drawn = drawn_since(before) - self._drawn", "has_drawn = frozenset()",
    ),
    _bug(
        "half of a number is left from the sample before",
        ("tests/reader/load/test_randomness.py",),
        "vstore/reader/load/randomness.py",
        'return partial(memoryview(memory).cast("B").__setitem__, slice(None))',
        'view = memoryview(memory).cast("B")\n'
        "    return lambda digest: view.__setitem__(slice(_LEFT, None), digest[_LEFT:])",
    ),
    _bug(
        "the program's own generator is not put back", TRANSFORMS,
        "vstore/reader/load/randomness.py",
        "stack.callback(lambda: random.setstate(python_state))", "pass",
    ),
    _bug(
        "what draws from a global generator seldom is not noticed", TRANSFORMS, TRANSFORMING,
        "if job.is_suspect and self._is_watched:", "if False:",
    ),
    _bug(
        "costly batches are made many at a time", TRANSFORMS, TRANSFORMING,
        "together = max(1, min(GROUP_BATCHES, int(PART_SECONDS / self._batch_seconds)))",
        "together = GROUP_BATCHES",
    ),
    _bug(
        "a part of samples that are one behind the other begins where the whole does",
        ("tests/reader/test_flat.py",), "vstore/format/table/flat.py",
        "offsets - offsets[0],", "offsets,",
    ),
    _bug(
        "a shape whose size wraps around is believed",
        ("tests/reader/test_flat.py",), "vstore/format/table/flat.py",
        "is_wrong |= shapes.prod(axis=1, dtype=np.float64) > _MOST_ELEMENTS", "pass",
    ),
    _bug(
        "keys are those of all samples, not of the chosen ones",
        ("tests/reader/test_keys.py",), "vstore/reader/source.py",
        "label: self.keys.selection}", "label: Selection(self.keys.selection.rows)}",
    ),
    _bug(
        "a piece of a sequence begins where the sequence does", PACKING,
        "vstore/format/table/flat.py",
        "[start:stop]\n    cut", "[: stop - start]\n    cut",
    ),
    _bug(
        "blocks are told by their number in the unit", PACKING,
        "vstore/reader/load/packs.py",
        "return SegmentPart(self.packs.pick(rows), self.what)",
        "return SegmentPart(self.packs.pick(rows - rows.min()), self.what)",
    ),
    _bug(
        "a state fits blocks of another length", PACKING,
        "vstore/reader/source.py", "parts.append(fingerprint(self.packs))", "pass",
    ),
    _bug(
        "samples sorted by length lose those left over",
        ("tests/reader/test_lengths.py",), "vstore/reader/plan/planner.py",
        "np.concatenate([mixed.reshape(-1), rest])", "mixed.reshape(-1)",
    ),
    _bug(
        "a state fits other lengths",
        ("tests/reader/test_lengths.py",), "vstore/reader/stream.py",
        '"" if options.lengths is None else digest_of(options.lengths.tobytes())', '""',
    ),
    _bug(
        "a region that reaches into the next chunk gets none of it",
        ("tests/reader/test_regions.py",), "vstore/reader/plan/regions.py",
        "(start + size - 1) // chunk + 1)", "start // chunk + 1)",
    ),
    _bug(
        "what was decoded for other regions is not put in",
        ("tests/reader/test_regions.py",), "vstore/reader/load/regions.py",
        "kept.setdefault(part.region, []).append((chunk, part))", "pass",
    ),
    _bug(
        "a state fits regions of another shape",
        ("tests/reader/test_regions.py",), "vstore/reader/source.py",
        "parts.append(self.regions.shape)", "pass",
    ),
    _bug(
        "samples of a member without a column count as there",
        ("tests/reader/test_mixed_columns.py",), "vstore/reader/union.py",
        "np.full(shape, column in batch)", "np.full(shape, True)",
    ),
    _bug(
        "a member that goes on is laid out by its new weight",
        ("tests/reader/test_succession.py",), "vstore/reader/plan/succession.py",
        "window=was.window, kept=True", "window=was.window",
    ),
    _bug(
        "a member that has grown goes on in the middle",
        ("tests/reader/test_succession.py",), "vstore/reader/plan/succession.py",
        "before.get((member.name, member.data), (None, 0))",
        "{k[0]: v for k, v in before.items()}.get(member.name, (None, 0))",
    ),
    _bug(
        "a costly batch is not divided", TRANSFORMS, TRANSFORMING,
        "max(1, int(PART_SECONDS / max(1e-9, self._seconds)))", "1 << 30",
    ),
    _bug(
        "what could not be uploaded is forgotten by the next try", AGAIN,
        "vstore/writing/packs.py", "            self._failed.append(upload)", "            pass",
    ),
    _bug(
        "a commit that the store refused ends the transaction", AGAIN,
        "vstore/writing/draft.py",
        "        except StorageError:\n", "        except ZeroDivisionError:\n",
    ),
    _bug(
        "the commit that was tried before passes for stored", AGAIN,
        "vstore/writing/committing.py",
        "        if digest == self._last:", "        if self._last:",
    ),
    _bug(
        "a clock that is far ahead dates a commit", AGAIN, "vstore/writing/clock.py",
        "if stored is None or made - stored <= TOLERANCE:", "if True:",
    ),
    _bug(
        "a transaction that is forgotten says nothing", AGAIN, "vstore/writing/transaction.py",
        "if draft is not None and draft.would_be_lost:", "if False:",
    ),
    _bug(
        "a copy refers to pages that are not stored", ("tests/writing/test_copying.py",),
        "vstore/writing/staged_tree.py",
        "self._staging.writer.upload(object_keys.index(name), page)", "pass",
    ),
    *VALUE_BUGS,
    *MERGE_BUGS,
    _bug(
        "what is held of a transaction does not take what workers wrote", MANY,
        "vstore/writing/door.py", "            self.others.take()", "            pass",
    ),
    _bug(
        "others are not told what the transaction itself changed", MANY,
        "vstore/writing/door.py", "            self.others.tell()", "            pass",
    ),
    _bug(
        "others are not told what was written by key", MANY, "vstore/zarr/sources.py",
        "loan.tell_of(done)", "pass",
    ),
    _bug(
        "a state does not say what is in it", MANY, "vstore/sharing/loan.py",
        "self._number + 1, begun, self._untold)", "self._number + 1, begun, set())",
    ),
    _bug(
        "who reads a state does not begin anew there", MANY, "vstore/sharing/borrower.py",
        "            if not states:", "            if True:",
    ),
    _bug(
        "a document that others changed is written over", MANY, "vstore/sharing/looks.py",
        "        if key in self._changed:", "        if False:",
    ),
    _bug(
        "what a worker did not see is not looked for", MANY, "vstore/sharing/loan.py",
        "if here != write.on and not (here == _version(write) and may_repeat(write)):", "if False:",
    ),
    _bug(
        "two that let an array grow by as much pass for one", MANY, "vstore/sharing/journal.py",
        'return not (write.on and document is not None and document["node_type"] == "array")',
        "return True",
    ),
    _bug(
        "threads undo what others wrote of a chunk", MANY, "vstore/zarr/sources.py",
        "if look is None or look.version == version_of(key, keys.find(key)):", "if True:",
    ),
    _bug(
        "of a chunk that two changed the later is taken whole", MANY, "vstore/writing/overlay.py",
        "np.argwhere(differing_elements(before, after))",
        "np.argwhere(np.ones(after.shape, bool))",
    ),
    _bug(
        "a chunk that was written once goes by what was read before that", MANY,
        "vstore/sharing/looks.py", "        del self._chunks[id(key)]", "        pass",
    ),
    _bug(
        "entries of a journal are named by clocks alone", MANY, "vstore/sharing/journal.py",
        "self._last = max(self._last, int(names[-1][:_DIGITS]))", "pass",
    ),
    _bug(
        "a commit that is tried again takes its journal for gone", MANY, "vstore/sharing/loan.py",
        "if not (is_open or self._is_over):", "if not is_open:",
    ),
)  # fmt: skip
