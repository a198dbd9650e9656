"""PyTorch datasets over a commit: batches in a stream, or samples by position."""

from vstore.optional import needed

with needed("torch", extra="torch", purpose="vstore.torch", package="PyTorch"):
    from vstore.torch.samples import SampleDataset, make_torch_dataset
    from vstore.torch.streaming import StreamingDataset

__all__ = ["SampleDataset", "StreamingDataset", "make_torch_dataset"]
