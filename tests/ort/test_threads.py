"""Many sessions and many threads at once, of different shapes, some of them tuning."""

THREADS = """
    import sys
    import threading
    import numpy as np
    from concurrent.futures import ThreadPoolExecutor
    from sparseprune import onnxruntime

    explained = sys.argv[1] + ".explained"

    def open_session(**arguments):
        return onnxruntime.session(
            sys.argv[1], provider="sparseprune", min_sparsity=0, tuning_cache="off", **arguments
        )

    shapes = [(1 + i % 9, 3, 5 + i % 7, 5 + i % 11) for i in range(24)]
    inputs = [np.random.default_rng(i).standard_normal(s).astype(np.float32)
              for i, s in enumerate(shapes)]
    alone = open_session(threads=1)
    expected = [alone.run(None, {"x": x})[0] for x in inputs]
    sessions = [open_session(threads=1 + i % 3) for i in range(6)]
    others = [open_session(threads=1, tune_seconds=0.005)]
    others += [open_session(threads=2, explain=explained)]
    together = threading.Barrier(8)

    def work(worker):
        together.wait()
        for i in range(90):
            k = (i * 7 + worker * 5) % len(inputs)
            kind = (i + worker) % 10
            session = others[kind] if kind < 2 else sessions[(i + worker) % 6]
            if kind == 9:
                session = open_session(threads=1)
            (y,) = session.run(None, {"x": inputs[k]})
            # Another tile may round otherwise.
            if kind == 0:
                np.testing.assert_allclose(y, expected[k], rtol=1e-4, atol=1e-4)
            else:
                assert np.array_equal(y, expected[k]), (worker, i)
            if kind == 5:
                try:
                    session.run(None, {"x": inputs[k][:, :2]})
                except Exception:
                    continue
                raise AssertionError("two channels were run")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
"""


def test_sessions_and_threads_do_not_disturb_each_other(run_script):
    run_script(THREADS)
