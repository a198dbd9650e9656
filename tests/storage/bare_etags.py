"""Connections to an S3 server that compare ETags as Ceph's gateway does, or worse."""

import threading
from collections import Counter
from http.client import HTTPMessage
from typing import ClassVar

from tests.storage.relay import Answer, RelayedConnection, refusal


def _refused(status: int, code: str) -> Answer:
    return status, [("Content-Type", "application/xml")], refusal(status, code).body


class LikeCeph(RelayedConnection):
    """Compares `If-Match` with the bare ETag; who loses to a swap at the same time gets a 500."""

    headers: HTTPMessage
    contenders: ClassVar[Counter[str]] = Counter()
    counting = threading.Lock()

    def forward(self, body: bytes) -> Answer:
        etag = self.headers.get("If-Match")
        if etag is None:
            return super().forward(body)
        if etag.startswith('"'):
            return _refused(412, "PreconditionFailed")
        self.headers.replace_header("If-Match", f'"{etag}"')
        with self.counting:
            self.contenders[self.path] += 1
        answer = super().forward(body)
        with self.counting:
            others = self.contenders[self.path] - 1
            self.contenders[self.path] -= 1
        is_blurred = others and answer[0] == 412
        return _refused(500, "UnknownError") if is_blurred else answer


class IgnoresBareEtags(RelayedConnection):
    """Refuses whatever is in quotes, and takes a bare ETag for no condition."""

    headers: HTTPMessage

    def forward(self, body: bytes) -> Answer:
        if self.headers.get("If-Match", "").startswith('"'):
            return _refused(412, "PreconditionFailed")
        del self.headers["If-Match"]
        return super().forward(body)
