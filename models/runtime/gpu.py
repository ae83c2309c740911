"""Whether there is an NVIDIA GPU: asks the driver, since onnxruntime only reports what it was built with."""

import ctypes

_DRIVER = "libcuda.so.1"
_SUCCESS = 0


def gpu_missing() -> str:
    """Why no GPU can be used, or empty if one can. Asks the driver, takes no GPU memory."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != _SUCCESS or driver.cuDeviceGetCount(ctypes.byref(count)) != _SUCCESS or not count.value:
        return "no NVIDIA GPU"
    return ""
