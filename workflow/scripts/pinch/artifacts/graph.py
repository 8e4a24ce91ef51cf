"""Find the parts of an ONNX graph by how nodes are connected, not by their names."""

from collections.abc import Iterable

import onnx


def producers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """The node that makes each tensor."""
    return {output: node for node in graph.node for output in node.output}


def upstream(graph: onnx.GraphProto, tensors: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that `tensors` are computed by, back to the nearest convolutions (exclusive), in graph order."""
    made_by = producers(graph)
    todo, found = list(tensors), set()
    while todo:
        node = made_by.get(todo.pop())
        if node is None or node.op_type == "Conv" or node.output[0] in found:
            continue
        found.add(node.output[0])
        todo.extend(node.input)
    return [node for node in graph.node if node.output[0] in found]


def decoding(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The head's decoding: all nodes between the last convolutions and the outputs."""
    return upstream(graph, (output.name for output in graph.output))


def attention(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The cores of attention blocks: products of two activations, and all nodes between these and convolutions."""
    products = [node for node in graph.node if node.op_type == "MatMul"]
    return upstream(graph, (output for node in products for output in node.output))


def units(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> dict[str, list[onnx.NodeProto]]:
    """Group nodes: each convolution with the activation that follows it, any other node by itself.

    Args:
        graph: the graph.
        nodes: those to group, in graph order.

    Returns:
        The groups, named by their first node, each in graph order.
    """
    members = {node.name for node in nodes}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    groups, taken = {}, set()
    for node in nodes:
        if node.name in taken:
            continue
        group = [node]
        if node.op_type == "Conv":
            group += [n for n in _activation(node.output[0], readers) if n.name in members]
        groups[node.name] = group
        taken |= {n.name for n in group}
    return groups


def shorten_names(graph: onnx.GraphProto) -> None:
    """Number the inner tensors; remove their shapes and the names of quantization nodes, which no runtime reads.

    A quantized graph has thousands of long names, a third of the bytes of a model that is pruned to half its width.
    """
    kept = {"", *(tensor.name for tensor in (*graph.input, *graph.output))}
    numbers: dict[str, str] = {}

    def short(name: str) -> str:
        return name if name in kept else numbers.setdefault(name, f"t{len(numbers)}")

    for node in graph.node:
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.name = ""
    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    del graph.value_info[:]


def _activation(tensor: str, readers: dict[str, list[onnx.NodeProto]]) -> list[onnx.NodeProto]:
    """The activation on a tensor: one node, or the two of SiLU or hardswish; none if others read the tensor too."""
    after = readers.get(tensor, [])
    if len(after) == 1 and after[0].op_type in ("Relu", "LeakyRelu", "Clip", "Sigmoid"):
        return after
    if sorted(node.op_type for node in after) in (["Mul", "Sigmoid"], ["HardSigmoid", "Mul"]):
        return sorted(after, key=lambda node: node.op_type == "Mul")
    return []
