"""What users see of what they hold: the exact public members of each public class.

A member that only the library needs is no member: it goes behind `vstore.faces.internals`.
"""

import pytest

import vstore
from tests.test_faces import exported

CHECKED = ("vstore", "vstore.reader", "vstore.storage")

MEMBERS = {
    "vstore.AheadBehind": "ahead behind",
    "vstore.Amount": "nbytes objects",
    "vstore.Array": "attributes chunks dtype metadata ndim path shape",
    "vstore.ArrayDiff": "attributes chunks shape statistics status to_dict",
    "vstore.ArrayMetadata": (
        "attributes chunk_key_encoding chunk_nbytes chunk_shape codecs create data_type "
        "dimension_names dtype extra_fields fill_value from_dict grid_shape "
        "is_variable_length ndim pipeline rechunked resized shape to_dict with_attributes"
    ),
    "vstore.ArraySummary": (
        "chunk_shape chunks codec dtype kind path raw_nbytes shape stored_nbytes"
    ),
    "vstore.AttributeChange": "new old",
    "vstore.AudioInfo": "bits channels encoding format frames rate",
    "vstore.Author": "email name",
    "vstore.Blame": "commits keys numbers",
    "vstore.BranchDocument": "commit fence format head log name policy token",
    "vstore.Branches": "create delete deleted log rename restore",
    "vstore.Changes": "added changed removed schema",
    "vstore.Column": "attributes contains dtype encoded info kind lengths metadata name shape "
    "shapes valid",
    "vstore.ColumnInfo": (
        "check companions dtype id kind kind_name mode optional orient rate shape suffixes"
    ),
    "vstore.ColumnKind": (
        "are_elements companions data_type decode describe dtype encode flatten format_of "
        "is_collection is_encoded_alone is_measured is_picture is_plain is_ragged is_slow "
        "is_told_by_dtype is_waveform may_be name nothing stored_as validate"
    ),
    "vstore.ColumnSpec": (
        "as_optional attributes check codecs dtype fill_value form info rows_per_chunk shape "
        "with_id"
    ),
    "vstore.Commit": "author changes id message metadata parents time title",
    "vstore.Conflict": "base kind note ours path sample theirs to_dict",
    "vstore.DeadSpace": "mostly_dead nbytes packs",
    "vstore.DeletedDocument": "branch format ref tag time",
    "vstore.Diff": (
        "arrays at attributes changes each_table groups lines moved nodes show tables to_arrow "
        "to_dict"
    ),
    "vstore.DiffPreview": "",
    "vstore.DroppedData": "dropped freed kept shared",
    "vstore.FetchedData": "fetched here left nbytes to_dict",
    "vstore.Fork": "array child group store table",
    "vstore.FsckCursor": (
        "after bad_chunks chunks from_json nbytes options packs problems to_json version"
    ),
    "vstore.FsckOptions": "decode described has_share mode reads_packs repair_from resume share",
    "vstore.FsckProblem": "detail fault key lines reaches repaired to_dict",
    "vstore.FsckReach": "commits path samples to_dict",
    "vstore.FsckReport": (
        "breaches chunks_verified commits documents foreign foreign_amount is_sound lost_heads "
        "mode nbytes_read packs packs_verified problems promised promised_by refs to_dict unlisted "
        "unreferenced url"
    ),
    "vstore.GcOptions": "accept_lost_refs dry_run expire grace measure repack take_over wait",
    "vstore.GcReport": (
        "cancelled commits dead documents dry_run due freed kept live pending repacked "
        "to_dict url young"
    ),
    "vstore.Group": "array attributes get group items keys path table values",
    "vstore.History": "path to_arrow",
    "vstore.ImageInfo": "format height mode width",
    "vstore.KeyIndexer": "get items keys values",
    "vstore.LogEntry": "action commit time",
    "vstore.Merged": "commit conflicts kind unresolved",
    "vstore.Moments": "count maximum mean minimum std",
    "vstore.NodeChange": "attributes is_array is_table new new_path old old_path path",
    "vstore.Policies": "check current log set",
    "vstore.Policy": (
        "author keep may_purge number protect_branches protect_tags reason require_metadata "
        "signers time to_dict"
    ),
    "vstore.PolicyBreach": "detail to_dict what",
    "vstore.Preview": "",
    "vstore.ProbeCheck": "detail name outcome to_dict",
    "vstore.ProbeReport": "checks reasons to_dict url verdict",
    "vstore.ProgressStep": "done nbytes phase total",
    "vstore.Publication": "data nbytes page to_dict",
    "vstore.PurgeReport": (
        "commits dry_run freed holding id left nbytes_written rewritten to_dict url"
    ),
    "vstore.RefUpdate": "kind name new old outcome reason to_dict",
    "vstore.Remote": "ahead_behind fetch name ping promises push read_only store url",
    "vstore.RemoteSettings": "cache_dir cache_nbytes offline sources storage_options",
    "vstore.Remotes": "add open remove rename set_url",
    "vstore.Repacked": "dead_nbytes kept_nbytes packs to_dict",
    "vstore.Repository": (
        "amend author blame blame_all branches checkout cherry_pick commit copy "
        "default_branch description diff drop fetch_data find_traces fsck gc history "
        "local_data log merge nbytes policies probe pull purge rebase remotes reset resolve revert "
        "sign signatures squash store tags transaction undo update url usage verify whereis"
    ),
    "vstore.RepositoryDocument": "created default_branch features format id",
    "vstore.SampleChange": (
        "column commit decided_by decision key new old path status to_dict via"
    ),
    "vstore.SamplePair": "columns key new old status",
    "vstore.Signature": "commit detail fingerprint is_good signer status to_dict",
    "vstore.SignatureSettings": "allowed_signers key program require revoked sign",
    "vstore.Snapshot": (
        "array attributes commit get group items keys store summary table tables url values"
    ),
    "vstore.Summary": "arrays author commit message stored_nbytes tables time to_dict url",
    "vstore.Table": (
        "arrow attributes columns get has_key head items key_kind keys loc metadata path position "
        "positions sample_keys show values"
    ),
    "vstore.TableDiff": (
        "added added_columns attributes changed columns removed removed_columns "
        "renamed_columns retyped statistics status to_dict"
    ),
    "vstore.TableSummary": "columns keys path samples",
    "vstore.TagDocument": "author commit format message metadata name time token",
    "vstore.Tags": "create delete deleted documents get restore",
    "vstore.Trace": "key where",
    "vstore.TraceReport": "chunks found is_absent objects to_dict unknown_nbytes url",
    "vstore.Transaction": (
        "array branch commit copy copy_from create_array create_group create_table delete diff "
        "discard fork get group is_open items keys merge move store table values write_arrow"
    ),
    "vstore.TransactionArray": "attributes chunks dtype metadata ndim path shape",
    "vstore.TransactionColumn": "contains dtype shape",
    "vstore.TransactionGroup": (
        "array attributes get group items keys path set_attributes table values"
    ),
    "vstore.TransactionIndexer": "get items keys values",
    "vstore.TransactionTable": (
        "add_column append assign attributes cast columns compact delete drop_column extend "
        "get has_key items key_kind keys loc path position reindex rename_column sample_keys "
        "set_attributes upsert values"
    ),
    "vstore.TransferReport": (
        "dry_run is_up_to_date nbytes notices objects refs rejected remote signatures skipped "
        "to_dict url"
    ),
    "vstore.Upserted": "added equal replaced",
    "vstore.Usage": "by shares to_dict total_nbytes",
    "vstore.UsageShare": "count name own_nbytes shared_nbytes",
    "vstore.Use": "value",
    "vstore.ValueDigest": "digest nbytes",
    "vstore.ValueStatistics": (
        "differing edges elements max_abs mean_abs new new_histogram old old_histogram "
        "samples shift to_dict unmatched"
    ),
    "vstore.Whereabouts": "here is_here path remotes stored to_dict",
    "vstore.reader.Mixture": "after batching columns label members samples weights",
    "vstore.reader.Packed": "cuts length padding pick positions starts stops wholes",
    "vstore.reader.Reader": "epoch load_state_dict order prefetch set_epoch state_dict statistics",
    "vstore.reader.ReaderStatistics": (
        "chunks_found chunks_loaded disk_hits hedged nbytes requests samples_skipped total "
        "waited_seconds"
    ),
    "vstore.reader.Regions": "arrays shape starts",
    "vstore.reader.Windows": "checked count index positions valid",
    "vstore.storage.CountingStore": (
        "compare_and_swap count delete delete_if_version depth get get_range get_versioned "
        "is_local list_prefix nbytes_received nbytes_sent put put_if_absent requests reset "
        "summary url"
    ),
    "vstore.storage.LocalStore": (
        "compare_and_swap delete delete_if_version get get_range get_versioned is_local "
        "list_prefix open put put_if_absent url"
    ),
    "vstore.storage.MemoryStore": (
        "compare_and_swap delete delete_if_version get get_range get_versioned is_local "
        "list_prefix put put_if_absent url"
    ),
    "vstore.storage.ObjectInfo": "key modified nbytes",
    "vstore.storage.ObjectStore": (
        "compare_and_swap delete delete_if_version get get_range get_versioned is_local "
        "list_prefix put put_if_absent url"
    ),
    "vstore.storage.Request": "depth error key nbytes_received nbytes_sent verb",
}


def members(kind: type) -> list[str]:
    """Return the names of a class's public members and fields, in order."""
    fields = getattr(kind, "__struct_fields__", ()) or getattr(kind, "__dataclass_fields__", ())
    return sorted(name for name in {*dir(kind), *fields} if not name.startswith("_"))


def classes() -> dict[str, type]:
    """The public classes that tell members of their own, by address; errors have no others."""
    return {
        address: value
        for address, value in exported().items()
        if isinstance(value, type)
        and address.rpartition(".")[0] in CHECKED
        and not issubclass(value, dict | Exception)
    }


def test_every_class_is_listed() -> None:
    assert list(MEMBERS) == sorted(classes())


@pytest.mark.parametrize("address", MEMBERS)
def test_a_class_has_exactly_these_public_members(address: str) -> None:
    assert " ".join(members(classes()[address])) == MEMBERS[address]


def test_an_object_shows_what_its_class_has() -> None:
    repo = vstore.create("memory://members")
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        table.extend({"x": [1]})
        held: list[object] = [tx, table, table["x"], table.loc, tx.fork()]
    snapshot = repo.checkout("main")
    held += [repo, snapshot, snapshot.table("t"), snapshot.table("t")["x"], snapshot.table("t").loc]
    for each in held:
        shown = [name for name in dir(each) if not name.startswith("_")]
        assert shown == members(type(each))
