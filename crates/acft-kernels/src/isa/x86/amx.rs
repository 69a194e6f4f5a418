//! AMX: as [`super::avx512bf16`], and products of matrices of bf16 pairs in eight registers of a matrix each. Denormals
//! count as 0, as there.
//!
//! The registers have no type in the language yet: what is done with them is done by one block of assembly, from their
//! configuration to their release, so that nothing is assumed about them before or after.

use std::{
    arch::{
        asm,
        x86_64::{
            __cpuid, __cpuid_count, __m512, _mm512_add_ps, _mm512_loadu_ps, _mm512_loadu_si512,
            _mm512_or_si512, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps,
            _mm512_storeu_si512, _xgetbv,
        },
    },
    mem::{MaybeUninit, offset_of},
    ops::Range,
    sync::OnceLock,
};

use super::{
    avx512,
    avx512bf16::{self, first, rounded, second},
};
use crate::isa::{
    Matrices, Primitives,
    matrices::{BANDS, MATRIX, Matrix, Product, SIDE, STRIP, Slab, ZEROS},
};

pub(in crate::isa) static AMX: Primitives = Primitives {
    name: "amx",
    matrices: Some(Matrices {
        pairs,
        sums,
        collect,
    }),
    ..avx512bf16::PRIMITIVES
};

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

/// Sums of all columns and bands: `[column][band]`.
type Sums = [MaybeUninit<Matrix>; STRIP * BANDS];

/// See [`Matrices::pairs`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pairs(product: &Product<'_>, out: *mut u32) {
    let mut sums: Sums = [MaybeUninit::uninit(); STRIP * BANDS];
    // SAFETY: promised by the caller; the first function computes what the second reads.
    unsafe {
        multiply(product, &mut sums);
        finish_pairs(product, &sums, out);
    }
}

/// See [`Matrices::sums`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn sums(product: &Product<'_>, out: *mut f32) {
    let mut sums: Sums = [MaybeUninit::uninit(); STRIP * BANDS];
    // SAFETY: promised by the caller; the first function computes what the second reads.
    unsafe {
        multiply(product, &mut sums);
        finish_sums(product, &sums, out);
    }
}

/// What the assembly reads from memory.
#[repr(C, align(64))]
struct Call {
    configuration: Configuration,
    bands: [*const u32; BANDS],
    /// The first slab and the end, of whole and of half ones.
    whole: [*const Slab; 2],
    half: [*const Slab; 2],
    /// Groups of columns that are left.
    groups: usize,
}

/// What `ldtilecfg` loads.
#[repr(C)]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row of each register.
    bytes: [u16; 16],
    rows: [u8; 16],
}

const _: () = assert!(size_of::<Configuration>() == 64);

impl Configuration {
    /// Registers 0 to 3 hold sums of `rows` rows, 4 and 6 the factors of a whole slab, 5 and 7 those of half a one.
    fn new(rows: usize) -> Self {
        let (rows, side) = (rows as u8, SIDE as u8);
        let (whole, half) = (4 * u16::from(side), 2 * u16::from(side));
        let mut new = Self {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes: [0; 16],
            rows: [0; 16],
        };
        new.bytes[..8].copy_from_slice(&[whole, whole, whole, whole, whole, half, whole, whole]);
        new.rows[..8].copy_from_slice(&[rows, rows, rows, rows, rows, rows, side, side / 2]);
        new
    }
}

/// Loads a band's part of a slab.
macro_rules! load_left {
    ($register:literal, $band:literal) => {
        concat!(
            "mov {v}, [{call} + {bands} + 8*",
            $band,
            "]\n",
            "lea {v}, [{v} + 4*{t}]\n",
            "tileloadd ",
            $register,
            ", [{v} + {row_a}]\n",
        )
    };
}

/// Loads a column's part of a slab.
macro_rules! load_right {
    ($register:literal, $column:literal) => {
        concat!(
            "mov {v}, [{columns} + 8*",
            $column,
            "]\n",
            "lea {v}, [{v} + 4*{u}]\n",
            "tileloadd ",
            $register,
            ", [{v} + {row_b}]\n",
        )
    };
}

/// Adds the product of two registers to a third.
macro_rules! add {
    ($sums:literal, $left:literal, $right:literal) => {
        concat!("tdpbf16ps ", $sums, ", ", $left, ", ", $right, "\n")
    };
}

/// A slab of two bands and two columns.
macro_rules! two_by_two {
    ($left:literal, $right:literal) => {
        concat!(
            load_left!($left, 0),
            load_right!($right, 0),
            add!("tmm0", $left, $right),
            load_right!($right, 1),
            add!("tmm2", $left, $right),
            load_left!($left, 1),
            add!("tmm3", $left, $right),
            // It was just here, but there are no more registers.
            load_right!($right, 0),
            add!("tmm1", $left, $right),
        )
    };
}

/// A slab of one band and four columns.
macro_rules! one_by_four {
    ($left:literal, $right:literal) => {
        concat!(
            load_left!($left, 0),
            load_right!($right, 0),
            add!("tmm0", $left, $right),
            load_right!($right, 1),
            add!("tmm1", $left, $right),
            load_right!($right, 2),
            add!("tmm2", $left, $right),
            load_right!($right, 3),
            add!("tmm3", $left, $right),
        )
    };
}

/// `$slab`, which finds where the terms begin in `t` and `u` and may overwrite `v`, for all slabs from the first to the
/// end.
macro_rules! all {
    ($slabs:literal, $slab:expr) => {
        concat!(
            "mov {s}, [{call} + {",
            $slabs,
            "}]\n",
            "cmp {s}, [{call} + {",
            $slabs,
            "} + 8]\n",
            "je 4f\n",
            "3:\n",
            "mov {t}, [{s}]\n",
            "mov {u}, [{s} + 8]\n",
            $slab,
            "add {s}, 16\n",
            "cmp {s}, [{call} + {",
            $slabs,
            "} + 8]\n",
            "jne 3b\n",
            "4:\n",
        )
    };
}

/// The assembly of a product of `$columns` columns at once, by `$slab`.
macro_rules! product {
    ($columns:literal, $slab:ident, $call:ident, $first:ident, $row_a:ident, $row_b:ident, $out:ident) => {
        asm!(
            "ldtilecfg [{call}]",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            all!("whole", $slab!("tmm4", "tmm6")),
            all!("half", $slab!("tmm5", "tmm7")),
            "mov {t:e}, 64",
            "tilestored [{out} + {t}], tmm0",
            "tilestored [{out} + {t} + 1024], tmm1",
            "tilestored [{out} + {t} + 2048], tmm2",
            "tilestored [{out} + {t} + 3072], tmm3",
            "add {out}, 4096",
            concat!("add {columns}, 8*", $columns),
            "dec qword ptr [{call} + {groups}]",
            "jnz 2b",
            "tilerelease",
            call = in(reg) $call,
            columns = inout(reg) $first => _,
            row_a = in(reg) $row_a,
            row_b = in(reg) $row_b,
            out = inout(reg) $out => _,
            s = out(reg) _,
            t = out(reg) _,
            u = out(reg) _,
            v = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            bands = const offset_of!(Call, bands),
            whole = const offset_of!(Call, whole),
            half = const offset_of!(Call, half),
            groups = const offset_of!(Call, groups),
            options(nostack),
        )
    };
}

/// The sums alone. Columns are multiplied in groups; where the last has too few, the last column takes the place of
/// those that lack.
///
/// # Safety
/// As [`Matrices::pairs`].
#[inline]
unsafe fn multiply(product: &Product<'_>, sums: &mut Sums) {
    let two = product.bands.len() == BANDS;
    let count = product.columns.len();
    let columns: [*const u32; STRIP] = std::array::from_fn(|i| {
        let column = product.columns[i.min(count - 1)];
        product.b.as_ptr().wrapping_add(column)
    });
    let band = |i: usize| {
        let band = product.bands[i.min(product.bands.len() - 1)];
        product.a.as_ptr().wrapping_add(band)
    };
    let ends = |slabs: &[Slab]| {
        let Range { start, end } = slabs.as_ptr_range();
        [start, end]
    };
    let mut call = Call {
        configuration: Configuration::new(if two { SIDE } else { product.rows }),
        bands: [band(0), band(1)],
        whole: ends(product.slabs.whole()),
        half: ends(product.slabs.half()),
        groups: count.div_ceil(if two { 2 } else { 4 }),
    };
    let call = &raw mut call;
    let (columns, out) = (columns.as_ptr(), sums.as_mut_ptr());
    let word = size_of::<u32>();
    let (row_a, row_b) = (product.row_a * word, product.slabs.step_b() * word);
    // SAFETY: the processor has the instructions and the process may use them (see `available`). A row of a register is
    // `SIDE` words, or half as many of the left factor's in half a slab; registers have `SIDE` rows, or half as many of
    // the right factor's in half a slab, or as many of the left one's and of the sums as the only band has. So what
    // `tileloadd` reads of a band and a column are the terms of their rows in a slab, of which the caller promised that
    // they lie in the factors, in bands that are two up to the last row. There are as many columns as groups of them
    // read, because `STRIP` is a multiple of either group, and `tilestored` writes four matrices a group, of two bands
    // and two columns or of one and four: at most `STRIP` × `BANDS`. The slabs are those of a slice, from its start to
    // its end. Nothing else reads or writes `call` or `sums` meanwhile. Registers are configured before they are used,
    // and released at the end.
    unsafe {
        if two {
            product!(2, two_by_two, call, columns, row_a, row_b, out);
        } else {
            product!(4, one_by_four, call, columns, row_a, row_b, out);
        }
    }
}

const _: () = assert!(
    STRIP.is_multiple_of(4) && BANDS == 2 && size_of::<Matrix>() == 1024 && size_of::<Slab>() == 16,
    "the assembly counts on it"
);

/// Where row `row` of column `column` begins in the sums.
fn at(product: &Product<'_>, row: usize, column: usize) -> usize {
    (column * product.bands.len() + row / SIDE) * MATRIX + row % SIDE * SIDE
}

/// What becomes of a sum, of a row with such a bias, whose place in the output holds `held`.
#[target_feature(enable = "avx512f")]
#[inline]
fn finished(product: &Product<'_>, sum: __m512, bias: __m512, held: Option<__m512>) -> __m512 {
    let sum = _mm512_add_ps(sum, bias);
    let sum = held.map_or(sum, |held| _mm512_add_ps(sum, held));
    if product.relu {
        avx512::rectified(sum)
    } else {
        sum
    }
}

/// What follows the sums, to pairs. Neighbouring columns, which are neighbours in the output too, come one after the
/// other.
///
/// # Safety
/// As [`Matrices::pairs`]; and the rows of every column and band of `sums` are there.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
unsafe fn finish_pairs(product: &Product<'_>, sums: &Sums, out: *mut u32) {
    let sums = sums.as_ptr().cast::<f32>();
    let onto = product.start.is_onto();
    for row in (0..product.rows).step_by(2) {
        let both = row + 1 < product.rows;
        let bias = |row: usize| _mm512_set1_ps(product.start.bias(row));
        let bias = [bias(row), if both { bias(row + 1) } else { bias(row) }];
        for (i, column) in product.out_columns.iter().enumerate() {
            let at = at(product, row, i);
            // SAFETY: the caller promised that the rows are in the sums and in the output; a second row is read only
            // where there is one.
            unsafe {
                let out = out.add(row / 2 * product.out_row + column);
                let held = onto.then(|| _mm512_loadu_si512(out.cast()));
                let sum = _mm512_loadu_ps(sums.add(at));
                let one = held.map(|held| first(held));
                let mut words = rounded(finished(product, sum, bias[0], one));
                if both {
                    let sum = _mm512_loadu_ps(sums.add(at + SIDE));
                    let other = held.map(|held| second(held));
                    let other = rounded(finished(product, sum, bias[1], other));
                    words = _mm512_or_si512(words, _mm512_slli_epi32::<16>(other));
                }
                _mm512_storeu_si512(out.cast(), words);
            }
        }
    }
}

/// The same to f32.
///
/// # Safety
/// As [`finish_pairs`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn finish_sums(product: &Product<'_>, sums: &Sums, out: *mut f32) {
    let sums = sums.as_ptr().cast::<f32>();
    let onto = product.start.is_onto();
    for row in 0..product.rows {
        let bias = _mm512_set1_ps(product.start.bias(row));
        for (i, column) in product.out_columns.iter().enumerate() {
            // SAFETY: the caller promised that the rows are in the sums and in the output.
            unsafe {
                let out = out.add(row * product.out_row + column);
                let held = onto.then(|| _mm512_loadu_ps(out));
                let sum = _mm512_loadu_ps(sums.add(at(product, row, i)));
                _mm512_storeu_ps(out, finished(product, sum, bias, held));
            }
        }
    }
}

/// See [`Matrices::collect`].
#[target_feature(enable = "avx512f")]
unsafe fn collect(b: &[u32], columns: &[usize], rows: &[usize], out: &mut [Matrix]) {
    let rows = rows.as_chunks::<SIDE>().0;
    for (&column, out) in columns.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
        for (Matrix(out), rows) in out.iter_mut().zip(rows) {
            for (out, &row) in out.iter_mut().zip(rows) {
                // Each in its place: one assignment of either would go over the stack.
                match row {
                    ZEROS => out.fill(0),
                    row => out.copy_from_slice(&b[column + row..][..SIDE]),
                }
            }
        }
    }
}
