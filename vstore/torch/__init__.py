"""PyTorch over a commit: a loader, batches or samples in a stream, samples by position."""

from vstore.optional import needed

with needed("torch", extra="torch", purpose="vstore.torch", package="PyTorch"):
    from vstore.torch.loader import Loader
    from vstore.torch.samples import SampleDataset, make_torch_dataset
    from vstore.torch.streaming import StreamingDataset

__all__ = ["Loader", "SampleDataset", "StreamingDataset", "make_torch_dataset"]
