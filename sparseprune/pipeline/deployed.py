"""Networks of a run as they are deployed."""

from sparseprune.pipeline.folder import RunFolder
from sparseprune.pipeline.networks import Network
from sparseprune.runtime import OnnxRunner


def deployed(folder: RunFolder, network: Network, threads: int = 1) -> OnnxRunner:
    """The exported file on the provider it is meant for."""
    path = folder.onnx(network.id)
    return OnnxRunner(path, threads=threads, provider=network.provider, name=network.id)
