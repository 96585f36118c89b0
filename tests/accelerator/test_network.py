import pytest
import torch

from sparseprune.accelerator import network
from sparseprune.accelerator.layer import Layer, lent
from sparseprune.accelerator.network import arithmetic, laid_out

CUDA = torch.device("cuda")


def settings():
    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
    return cudnn.benchmark, cublas.fp32_precision == "tf32", cudnn.conv.fp32_precision == "tf32"


def test_settings_of_the_process_are_lent(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device", lambda _: torch.no_grad())
    before = settings(), torch.get_float32_matmul_precision()
    for tf32 in (True, False):
        with arithmetic(CUDA, tf32=tf32):
            assert settings() == (True, tf32, tf32)
            # In here cuDNN is switched off for a product.
            Layer("fc", torch.ones(2, 2), None).exact(torch.ones(1, 2), None)
            assert settings() == (True, tf32, tf32)
        assert (settings(), torch.get_float32_matmul_precision()) == before


@pytest.mark.parametrize("word", ["ieee", "tf32"])
def test_users_of_these_settings_have_them_back(monkeypatch, word):
    cublas, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    monkeypatch.setattr(torch.cuda, "device", lambda _: torch.no_grad())
    given = ((cublas, "fp32_precision", word), (convolutions, "fp32_precision", word))
    with lent(*given):
        with arithmetic(CUDA, tf32=word == "ieee"):
            Layer("fc", torch.ones(2, 2), None).exact(torch.ones(1, 2), None)
        assert (cublas.fp32_precision, convolutions.fp32_precision) == (word, word)


class Event:
    """Notes who waited for it and who recorded it."""

    def __init__(self):
        self.seen = []

    def wait(self):
        self.seen.append("wait")

    def record(self):
        self.seen.append("record")


def test_a_recorded_network_may_be_called_in_any_mode(monkeypatch):
    event = Event()
    monkeypatch.setattr(network, "captured", lambda run: run)
    monkeypatch.setattr(torch.cuda, "Event", lambda: event)
    with torch.inference_mode():
        call = network._recorded(lambda x: {"out": x + 1}, (torch.zeros(2),))
        assert call(torch.ones(2))["out"].tolist() == [2, 2]
    assert call(torch.zeros(2))["out"].tolist() == [1, 1]
    assert event.seen == ["wait", "record"] * 2


def test_a_recorded_network_takes_the_kinds_of_inputs_it_was_recorded_with():
    words, picture = torch.ones(1, 2, dtype=torch.int64), torch.ones(1, 2)
    assert network._kinds((words,)) == network._kinds((words.int(),))
    assert network._kinds((picture,)) != network._kinds((words,))


def test_a_cpu_is_left_alone():
    before = settings()
    with arithmetic(torch.device("cpu"), tf32=True):
        assert settings() == before


def test_images_lie_channels_last_and_integers_stay():
    cpu = torch.device("cpu")
    image = laid_out(torch.ones(1, 3, 4, 4, requires_grad=True), cpu, torch.float16)
    assert image.is_contiguous(memory_format=torch.channels_last)
    assert (image.dtype, image.requires_grad) == (torch.float16, False)
    assert laid_out(torch.ones(2, 3, dtype=torch.int64), cpu, torch.float16).dtype == torch.int64
