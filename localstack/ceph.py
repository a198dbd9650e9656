"""A Ceph cluster of one monitor, one store in memory and one S3 gateway, run by `serve.py`.

    apt-get install --no-install-recommends ceph-mon ceph-osd radosgw

Runs until it is terminated; its files lie in the folder that it is given.
"""

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

STEP_SECONDS = 60

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = 127.0.0.1:{monitor}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data = {folder}/mon
mon data avail crit = 1
mon data avail warn = 2
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
run dir = {folder}
log file = {folder}/$name.log
pid file = {folder}/$name.pid
admin socket = {folder}/$name.asok
public addr = 127.0.0.1
cluster addr = 127.0.0.1
"""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Cluster:
    """The cluster's commands and daemons, all of which end with the `with` block."""

    def __init__(self, port: int, folder: Path, key: str, secret: str) -> None:
        self._keys = [f"--access-key={key}", f"--secret={secret}"]
        self._folder = folder
        self._fsid, self._monitor = str(uuid4()), _free_port()
        self._file = folder / "ceph.conf"
        self._file.write_text(
            CONFIGURATION.format(
                fsid=self._fsid, monitor=self._monitor, folder=folder, port=port
            ).lstrip()
        )
        self._daemons = ExitStack()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start everything and return the gateway's process."""
        for part in ("mon", "osd", "rgw"):
            (self._folder / part).mkdir()
        self._start_monitor()
        self._run("ceph", "osd", "create")
        self._run("ceph-osd", "-i", "0", "--mkfs")
        self._daemon("ceph-osd", "-i", "0", "-f")
        user = ["--uid=vstore", "--display-name=vstore"]
        self._run("radosgw-admin", "user", "create", *user, *self._keys)
        return self._daemon("radosgw", "-n", "client.rgw", "-f")

    def stop(self) -> None:
        """Stop every daemon, the last one first."""
        self._daemons.close()

    def _start_monitor(self) -> None:
        address = f"[v1:127.0.0.1:{self._monitor}]"
        known = str(self._folder / "monmap")
        self._run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", address, known)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", known)
        self._daemon("ceph-mon", "-i", "a", "-f")

    def _run(self, program: str, *arguments: str) -> None:
        command = [program, "-c", str(self._file), *arguments]
        subprocess.run(command, check=True, timeout=STEP_SECONDS, stdin=subprocess.DEVNULL)

    def _daemon(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([program, "-c", str(self._file), *arguments])
        self._daemons.callback(process.wait)
        self._daemons.callback(process.kill)  # its data is not kept
        return process


def main() -> None:
    """Run `ceph.py PORT FOLDER KEY SECRET`."""
    port, folder, key, secret = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    cluster = Cluster(int(port), Path(folder), key, secret)
    try:
        sys.exit(cluster.start().wait())
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
