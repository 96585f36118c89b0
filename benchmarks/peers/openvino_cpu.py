"""OpenVINO's CPU plugin, in float32 and in the precision it chooses by itself."""

from importlib import metadata

from cases import Floats

from peers import Job, MissingError, Peer


def float32(job: Job) -> Peer:
    return _peer(job, {"INFERENCE_PRECISION_HINT": "f32"})


def default(job: Job) -> Peer:
    """bf16 where the CPU has instructions for it."""
    return _peer(job, {})


def _peer(job: Job, hints: dict[str, str]) -> Peer:
    try:
        import openvino
    except ImportError as error:
        raise MissingError("openvino is not installed") from error
    core = openvino.Core()
    model = core.read_model(job.path)
    # A static shape, which is its best case.
    model.reshape(list(job.batch.shape))
    settings = {"INFERENCE_NUM_THREADS": job.threads, "PERFORMANCE_HINT": "LATENCY", **hints}
    compiled = core.compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()

    def call() -> Floats:
        request.infer([job.batch], share_inputs=True)
        return request.get_output_tensor(0).data

    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    facts = {"version": metadata.version("openvino"), "precision": precision}
    return Peer(call, facts, exact=precision == "f32")
