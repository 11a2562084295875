"""An ONNX Runtime session: which execution provider, how many threads, warmed up."""

import importlib
import json
import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from endolink.model.errors import ProviderAbsent, ProviderUnavailable

Provider = Literal["auto", "openvino", "cpu", "cuda"]
Outputs = dict[str, NDArray[np.float32]]

_OPENVINO = "OpenVINOExecutionProvider"
_CGROUP = Path("/sys/fs/cgroup")
_WARM_UP_RUNS = 3
# Where each provider's runs have their memory, as ONNX Runtime calls it.
_ARENAS = {"cpu": "cpu:0", "cuda": "gpu:0"}

# ONNX Runtime keeps one registry of plug-in libraries a process, and refuses to fill it twice. Its
# devices do not show what is registered: OpenVINO has none where the processor is not Intel's.
_registering = threading.Lock()
_registered: set[str] = set()


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """Count the processors that this process may really use, at least 1.

    The host's count is the wrong one in a container: the least of the affinity mask and the CPU
    quota (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`) is taken, rounded up.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota(cgroup)
    cpus = affinity or 1
    return max(1, min(cpus, -int(-quota // 1))) if quota is not None else cpus


def _quota(cgroup: Path) -> float | None:
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if limit in {"max", "-1"}:
        return None
    return int(limit) / int(period)


class Session:
    """A network that is ready to run: one input, named outputs, any batch size.

    `run` may be called from several threads at once; ONNX Runtime releases the GIL. Open one
    through `Session.open`.
    """

    def __init__(
        self, session: ort.InferenceSession, provider: str, *, fell_back: bool = False
    ) -> None:
        self._session = session
        self.provider = provider
        self.fell_back = fell_back
        """Whether a provider that comes first is installed, and failed."""
        self._input = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]

    @classmethod
    def open(
        cls,
        model: bytes,
        *,
        provider: Provider = "auto",
        threads: int | None = None,
        precision: str = "fp32",
        gated_on: Collection[str] | None = None,
    ) -> "Session":
        """Load the ONNX graph whose bytes are `model`.

        `auto` takes CUDA where there is one, then OpenVINO, then the built-in CPU provider; of
        them only those in `gated_on`, where that is given. `threads` are those that one run may
        use; None takes all that the container's quota allows. `precision` bf16 is how a graph of
        float32 is computed; int8 is in the graph itself.

        Raises
        ------
        ProviderUnavailable
            `provider` names one that is not installed, that refuses this network, that cannot
            compute in this precision, or that is not in `gated_on`.
        """
        if provider not in get_args(Provider):
            raise ProviderUnavailable(
                f"there is no provider {provider!r}; choose one of {', '.join(get_args(Provider))}"
            )
        threads = threads or available_cpus()
        reasons, fell_back = [], False
        for name in _candidates(provider, precision, gated_on):
            try:
                session = _MAKERS[name](model, threads, precision)
                return cls(session, name, fell_back=fell_back)
            except (ProviderUnavailable, ort.capi.onnxruntime_pybind11_state.Fail) as error:
                reasons.append(f"{name}: {error}")
                fell_back = fell_back or not isinstance(error, ProviderAbsent)
        raise ProviderUnavailable("; ".join(reasons))

    def run(self, batch: NDArray[np.float32], *, frugal: bool = False) -> Outputs:
        """Run the network on float32 [N, 3, S, S]; every output is float32 with N rows.

        ONNX Runtime keeps the memory that its largest run took; with `frugal` it gives back what
        is not in use after this one.
        """
        options = None
        if frugal and (arena := _ARENAS.get(self.provider)):
            options = ort.RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", arena)
        values = self._session.run(self._outputs, {self._input: batch}, options)
        return dict(zip(self._outputs, values, strict=True))

    def warm_up(self, size: int) -> None:
        """Run a few empty squares of `size` pixels, so that no caller pays for the first run."""
        blank = np.zeros((1, 3, size, size), np.float32)
        for _ in range(_WARM_UP_RUNS):
            self.run(blank)


def _candidates(
    provider: Provider, precision: str, gated_on: Collection[str] | None
) -> tuple[str, ...]:
    """List the providers to try, the first one first."""
    wanted: tuple[str, ...] = ("cuda", "openvino", "cpu") if provider == "auto" else (provider,)
    if gated_on is not None:
        wanted = tuple(name for name in wanted if name in gated_on)
        if not wanted:
            raise ProviderUnavailable(
                f"{precision} of this network passed its gate on {', '.join(gated_on)} only; "
                "choose that --provider, or --precision fp32"
            )
    if precision == "bf16":
        wanted = tuple(name for name in wanted if name == "openvino")
        if not wanted:
            raise ProviderUnavailable("bf16 is computed by OpenVINO alone: --provider openvino")
    return wanted


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads steal the cores that decoding needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A graph that keeps weights in files beside it is refused: nobody checks those files' hashes.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    options.log_severity_level = 3
    return options


def _cpu(model: bytes, threads: int, _: str) -> ort.InferenceSession:
    return ort.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])


def _cuda(model: bytes, threads: int, _: str) -> ort.InferenceSession:
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise ProviderAbsent(
            "no CUDA provider here; it comes with the package onnxruntime-gpu and an NVIDIA driver"
        )
    session = ort.InferenceSession(
        model, _options(threads), providers=["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise ProviderUnavailable("the CUDA provider is installed but found no usable GPU")
    return session


def _openvino(model: bytes, threads: int, precision: str) -> ort.InferenceSession:
    device = _openvino_cpu()
    options = _options(threads)
    # Left alone, OpenVINO computes in bfloat16 wherever the processor can, and the numbers shift: a
    # precision is chosen by the bundle's variant, never by the machine.
    hint = "bf16" if precision == "bf16" else "f32"
    config = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": str(threads)}
    options.add_provider_for_devices([device], {"load_config": json.dumps({"CPU": config})})
    return ort.InferenceSession(model, options)


def _openvino_cpu() -> Any:
    try:
        plugin = importlib.import_module("onnxruntime_ep_openvino")
    except ImportError:
        raise ProviderAbsent(
            "OpenVINO is not installed; on Linux x86-64: pip install onnxruntime-ep-openvino"
        ) from None
    with _registering:
        if _OPENVINO not in _registered:
            try:
                ort.register_execution_provider_library(_OPENVINO, plugin.get_library_path())
            except (OSError, RuntimeError) as error:
                raise ProviderUnavailable(f"OpenVINO does not load here: {error}") from error
            _registered.add(_OPENVINO)
    devices = _devices()
    if not devices:
        raise ProviderAbsent("OpenVINO is installed but offers no CPU device")
    return devices[0]


def _devices() -> list[Any]:
    cpu = ort.OrtHardwareDeviceType.CPU
    return [
        device
        for device in ort.get_ep_devices()
        if device.ep_name == _OPENVINO and device.device.type == cpu
    ]


_MAKERS: dict[str, Callable[[bytes, int, str], ort.InferenceSession]] = {
    "cuda": _cuda,
    "openvino": _openvino,
    "cpu": _cpu,
}
