"""The count of a kernel's instructions counts what is issued, and says what it lacks."""

import sys

import pytest

from tests.augment.ptx import VERBS
from tests.benchmarks import count_gpu_instructions
from tests.benchmarks.count_gpu_instructions import MEANING, as_triton, main, per_voxel

LISTING = """
	code for sm_90
		Function : triton_poi_fused_0
	.headerflags	@"EF_CUDA_TEXMODE_UNIFIED EF_CUDA_64BIT_ADDRESS EF_CUDA_SM90"
        /*0000*/                   LDC R1, c[0x0][0x28] ;             /* 0x00000a00ff017b82 */
                                                                      /* 0x000fe20000000800 */
        /*0010*/                   I2F.S16 R16, R44 ;                 /* 0x0000002c00107306 */
        /*0020*/              @!P6 FSEL R48, R48, 9.99e-07, P5 ;      /* 0x358637bd3030e808 */
        /*0030*/              @UP0 ULEA UR4, UR5, UR4, 0x18 ;         /* 0x0000000405047291 */
        /*0040*/                   LDG.E.EL.U16 R25, desc[UR4][R8.64] ;
        /*0050*/               @P5 MUFU.EX2 R8, R3 ;
        /*fff0*/                   FADD.RM R7, R12, 8388608 ;
        /*10000*/                  EXIT ;
        /*10010*/                  BRA 0x10010;
        /*10020*/                  NOP;
"""


def test_each_instruction_counts_once_and_padding_does_not():
    assert per_voxel(LISTING) == {
        "instructions": 9 / 8,
        "of_them_half_rate": 1 / 8,  # FSEL
        "of_them_special": 2 / 8,  # I2F, MUFU
        "loads": 1 / 8,
    }


def test_instructions_are_spelled_out_for_the_interpreter():
    line = (
        "    tmp3 = tl.inline_asm_elementwise('{ .reg .b32 t; shr.u32 t, $1, 16; "
        "mad.lo.u32 $0, t, 0x846ca68bU, $2; }', '=r,r,r', [tmp1, tmp2], "
        "dtype=tl.int32, is_pure=True, pack=1)"
    )
    assert as_triton(line) == [
        "    tmp3_t = (tmp1 >> 16) & (0xFFFFFFFF >> 16)",
        "    tmp3 = tmp3_t * -2073254261 + tmp2",
    ]
    line = (
        "    tmp2 = tl.inline_asm_elementwise('add.rm.f32 $0, $1, 0f4B000000;', '=f,f', [tmp1], "
        "dtype=tl.float32, is_pure=True, pack=1)"
    )
    assert as_triton(line) == ["    tmp2 = tl.floor(tmp1) + float('8388608.0')"]
    assert as_triton("    tmp4 = tmp3 + tmp2") == ["    tmp4 = tmp3 + tmp2"]


def test_the_interpreter_knows_every_instruction_that_kernels_are_given():
    assert set(MEANING) == set(VERBS)


def test_without_triton_one_sentence_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(count_gpu_instructions.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(sys, "argv", ["count_gpu_instructions.py"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    sentence = "Triton must be installed (pip install triton==3.6.0), and it is not."
    assert capsys.readouterr().err.endswith(f"error: {sentence}\n")
