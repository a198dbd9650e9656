"""MONAI's random transforms of an image and its mask."""

from monai.transforms import Compose, RandFlipd, RandRotate90d, RandSpatialCropd

from benchmarks.frameworks.job import BATCH, EPOCHS, Job
from vstore.torch import Loader


def train(job: Job) -> None:
    """Train on crops, of which image and mask must be of the same place."""
    job.join()
    both = ["image", "mask"]
    crops = Compose(
        [
            RandFlipd(both, prob=0.5, spatial_axis=0),
            RandRotate90d(both, prob=0.5),
            RandSpatialCropd(both, roi_size=(4, 4), random_size=False),
        ]
    )
    loader = Loader(
        job.table,
        ["i", *both],
        batch_size=BATCH,
        shuffle=True,
        transforms=crops,
        num_workers=job.workers,
    )
    if job.is_resumed:
        loader.load_state_dict(job.saved())
    for epoch in range(loader.epoch, EPOCHS):
        for batch in loader:
            image, mask = batch["image"], batch["mask"]
            if not (image == mask).all() or image.shape[1:] != (1, 4, 4):
                raise RuntimeError("the image and the mask of a sample were treated differently")
            if not (image.flatten(1)[:, 0] // 1000 == batch["i"]).all():
                raise RuntimeError("a sample has the image of another")
            if job.took(epoch, batch["i"]):
                job.save(loader.state_dict())
