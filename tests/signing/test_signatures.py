"""Signatures of commits: who is believed, and what is not."""

import pickle
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import vstore
from tests.signing.keys import Keys
from tests.transfer.places import append, new_repository
from vstore.errors import InvalidInputError, MissingExtraError, SignatureError
from vstore.format import object_keys, signature
from vstore.format.digest import Digest
from vstore.storage.store import Key


def opened(repository: vstore.Repository, settings: vstore.SignatureSettings) -> vstore.Repository:
    return vstore.open(repository.url, author="Ann Lee", signatures=settings)


def stored(repository: vstore.Repository) -> list[Key]:
    return [info.key for info in repository.store.list_prefix("signatures/")]


def test_a_signature_is_good_if_an_allowed_signer_made_it(keys: Keys) -> None:
    repo = opened(new_repository(), keys.settings)
    before = repo.resolve()
    with pytest.raises(SignatureError, match="is not signed") as raised:
        repo.verify()
    assert (raised.value.code, raised.value.fields["commit"]) == ("not-signed", before)
    fingerprint = repo.sign()
    assert repo.resolve() == before
    (found,) = repo.signatures()
    assert found == repo.verify()
    assert (found.commit, found.fingerprint, found.signer) == (
        before,
        fingerprint,
        "ann@example.org",
    )
    listed = ["ssh-keygen", "-l", "-f", str(keys.key("ann"))]
    assert fingerprint in subprocess.run(listed, capture_output=True, check=True).stdout.decode()
    assert str(found) == f"good signature by ann@example.org with {fingerprint}"


def test_what_is_signed_is_the_digest_so_that_ssh_checks_it_without_vstore(
    keys: Keys, tmp_path: Path
) -> None:
    repo = opened(new_repository(), keys.settings)
    repo.sign()
    (key,) = stored(repo)
    commit, hashed = object_keys.signature_at(key) or (Digest(""), "")
    text = signature.decode(repo.store.get(key), commit, hashed).signature
    (tmp_path / "sig").write_text(text)
    command = ["ssh-keygen", "-Y", "verify", "-n", "vstore-commit", "-I", "ann@example.org"]
    command += ["-f", str(keys.settings.allowed_signers), "-s", str(tmp_path / "sig")]
    subprocess.run(command, input=commit.encode(), check=True, capture_output=True)


def test_several_people_sign_a_commit_and_one_good_signature_is_enough(keys: Keys) -> None:
    repo = opened(new_repository(), keys.settings)
    repo.sign(key=keys.key("eve"))
    with pytest.raises(SignatureError, match="No principal matched") as raised:
        repo.verify()
    assert raised.value.code == "untrusted-signature"
    repo.sign()
    repo.sign()
    assert sorted(each.status for each in repo.signatures()) == ["good", "untrusted"]
    assert repo.verify().is_good


def test_a_signature_of_another_commit_or_for_another_purpose_is_bad(keys: Keys) -> None:
    repo = opened(new_repository(), keys.settings)
    old = repo.resolve()
    repo.sign()
    (key,) = stored(repo)
    new = Digest(append(repo, "new"))
    _, hashed = object_keys.signature_at(key) or (old, "")
    text = signature.decode(repo.store.get(key), old, hashed).signature
    repo.store.put(object_keys.signature(new, hashed), signature.encode(new, text))
    (found,) = repo.signatures()
    assert (found.status, found.signer) == ("bad", "")
    with pytest.raises(SignatureError) as raised:
        repo.verify()
    assert raised.value.code == "bad-signature"
    signed = ["ssh-keygen", "-Y", "sign", "-n", "file", "-f", str(keys.key("ann"))]
    for_files = subprocess.run(signed, input=new.encode(), capture_output=True, check=True)
    text = for_files.stdout.decode()
    repo.store.put(object_keys.signature(new, hashed), signature.encode(new, text))
    (found,) = repo.signatures()
    assert found.status == "bad"
    assert "is for 'file'" in found.detail
    repo.store.put(object_keys.signature(new, hashed), b"{}")
    assert repo.signatures()[0].status == "bad"


def test_keys_are_believed_for_a_time_and_until_they_are_revoked(
    keys: Keys, tmp_path: Path
) -> None:
    repo = new_repository()
    for name, year in (("old", 2020), ("new", 2024)):
        with repo.transaction(message=name, time=datetime(year + 10, 1, 1, tzinfo=UTC)) as tx:
            tx["grid/x"][0, 0] = year
        opened(repo, keys.settings).sign()
    line = f'ann@example.org valid-before="20320101" {keys.public("ann")}'
    settings = replace(keys.settings, allowed_signers=keys.signers(line))
    repo = opened(repo, settings)
    assert repo.verify("main~1").is_good
    with pytest.raises(SignatureError):
        repo.verify("main")
    revoked = tmp_path / "revoked"
    revoked.write_text(keys.public("ann") + "\n")
    (found,) = opened(repo, replace(settings, revoked=revoked)).signatures("main~1")
    assert (found.status, found.signer) == ("untrusted", "")
    assert "revoked" in found.detail


def test_every_commit_is_signed_that_is_made_if_wanted(keys: Keys) -> None:
    repo = opened(new_repository(), replace(keys.settings, sign=True))
    append(repo, "a")
    repo.branches.create("dev")
    append(repo, "b", "dev")
    append(repo, "c", "main")
    assert repo.merge("dev").kind == "merge"
    assert len(stored(repo)) == 4
    repo.amend(message="Merge")
    repo.revert("main~1")
    repo.squash("main", since="main~2", message="One")
    append(repo, "e")
    repo.cherry_pick("main", into="dev")
    repo.rebase("dev", onto="main")
    for revision in ("main", "main~1", "dev"):
        assert repo.verify(revision).signer == "ann@example.org"
    again = pickle.loads(pickle.dumps(repo))
    append(again, "d")
    assert again.verify().is_good


def test_a_merge_of_crossed_branches_signs_no_commit_that_is_on_no_branch(keys: Keys) -> None:
    repo = new_repository()
    repo.branches.create("dev")
    append(repo, "a")
    append(repo, "b", "dev")
    one, other = repo.resolve("main"), repo.resolve("dev")
    repo.merge(other, into="main")
    repo.merge(one, into="dev")
    repo = opened(repo, replace(keys.settings, sign=True))
    repo.merge("dev", into="main")
    assert [object_keys.signature_at(key) for key in stored(repo)] == [
        (repo.resolve("main"), object_keys.signature_at(stored(repo)[0])[1])  # type: ignore[index]
    ]


def test_without_ssh_keygen_the_error_says_what_is_missing(keys: Keys) -> None:
    repo = new_repository()
    missing = opened(repo, replace(keys.settings, program="ssh-keygen-that-is-not-there"))
    opened(repo, keys.settings).sign()
    with pytest.raises(MissingExtraError, match=r"OpenSSH 8\.2"):
        missing.sign()
    with pytest.raises(MissingExtraError, match=r"OpenSSH 8\.2"):
        missing.signatures()


def test_without_signers_or_keys_nothing_is_signed_or_believed(keys: Keys) -> None:
    repo = new_repository()
    with pytest.raises(InvalidInputError) as raised:
        repo.sign()
    assert raised.value.code == "no-signing-key"
    for work in (repo.verify, repo.signatures):
        with pytest.raises(InvalidInputError) as raised:
            work()
        assert raised.value.code == "no-allowed-signers"
    for bad in (keys.folder / "nowhere", keys.folder):
        with pytest.raises(InvalidInputError, match="no key to sign with"):
            repo.sign(key=bad)
    broken = keys.folder / "broken"
    broken.write_text("no key")
    broken.chmod(0o600)
    with pytest.raises(InvalidInputError, match="cannot sign"):
        repo.sign(key=broken)
    nowhere = replace(keys.settings, allowed_signers="nowhere")
    with pytest.raises(InvalidInputError, match="no file of keys"):
        opened(repo, nowhere).verify()
    assert not stored(repo)


@pytest.mark.parametrize(
    "options", [{"sign": True}, {"require": "heads"}, {"require": "all"}, {"require": "commits"}]
)
def test_settings_that_do_not_fit_together_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        vstore.SignatureSettings(**options)  # type: ignore[arg-type]


def test_an_agent_signs_with_the_public_key_alone(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None:
        pytest.skip("there is no ssh-agent")
    socket = Path("/tmp") / f"vstore-agent-{tmp_path.name[-8:]}-{id(keys)}"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        for _ in range(200):
            added = subprocess.run(["ssh-add", "-q", str(keys.key("ann"))], check=False)
            if not added.returncode:
                break
        keys.key("ann").unlink()
        repo = opened(new_repository(), keys.settings)
        repo.sign(key=keys.key("ann").with_suffix(".pub"))
        assert repo.verify().is_good
    finally:
        agent.terminate()
        agent.wait()
        socket.unlink(missing_ok=True)
