//! The products alone, in assembly.
//!
//! The registers of matrices have no type in the language yet: what is done with them is done by one block of assembly,
//! from their configuration to their release, so that nothing is assumed about them before or after.

use std::{arch::asm, mem::offset_of, ops::Range};

use super::Sums;
use crate::isa::matrices::{BANDS, Matrix, Product, SIDE, STRIP, Slab};

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
/// As [`Matrices::pairs`](crate::isa::matrices::Matrices::pairs).
#[inline]
pub(super) unsafe fn multiply(product: &Product<'_>, sums: &mut Sums) {
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
    // SAFETY: the processor has the instructions and the process may use them (see [`super::available`]). A row of a
    // register is `SIDE` words, or half as many of the left factor's in half a slab; registers have `SIDE` rows, or half
    // as many of the right factor's in half a slab, or as many of the left one's and of the sums as the only band has.
    // So what `tileloadd` reads of a band and a column are the terms of their rows in a slab, of which the caller
    // promised that they lie in the factors, in bands that are two up to the last row. There are as many columns as
    // groups of them read, because `STRIP` is a multiple of either group, and `tilestored` writes four matrices a group,
    // of two bands and two columns or of one and four: at most `STRIP` × `BANDS`. The slabs are those of a slice, from
    // its start to its end. Nothing else reads or writes `call` or `sums` meanwhile. Registers are configured before
    // they are used, and released at the end.
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
