"""What can go wrong with one request, said the same way for every engine.

An engine translates its library's exceptions to `RequestFailedError`; the verbs decide from
`Kind` whether to ask again, to look whether a write arrived, or to give up with `explain`.
"""

from dataclasses import dataclass
from enum import Enum, auto

from vstore.errors import CorruptionError, NotFoundError, StorageError, VstoreError


class Kind(Enum):
    """What a failed request means to its sender."""

    MISSING = auto()
    """There is no such object."""
    NO_BUCKET = auto()
    """There is no such bucket or container."""
    REFUSED = auto()
    """The condition did not hold, or another conditional write was under way."""
    RANGE = auto()
    """The object is shorter than the start of the range."""
    TOO_LONG = auto()
    """The server announces or sends more than was asked for, or than is ever read."""
    TRANSIENT = auto()
    """Worth asking again; a write may have taken effect."""
    UNREACHABLE = auto()
    """The server was not reached, so that nothing can have taken effect."""
    DENIED = auto()
    """The credentials do not allow it."""
    BAD_CREDENTIALS = auto()
    """The credentials are wrong or have expired."""
    NO_CREDENTIALS = auto()
    """There are no credentials."""
    WRONG_REGION = auto()
    """The bucket is served elsewhere."""
    OTHER = auto()
    """Anything else: the detail has to say it."""


class RequestFailedError(Exception):
    """One attempt at one request failed. Never leaves the storage floor."""

    def __init__(self, kind: Kind, detail: str) -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(detail)


_BAD_CREDENTIALS = {
    "AuthenticationFailed",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidClientTokenId",
    "InvalidToken",
    "NoAuthenticationInformation",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
}
_BY_CODE = {
    **dict.fromkeys(_BAD_CREDENTIALS, Kind.BAD_CREDENTIALS),
    "AuthorizationHeaderMalformed": Kind.WRONG_REGION,
    "ConditionalRequestConflict": Kind.REFUSED,
    "ConditionNotMet": Kind.REFUSED,
    "ContainerNotFound": Kind.NO_BUCKET,
    "IllegalLocationConstraintException": Kind.WRONG_REGION,
    "NoSuchBucket": Kind.NO_BUCKET,
    "PermanentRedirect": Kind.WRONG_REGION,
    "PreconditionFailed": Kind.REFUSED,
    "RequestTimeout": Kind.TRANSIENT,
    "SlowDown": Kind.TRANSIENT,
}
_BY_STATUS = {
    301: Kind.WRONG_REGION,
    307: Kind.WRONG_REGION,
    308: Kind.WRONG_REGION,
    401: Kind.BAD_CREDENTIALS,
    403: Kind.DENIED,
    404: Kind.MISSING,
    408: Kind.TRANSIENT,
    409: Kind.REFUSED,
    412: Kind.REFUSED,
    416: Kind.RANGE,
    429: Kind.TRANSIENT,
    501: Kind.OTHER,
}


def from_http(status: int, code: str = "", message: str = "") -> RequestFailedError:
    """Classify a server's answer by its error code, if that is known, and else by its status."""
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = Kind.TRANSIENT if status >= 500 else Kind.OTHER
    said = f" {code}" if code and code != str(status) else ""
    return RequestFailedError(kind, f"HTTP {status}{said}{f': {message}' if message else ''}")


@dataclass(frozen=True)
class _Explanation:
    code: str
    reason: str
    hint: str | None


_EXPLANATIONS = {
    Kind.DENIED: _Explanation(
        "access-denied",
        "access was denied",
        "check what these credentials may do there; where they may not list, S3 also answers so "
        "for what is missing",
    ),
    Kind.BAD_CREDENTIALS: _Explanation(
        "bad-credentials",
        "the credentials were refused",
        "renew the credentials: they are wrong or have expired",
    ),
    Kind.NO_CREDENTIALS: _Explanation(
        "no-credentials",
        "no credentials were found",
        "set them in the environment, or pass them as storage_options; a public bucket is read "
        "with `vstore.open(url, storage_options={'anon': True})`",
    ),
    Kind.NO_BUCKET: _Explanation(
        "no-bucket",
        "the bucket does not exist",
        "create the bucket, or check its name and the endpoint",
    ),
    Kind.WRONG_REGION: _Explanation(
        "wrong-region",
        "the bucket is in another region",
        "set AWS_DEFAULT_REGION to its region, or pass it with `vstore.open(url, "
        "storage_options={'client_kwargs': {'region_name': 'eu-west-1'}})`",
    ),
    Kind.REFUSED: _Explanation(
        "server-refuses", "the server keeps refusing, although the condition holds", None
    ),
    Kind.UNREACHABLE: _Explanation(
        "server-unreachable",
        "the server cannot be reached",
        "check the network and the endpoint URL",
    ),
    Kind.TRANSIENT: _Explanation("server-failing", "the server kept failing", "try again later"),
}


def too_long(nbytes: object, most: int) -> RequestFailedError:
    """Return the failure of a request whose answer is longer than it may be."""
    return RequestFailedError(
        Kind.TOO_LONG, f"the server announces or sends {nbytes} bytes; at most {most:,} are read"
    )


def explain(failure: RequestFailedError, *, action: str, url: str) -> VstoreError:
    """Return the error that tells a caller what failed and what to do."""
    kind = failure.kind
    if kind is Kind.MISSING:
        return NotFoundError(
            f"cannot {action}: {url} does not hold it", code="object-not-found", url=url
        )
    if kind is Kind.TOO_LONG:
        return CorruptionError(f"cannot {action} at {url}: {failure.detail}", url=url)
    found = _EXPLANATIONS.get(kind)
    if found is None:
        return StorageError(f"cannot {action} at {url}: {failure.detail}", url=url)
    return StorageError(
        f"cannot {action} at {url}: {found.reason} ({failure.detail})",
        code=found.code,
        hint=found.hint,
        url=url,
    )
