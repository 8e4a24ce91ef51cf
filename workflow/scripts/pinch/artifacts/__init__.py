"""Export a checkpoint to files that other runtimes execute, and check that they compute the same.

`session` is what an export starts from, `job` runs it. `network` and `head` rewrite the network, `tracing` makes it
an ONNX graph. `exporter` has the steps that all formats share, with `parity` for float files, and `guard` and `judging`
for quantized ones. `onnx` (with `int8` and `calibrate`), `tflite` and `openvino` are the formats.
"""
