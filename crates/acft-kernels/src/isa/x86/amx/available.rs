//! Whether AMX may be used.

use std::{
    arch::{
        asm,
        x86_64::{__cpuid, __cpuid_count, _xgetbv},
    },
    sync::OnceLock,
};

use crate::isa::matrices::SIDE;

/// Whether the processor has the instructions and the system lets this process use them, which it is asked to.
pub(in crate::isa) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bf16")
            && is_x86_feature_detected!("xsave")
            // SAFETY: the processor has the feature.
            && unsafe { has_matrices() }
            && permitted()
    })
}

/// Whether the processor has registers of the expected size and multiplies pairs in them, and the system saves them.
#[target_feature(enable = "xsave")]
fn has_matrices() -> bool {
    const LEAVES: u32 = 0x1d;
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    const CONFIGURATION_AND_DATA: u64 = 0b11 << 17;
    if __cpuid(0).eax < LEAVES || __cpuid_count(7, 0).edx & BF16_AND_TILES != BF16_AND_TILES {
        return false;
    }
    // SAFETY: the processor has the feature, and register 0 exists wherever it has it.
    let saved = unsafe { _xgetbv(0) };
    let palette = __cpuid_count(LEAVES, 1);
    saved & CONFIGURATION_AND_DATA == CONFIGURATION_AND_DATA
        && palette.ebx == (8 << 16 | (SIDE * size_of::<u32>()) as u32)
        && palette.ecx & 0xffff == SIDE as u32
}

/// Asks Linux to let the threads of this process use the registers, whose state is too large to be saved for everybody.
fn permitted() -> bool {
    const ARCH_PRCTL: isize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let answer: isize;
    // SAFETY: the call takes two numbers and touches no memory of this process; the kernel overwrites the two registers
    // that are named, and returns in the one that held the number of the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}
