"""PyTorch datasets over a commit: batches in a stream, or samples by position."""

try:
    import torch as _torch  # noqa: F401
except ImportError as exc:
    from vstore.errors import MissingExtraError

    raise MissingExtraError("PyTorch", extra="torch", purpose="vstore.torch") from exc

from vstore.torch.samples import SampleDataset, make_torch_dataset
from vstore.torch.streaming import StreamingDataset

__all__ = ["SampleDataset", "StreamingDataset", "make_torch_dataset"]
