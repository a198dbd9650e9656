"""The documents of signatures: what is stored, and what is refused when it is read."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vstore
from tests.format.second_encoder import RefusedError
from tests.format.second_reader import SecondReader
from tests.signing.keys import make_keys
from vstore.errors import CorruptionError, FormatError
from vstore.format import document, object_keys, signature
from vstore.format.digest import Digest, digest_of
from vstore.format.signature import NAMESPACE, parse_ssh

COMMIT = Digest("ab" * 32)
PUBLIC_KEY = b"\0\0\0\x0bssh-ed25519" + bytes(36)
KEY = hashlib.sha256(PUBLIC_KEY).hexdigest()


def field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def body(
    *, version: int = 1, namespace: bytes = NAMESPACE.encode(), hashed: bytes = b"sha512"
) -> bytes:
    fields = (PUBLIC_KEY, namespace, b"", hashed, b"the signature")
    return b"SSHSIG" + version.to_bytes(4, "big") + b"".join(map(field, fields))


def armored(data: bytes) -> str:
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{text}-----END SSH SIGNATURE-----\n"


def test_a_signature_is_a_sealed_document() -> None:
    data = signature.encode(COMMIT, armored(body()))
    members = document.parse(data, what="signature")
    check = members.pop("check")
    assert check == digest_of(document.dumps(members))
    assert members == {"commit": COMMIT, "format": 1, "signature": armored(body())}
    assert signature.decode(data, COMMIT, KEY).signature == armored(body())
    digest = base64.b64encode(bytes.fromhex(KEY)).decode().rstrip("=")
    assert parse_ssh(armored(body())).fingerprint == f"SHA256:{digest}"


def test_a_damaged_one_and_one_of_something_else_are_refused() -> None:
    data = signature.encode(COMMIT, armored(body()))
    with pytest.raises(CorruptionError, match="check"):
        signature.decode(data.replace(COMMIT.encode(), b"cd" * 32), COMMIT, KEY)
    with pytest.raises(FormatError, match="is of the commit"):
        signature.decode(data, Digest("cd" * 32), KEY)
    with pytest.raises(FormatError, match="is by the key"):
        signature.decode(data, COMMIT, "cd" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"commit": "abc"},
        {"commit": None},
        {"signature": None},
        {"signature": ""},
        {"signature": "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----"},
        {"signature": armored(body()).replace("SSH", "PGP")},
        {"signature": armored(body()).replace("=", "!")},
        {"signature": armored(body(version=2))},
        {"signature": armored(body(namespace=b"git"))},
        {"signature": armored(body(namespace=b"\xff"))},
        {"signature": armored(body(hashed=b"md5"))},
        {"signature": armored(body()[:-1])},
        {"signature": armored(body() + b"x")},
        {"signature": armored(body() + bytes(signature.MOST_SIGNATURE_BYTES))},
        {"unknown": 1},
    ],
)
def test_what_has_another_form_is_refused(change: dict[str, Any]) -> None:
    members = {"commit": COMMIT, "format": 1, "signature": armored(body())} | change
    data = document.dumps(members | {"check": digest_of(document.dumps(members))})
    with pytest.raises(FormatError):
        signature.decode(data, COMMIT, KEY)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    for text in (armored(data), armored(b"SSHSIG\0\0\0\1" + data)):
        try:
            parse_ssh(text)
        except FormatError:
            continue
        assert len(data) > 20


@given(st.text(max_size=200))
def test_any_text_is_refused_or_read(text: str) -> None:
    with pytest.raises(FormatError):
        parse_ssh(text)


@pytest.mark.parametrize(
    "name",
    [
        "signatures/x.json",
        f"signatures/{COMMIT}.json",
        f"signatures/{COMMIT}/{KEY}",
        f"signatures/{COMMIT}/{KEY[1:]}.json",
        f"signatures/{COMMIT.upper()}/{KEY}.json",
        f"signatures/{COMMIT}/{KEY}/x.json",
        f"commits/{COMMIT}.json",
    ],
)
def test_other_names_are_no_signatures(name: str) -> None:
    assert object_keys.signature_at(name) is None


def test_the_second_reader_reads_what_ssh_made(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction(message="Start") as tx:
        tx.create_array("x", shape=(1,), dtype="int8")
    repo.sign(key=keys.key("ann"))
    (info,) = repo.store.list_prefix("signatures/")
    commit, key = object_keys.signature_at(info.key) or (COMMIT, "")
    reader = SecondReader(tmp_path / "repo")
    assert reader.signature(commit, key) == (
        signature.decode(repo.store.get(info.key), commit, key).signature
    )
    with pytest.raises((RefusedError, OSError)):
        reader.signature(commit, "cd" * 32)
