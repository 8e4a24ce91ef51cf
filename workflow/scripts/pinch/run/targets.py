"""Targets: the processors that int8 files are made for.

Without a dot product of 8-bit integers (VNNI), x86 adds two products in 16 bits, which overflows with 8-bit weights. So
a file for processors without it has 7-bit weights, and a file for processors with it gives wrong numbers elsewhere,
unless a runtime is told to compute exactly.
"""

from pinch.core.provenance import Hardware

AUTO = "auto"
"""The processor on which files are measured."""
TARGETS = ("x86-vnni", "x86", "arm")
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni"}


def target_of(processor: Hardware) -> str:
    """The target that a processor is."""
    if "aarch64" in processor.system or "arm64" in processor.system or "asimddp" in processor.cpu_flags:
        return "arm"
    return "x86-vnni" if _DOT_PRODUCTS & set(processor.cpu_flags) else "x86"


def resolved(target: str, processor: Hardware) -> str:
    """The target itself, or what AUTO means where files are measured on this processor."""
    return target_of(processor) if target == AUTO else target


def suits(target: str | None, processor: Hardware) -> bool:
    """Whether a file for `target` (None or "any": for all) computes on a processor what it is meant to."""
    here = target_of(processor)
    return target in (None, "any", here) or (target == "x86" and here == "x86-vnni")
