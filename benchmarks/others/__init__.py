"""Minimal servers of other makes, as their own guides write them, for `benchmarks.comparison`.

They import nothing of EndoLink, so that they run in whichever environment has the other server:

    python -m benchmarks.others.litserve_server model.onnx --port 8001

The frame is decoded in full, resized and normalised as their examples do. Each prints `ready` once
it can be asked.
"""
