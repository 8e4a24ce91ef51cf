"""Export a checkpoint to files that other runtimes execute, and check that they compute the same.

`job` describes an export and runs it. `network` and `head` rewrite the network, `tracing` turns it into an ONNX graph.
`exporter` has the steps that all formats share, with `parity` for float files and `guard` for quantized ones. `onnx`
(with `int8` and `calibrate`), `tflite` and `openvino` are the formats.
"""
