"""Count the instructions of the fused kernel for an NVIDIA GPU, on a machine without one.

    pip install triton==3.6.0
    python tests/benchmarks/count_gpu_instructions.py [--run]

torch's compiler writes the kernel as Triton code, ptxas makes machine code for sm_90 of it, and
what a lane issues for one voxel is counted. With ``--run`` Triton's interpreter runs the kernel of
two views on the CPU, and compares them with what plain torch makes. This counts work; only a GPU
tells time. It reaches into torch and Triton, so it may have to follow their versions (torch 2.13,
Triton 3.6).
"""

import argparse
import importlib.util
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

SIZE_VOXELS = 96
LANES = 128  # of a program; torch's compiler gives it 1024 voxels
BLOCK = 1024
ALU = {"FMNMX", "FSEL", "FSETP", "ISETP", "LEA", "LOP3", "P2R", "PLOP3", "PRMT", "SEL", "SHF"}
ALU |= {"IADD3", "VIADD", "VIADDMNMX", "VIMNMX"}  # issued at half the rate of the others
SPECIAL = {"F2F", "F2I", "FRND", "I2F", "MUFU"}  # of the special function unit: the slowest

MEANING = {  # of an instruction in PTX, as Triton says it
    "shr.u32": "({0} >> {1}) & (0xFFFFFFFF >> {1})",
    "sub.s32": "{0} - {1}",
    "xor.b32": "{0} ^ {1}",
    "mul.lo.u32": "{0} * {1}",
    "mad.lo.u32": "{0} * {1} + {2}",
    "max.NaN.f32": "tl.maximum({0}, {1}, tl.PropagateNan.ALL)",
    "min.NaN.f32": "tl.minimum({0}, {1}, tl.PropagateNan.ALL)",
    "max.f32": "tl.maximum({0}, {1})",
    "min.f32": "tl.minimum({0}, {1})",
    "add.rm.f32": "tl.floor({0}) + {1}",  # as it is used: from 0, and to a whole number
    "rcp.approx.ftz.f32": "1.0 / {0}",
    "sqrt.approx.ftz.f32": "tl.sqrt({0})",
    "lg2.approx.ftz.f32": "tl.log2({0})",
    "ex2.approx.ftz.f32": "tl.exp2({0})",
}


def loaded(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Generated(Exception):  # noqa: N818 - no error: the compiler is stopped once it has written
    pass


def written(policy: Any, bench: ModuleType) -> tuple[str, Any, Any]:
    """Return the Triton code of sampling and the first run of a policy, the pass, and its input."""
    import torch
    from torch._inductor.graph import GraphLowering
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver

    from medcl.augment import elementary, views
    from medcl.augment.rendering.rendering import Look, Pass, _groups
    from medcl.augment.rendering.sampling import samplings

    drawn, strip = bench.batch_of(policy, bench.FULL, 2)
    look = Look(drawn.grid, drawn.modality, drawn.window, strip.channels)
    first, *others = _groups(views.links_of(drawn))
    assert not others, "The policy must be one kernel."
    one = Pass(look, first, is_last=True)
    numbers = views.numbers_of(drawn)
    given = (samplings(strip.roomy(), device=torch.device("cpu")), numbers.table, numbers.words)
    target = SimpleNamespace(
        get_current_target=lambda: GPUTarget("cuda", 90, 32),
        get_active_torch_device=lambda: torch.device("cpu"),
        get_current_device=lambda: 0,
    )
    driver.set_active(target)
    code: list[str] = []
    codegen = GraphLowering.codegen

    def stopped(graph: GraphLowering) -> Any:
        wrapper, _ = codegen(graph)
        code.append(wrapper.value)
        raise Generated

    from medcl.augment.compiling import options_for

    torch._dynamo.reset()
    for tensor in (*given[0], *given[1:]):
        if tensor is not None:
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
    options = {**options_for("cuda"), "cpu_backend": "triton", "fx_graph_cache": False}
    as_if_cuda = mock.patch.object(elementary, "_DEVICE", "cpu")
    with mock.patch.object(GraphLowering, "codegen", stopped), as_if_cuda:
        try:
            torch.compile(one.open, fullgraph=True, options=options)(*given)
        except Exception:
            if not code:
                raise
    return code[0], one, given


def as_triton(line: str) -> list[str]:
    """Return a line that hands instructions to the processor as lines that spell them out."""
    call = r"\s*(\w+) = tl\.inline_asm_elementwise\('(.*?)', '.*?', \[(.*?)\], dtype=.*\)"
    found = re.fullmatch(call, line)
    if found is None:
        return [line]
    target, text, given = found.groups()
    names = {f"${n}": name for n, name in enumerate([target, *given.split(", ")])}
    lines = []
    for step in text.strip("{ }").split(";"):
        verb, *rest = step.replace(",", " ").split() or [".reg"]
        if verb == ".reg":
            continue
        into, *values = (operand(each, names, target) for each in rest)
        lines.append(f"    {into} = {MEANING[verb].format(*values)}")
    return lines


def operand(text: str, names: dict[str, str], target: str) -> str:
    if text in names:
        return names[text]
    if text.startswith("0f"):
        return f"float('{struct.unpack('>f', bytes.fromhex(text[2:]))[0]}')"
    if text[0].isdigit():
        value = int(text.rstrip("U"), 0)
        return str(value - (1 << 32) if value >> 31 else value)
    return f"{target}_{text}"


def function_of(code: str, folder: Path, *, plain: bool) -> tuple[Any, dict[str, str]]:
    """Return the kernel and its signature; ``plain``: as the interpreter can run it."""
    kernels = re.findall(r"async_compile\.triton\('\w+', '''(.*?)'''", code, re.DOTALL)
    assert len(kernels) == 1, f"One kernel must do everything, got {len(kernels)}."
    text = kernels[0]
    signature = eval(re.search(r"'signature': (\{.*?\})", text)[1])  # noqa: S307 - torch's own
    body = text[text.index("@triton.jit") :]
    head = "import triton\nimport triton.language as tl\n"
    if plain:
        body = re.sub(r"\b(libdevice|tl_math|triton_helpers)\.", "tl.", body)
        body = re.sub(r"tl\.copysign\((\w+), (\w+)\)", r"tl.where(\2 < 0, -\1, \1)", body)
        body = "\n".join(line for one in body.splitlines() for line in as_triton(one))
    else:
        head += "from torch._inductor.runtime import triton_helpers\n"
        head += "from torch._inductor.runtime.triton_helpers import libdevice, math as tl_math\n"
    path = folder / "kernel.py"
    path.write_text(head + body)
    module = loaded(path, f"kernel_{'plain' if plain else 'real'}_{abs(hash(code))}")
    name = re.search(r"def (\w+)\(", body)[1]
    return getattr(module, name), signature


def counted(code: str, folder: Path) -> dict[str, float]:
    """Return instructions per voxel."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    function, types = function_of(code, folder, plain=False)
    names = list(types)
    divisible = [(n,) for n, name in enumerate(names) if types[name][0] == "*" or name == "xnumel"]
    source = ASTSource(
        fn=function,
        signature=types,
        constexprs={(names.index("XBLOCK"),): BLOCK},
        attrs={place: [["tt.divisibility", 16]] for place in divisible},
    )
    options = {"num_warps": LANES // 32}
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(made.asm["cubin"])
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    listing = subprocess.run([tool, "-sass", cubin], check=True, capture_output=True, text=True)
    return per_voxel(listing.stdout)


def per_voxel(listing: str) -> dict[str, float]:
    """Return what a lane issues for one voxel, from the machine code as cuobjdump prints it."""
    each = Counter(re.findall(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?([A-Z0-9]+)", listing))
    del each["NOP"]
    voxels = BLOCK / LANES
    return {
        "instructions": each.total() / voxels,
        "of_them_half_rate": sum(each[name] for name in ALU) / voxels,
        "of_them_special": sum(each[name] for name in SPECIAL) / voxels,
        "loads": each["LDG"] / voxels,
    }


def interpreted(code: str, one: Any, given: Any, folder: Path) -> dict[str, float]:
    """Return how far the interpreted kernel departs from plain torch."""
    import torch

    (voxels, _, layout, matrix, _), table, words = given
    want, mask = one.open(*given)
    made, made_mask = torch.full_like(want, torch.nan), torch.zeros_like(mask)
    function, types = function_of(code, folder, plain=True)
    inputs = iter([matrix, layout, voxels, table, words])
    others = {"ks0": len(voxels), "xnumel": want.numel()}
    arguments = []
    for name in types:
        if name.startswith("in_out_ptr"):
            arguments.append(made)
        elif name.startswith("in_ptr"):
            arguments.append(next(inputs).contiguous())
        elif name.startswith("out_ptr"):
            arguments.append(made_mask)
        elif name != "XBLOCK":
            arguments.append(others[name])
    block = 1 << 14
    assert want.numel() % block == 0
    function[(want.numel() // block,)](*arguments, XBLOCK=block)
    return {
        "largest_difference": (made - want).abs().max().item(),
        "masks_differ_at": (made_mask != mask).sum().item(),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", action="store_true", help="interpret the kernels (a minute each)")
    asked = parser.parse_args()
    if importlib.util.find_spec("triton") is None:
        parser.error("Triton must be installed (pip install triton==3.6.0), and it is not.")
    if asked.run:
        os.environ["TRITON_INTERPRET"] = "1"
    bench = loaded(Path(__file__).with_name("bench_gpu.py"), "bench_gpu")
    whole = bench.everything(SIZE_VOXELS, blur=False)
    policies = {
        "kernel": whole,
        "kernel_without_noise": bench.without(whole, bench.GaussianNoise),
        "kernel_sampling": bench.without(whole, bench.GaussianNoise, bench.Gamma),
    }
    with tempfile.TemporaryDirectory(prefix="medcl-count-") as name:
        for title, policy in policies.items():
            code, one, given = written(policy, bench)
            folder = Path(name)
            found = interpreted(code, one, given, folder) if asked.run else counted(code, folder)
            for key, value in found.items():
                print(f"{title:24} {key:20} {value:.4g}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
