"""SSH keys, and files that say whose they are; tests that need `ssh-keygen` are skipped without."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import vstore

NAMES = ("ann", "bo", "eve")
WRITTEN: dict[str, bytes] = {}


def require_ssh() -> None:
    """Skip a test where there is no `ssh-keygen`."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen")


@dataclass(frozen=True)
class Keys:
    """Keys of Ann, whose signatures are believed, and of others, in a folder."""

    folder: Path

    def key(self, name: str) -> Path:
        """Return the file of a private key."""
        return self.folder / name

    def public(self, name: str) -> str:
        """Return a public key."""
        return self.key(name).with_suffix(".pub").read_text().strip()

    def signers(self, *lines: str) -> Path:
        """Write a file of allowed signers."""
        file = self.folder / "signers"
        file.write_text("".join(f"{line}\n" for line in lines))
        return file

    @property
    def settings(self) -> vstore.SignatureSettings:
        """Ann signs, and Ann is believed."""
        signers = self.signers(f"ann@example.org {self.public('ann')}")
        return vstore.SignatureSettings(key=self.key("ann"), allowed_signers=signers)

    @property
    def strict(self) -> vstore.SignatureSettings:
        """Ann signs all, and heads must be signed by her."""
        return replace(self.settings, sign=True, require="heads")


def make_keys(folder: Path) -> Keys:
    """Make the keys, which takes longer than to write them again."""
    require_ssh()
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        file = folder / name
        if name not in WRITTEN:
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            WRITTEN[name] = file.read_bytes()
            WRITTEN[f"{name}.pub"] = file.with_suffix(".pub").read_bytes()
        file.with_suffix(".pub").write_bytes(WRITTEN[f"{name}.pub"])
        file.write_bytes(WRITTEN[name])
        file.chmod(0o600)
    return Keys(folder)
