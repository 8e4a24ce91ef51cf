"""Export a checkpoint to files that other runtimes execute, and prove that they compute the same.

`job` says what is exported and runs it; `network` and `head` rewrite the network; `onnx`, `tflite` and `openvino` write
the formats, `int8` and `guard` quantize without losing accuracy; `parity` and `metadata` are common to all.
"""
