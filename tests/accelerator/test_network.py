import torch

from sparseprune.accelerator.network import arithmetic, laid_out


def settings():
    cudnn = torch.backends.cudnn
    return torch.get_float32_matmul_precision(), cudnn.benchmark, cudnn.allow_tf32


def test_settings_of_the_process_are_lent(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device", lambda _: torch.no_grad())
    before = settings()
    for tf32, word in ((True, "high"), (False, "highest")):
        with arithmetic(torch.device("cuda"), tf32=tf32):
            assert settings() == (word, True, tf32)
        assert settings() == before


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
