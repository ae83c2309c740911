"""Whether there is a GPU of NVIDIA's: asked of its driver, since onnxruntime tells only what it was built with."""

import ctypes

_DRIVER = "libcuda.so.1"
_SUCCESS = 0


def gpu_missing() -> str:
    """Why no GPU can be used, or nothing where one can. The driver is asked, no memory is taken."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != _SUCCESS or driver.cuDeviceGetCount(ctypes.byref(count)) != _SUCCESS or not count.value:
        return "no NVIDIA GPU"
    return ""
