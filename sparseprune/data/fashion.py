"""Fashion-MNIST: the subset packaged with the project, or the full set from a folder.

The subset (10 000 training and 2 000 test pictures, 28 x 28 grey) is described in
``fashion_mnist/PROVENANCE.md``.
"""

from pathlib import Path

from sparseprune import recipe
from sparseprune.data import idx
from sparseprune.data.dataset import Dataset, pair

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SUBSET_ROOT = Path(__file__).parent / "fashion_mnist"

# SHA-256 of the decompressed IDX files: the .gz and .xz bytes differ between distributors.
SUBSET_SHA256 = {
    "train-images-idx3-ubyte": "c7084bb6d8547680a90d1b7e62eef652b321599dcc052cb47df709f6ae65b129",
    "train-labels-idx1-ubyte": "2a4fb3eec0877aa3d4ab80d8f59374733af9b2b2966e8be0e50efe715f443a4d",
    "t10k-images-idx3-ubyte": "1b9a1884bcce59552fe06b761ebbd50c82321ffbf0a6fbbc881318e5bf226d2a",
    "t10k-labels-idx1-ubyte": "e026daf3d28b630d395bff264d45247706f43ecba7d4f48422cba6b6a30e22d3",
}
FULL_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """The packaged subset, or with ``settings.root`` the full 60 000 + 10 000 pictures.

    Raises:
        InputError: a file is missing or is not the published one.
    """
    if settings.root is None:
        root, sha256 = SUBSET_ROOT, SUBSET_SHA256
        suffixes: tuple[str, ...] = (".xz",)
    else:
        root, sha256, suffixes = settings.root, FULL_SHA256, ("", ".gz")
    train = idx.read_split(root, "train", settings.train, sha256, suffixes)
    test = idx.read_split(root, "test", settings.test, sha256, suffixes)
    return pair("fashion_mnist", train, test, CLASSES)
