"""Stand-ins for the parts of a YOLO that a dependency graph of channels cannot represent.

Blocks of the C2f family cut the output of their first convolution into two halves, and attention cuts its output into
queries, keys and values of each head. While channels are chosen and removed, `split` replaces these parts by

- `TwoHalves`: two convolutions, one per half. Their outputs have `chunk` and `split` like one tensor, so the blocks'
  `forward` needs no change;
- `WholeAttention`: one layer with the same number of input and output channels.

`join` restores the stock classes. The network computes the same with and without stand-ins.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch_pruning as tp
from torch import nn
from ultralytics.nn.modules.block import C2, C2PSA, PSA, AAttn, Attention, C2f, RepNCSPELAN4
from ultralytics.nn.modules.conv import Conv

# Blocks that cut the output of `cv1` into halves, with their subclasses (C3k2, C2fCIB, C2fPSA, ELAN1, ...).
_HALVING = (C2f, C2, C2PSA, PSA, RepNCSPELAN4)
# Attention over the whole picture (YOLO10, 11 and 26) and over parts of it (YOLO12). Both keep the queries, keys and
# values of each head together in the output of `qkv`; the second has keys of the same length as values.
_ATTENTION = (Attention, AAttn)


class Halves(tuple[torch.Tensor, torch.Tensor]):
    """Two tensors that can be cut in two like one tensor."""

    def chunk(self, chunks: int, dim: int) -> "Halves":
        """The halves."""
        return self

    def split(self, sizes: tuple[int, int], dim: int) -> "Halves":
        """The halves."""
        return self


class TwoHalves(nn.Module):
    """A convolution with its output channels in two modules."""

    def __init__(self, whole: Conv) -> None:
        super().__init__()
        half = whole.conv.out_channels // 2
        self.first = _part(whole, slice(None, half))
        self.second = _part(whole, slice(half, None))

    def forward(self, x: torch.Tensor) -> Halves:
        """Compute both halves."""
        return Halves((self.first(x), self.second(x)))

    def joined(self) -> Conv:
        """The stock convolution of both halves, which must be equally wide."""
        a, b = self.first, self.second
        assert a.conv.out_channels == b.conv.out_channels
        whole = _empty_like(a, a.conv.in_channels, a.conv.out_channels * 2)
        for name, tensor in whole.state_dict().items():
            if tensor.ndim:
                tensor.copy_(torch.cat([a.state_dict()[name], b.state_dict()[name]]))
        return whole


class WholeAttention(nn.Module):
    """An attention block as one layer of a dependency graph. The block itself is not a submodule."""

    def __init__(self, attention: Attention | AAttn) -> None:
        super().__init__()
        self.hidden = [attention]
        self.tracing = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attention or, while a graph is traced, one operation that keeps the channels."""
        return x * 1.0 if self.tracing else self.hidden[0](x)


class AttentionPruner(tp.BasePruningFunc):
    """Removes channels from a `WholeAttention`: the given ones outside, and the least important ones inside.

    The number of values stays equal to that of the channels, because the block adds both, and every head has the same
    number. Queries and keys are reduced by the same share. The scale of the attention scores is not changed.
    """

    def prune_out_channels(self, layer: WholeAttention, idxs: list[int]) -> nn.Module:
        """Remove the channels `idxs`; the number of the others must be a multiple of the heads."""
        attention = layer.hidden[0]
        dim, heads = attention.qkv.conv.in_channels, attention.num_heads
        head_dim = (dim - len(idxs)) // heads
        key_dim = max(1, round(_key_dim(attention) * (dim - len(idxs)) / dim))
        assert head_dim * heads == dim - len(idxs), (dim, len(idxs), heads)
        rows, values = _inner_channels(attention, key_dim, head_dim)
        if isinstance(attention, AAttn):
            _keep_scale(attention, head_dim)
        _remove_outputs(attention.qkv, rows)
        _remove_outputs(attention.pe, values)
        tp.prune_conv_in_channels(attention.proj.conv, values)
        tp.prune_conv_in_channels(attention.qkv.conv, idxs)
        _remove_outputs(attention.proj, idxs)
        attention.head_dim = head_dim
        if isinstance(attention, AAttn):
            attention.all_head_dim = head_dim * heads
        else:
            attention.key_dim = key_dim
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: WholeAttention) -> int:
        """Number of output (and input) channels."""
        return layer.hidden[0].qkv.conv.in_channels

    get_in_channels = get_out_channels


def split(network: nn.Module) -> None:
    """Put stand-ins into the network, in place."""
    for parent, name, child in list(_children(network)):
        if name == "cv1" and isinstance(parent, _HALVING):
            setattr(parent, name, TwoHalves(child))
        elif isinstance(child, _ATTENTION):
            setattr(parent, name, WholeAttention(child))


def join(network: nn.Module) -> None:
    """Restore the stock classes, in place, and update the widths that blocks store."""
    for parent, name, child in list(_children(network)):
        if isinstance(child, TwoHalves):
            parent.cv1 = child.joined()
            parent.c = child.first.conv.out_channels
        elif isinstance(child, WholeAttention):
            setattr(parent, name, child.hidden[0])


def _children(network: nn.Module) -> Iterator[tuple[Any, str, Any]]:
    for parent in network.modules():
        for name, child in parent.named_children():
            yield parent, name, child


def _part(whole: Conv, channels: slice) -> Conv:
    state = {name: tensor[channels] if tensor.ndim else tensor for name, tensor in whole.state_dict().items()}
    part = _empty_like(whole, whole.conv.in_channels, len(state["conv.weight"]))
    part.load_state_dict(state)
    return part


def _empty_like(like: Conv, channels_in: int, channels_out: int) -> Conv:
    """A stock convolution like `like`, with other numbers of channels."""
    conv, bn = like.conv, like.bn
    made = Conv(channels_in, channels_out, conv.kernel_size[0], conv.stride[0], act=like.act)
    made.bn.eps, made.bn.momentum = bn.eps, bn.momentum
    return made.to(conv.weight).train(like.training).requires_grad_(conv.weight.requires_grad)


def _remove_outputs(layer: Conv, idxs: list[int]) -> None:
    depthwise = layer.conv.groups > 1
    prune = tp.prune_depthwise_conv_out_channels if depthwise else tp.prune_conv_out_channels
    prune(layer.conv, idxs)
    tp.prune_batchnorm_out_channels(layer.bn, idxs)


def _key_dim(attention: Attention | AAttn) -> int:
    """Channels of a key (and of a query) of one head."""
    return attention.head_dim if isinstance(attention, AAttn) else attention.key_dim


@torch.no_grad()
def _keep_scale(attention: AAttn, head_dim: int) -> None:
    """Compensate, in the queries, for the scale of the scores, which `AAttn` computes from the length of its keys."""
    factor = (head_dim / attention.head_dim) ** 0.5
    norm = attention.qkv.bn
    for parameter in (norm.weight, norm.bias):
        parameter.view(attention.num_heads, -1)[:, : attention.head_dim] *= factor


def _inner_channels(attention: Attention | AAttn, key_dim: int, head_dim: int) -> tuple[list[int], list[int]]:
    """The outputs of `qkv` (queries, keys and values) and the values (numbered separately) to remove.

    The importance of a query and its key is the product of their norms, because they are multiplied; so is that of a
    value and the weights that project it.
    """
    heads = attention.num_heads
    norms = attention.qkv.conv.weight.detach().flatten(1).norm(dim=1).view(heads, -1)
    old_key = _key_dim(attention)
    queries, keys, values = norms.split([old_key, old_key, attention.head_dim], dim=1)
    projection = attention.proj.conv.weight.detach().flatten(1).norm(dim=0).view(heads, -1)
    pairs = (queries * keys).argsort(dim=1)[:, : old_key - key_dim]
    worthless = (values * projection).argsort(dim=1)[:, : attention.head_dim - head_dim]
    offset = torch.arange(heads).unsqueeze(1)
    start = offset * norms.shape[1]
    rows = torch.cat([start + pairs, start + old_key + pairs, start + 2 * old_key + worthless], dim=1)
    return rows.flatten().tolist(), (offset * attention.head_dim + worthless).flatten().tolist()
