"""A class for each pixel: what the labels of a set to segment are."""

import numpy as np
from numpy.typing import NDArray

from sparseprune.data.pictures import FilePictures, Places


class Masks:
    """Masks in files, decoded whenever they are asked for.

    Stands where a set to classify has an array of labels. Indexing with a slice or places gives
    int64 [n, H, W]: the number of a class, 0 being background, or ``labels.VOID``.

    Attributes:
        files: the pictures that hold the numbers, uint8 [N, H, W, 1].
        shape: [N, H, W].
    """

    ndim = 3
    dtype = np.dtype(np.int64)

    def __init__(self, files: FilePictures) -> None:
        self.files = files
        self.shape = files.shape[:3]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, places: Places) -> NDArray[np.int64]:
        """Masks at ``places``.

        Raises:
            InputError: names the first file that is no mask of 8 bits.
        """
        return self.files[places][..., 0].astype(np.int64)

    def subset(self, places: NDArray[np.integer]) -> "Masks":
        """The masks at ``places``, still on disk."""
        return Masks(self.files.subset(places))

    def digest(self) -> str:
        """Hex SHA-256 over names and sizes of the files."""
        return self.files.digest(np.zeros(0, np.int64))
