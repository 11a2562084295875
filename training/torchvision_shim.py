"""Import torchvision where its compiled operators do not load.

torchvision's Linux wheel on PyPI is compiled against the CUDA build of torch. Beside a CPU-only
torch its library does not load, `torchvision::nms` and `torchvision::qnms` are never declared, and
`import torchvision` fails where it registers their shapes. Declaring the two is enough: nothing
here calls them, and networks and weights are plain Python. Import torchvision through this module
and nowhere else:

    from endolink.training.torchvision_shim import torchvision
"""

import torch

_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    # A declaration lives as long as this object does.
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for _name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, _name):
            _library.define(_name + _SIGNATURE)  # type: ignore[no-untyped-call]
    import torchvision

__all__ = ["torchvision"]
