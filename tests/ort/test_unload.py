"""The library registered, unregistered, loaded again: nothing of it stays, nothing is lost."""

import onnxruntime as ort
import pytest

from sparseprune.onnxruntime import routes

UNLOAD = """
    import gc, sys
    from pathlib import Path
    import numpy as np
    import onnxruntime as ort
    from sparseprune import onnxruntime

    def loaded():
        return onnxruntime.library_path().name in Path("/proc/self/maps").read_text()

    def threads():
        return len(list(Path("/proc/self/task").iterdir()))

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    x = np.random.default_rng(0).standard_normal((2, 3, 9, 9)).astype(np.float32)
    answers, sizes = [], []
    for _ in range(30):
        session = onnxruntime.session(
            sys.argv[1], provider="sparseprune", threads=1, min_sparsity=0, tuning_cache="off"
        )
        answers.append(session.run(None, {"x": x})[0])
        assert loaded()
        before = threads()
        del session
        gc.collect()
        ort.unregister_execution_provider_library(onnxruntime.PROVIDER)
        assert not loaded()
        assert threads() <= before
        assert not [d for d in ort.get_ep_devices() if d.ep_name == onnxruntime.PROVIDER]
        sizes.append(resident())
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    # The library itself is larger than what 20 rounds may add.
    assert sizes[-1] - sizes[9] < onnxruntime.library_path().stat().st_size, sizes
"""


@pytest.mark.skipif(
    routes.version(ort) < (1, 24), reason="ONNX Runtime 1.23 keeps the library of a provider"
)
def test_the_library_may_come_and_go(run_script):
    run_script(UNLOAD)
