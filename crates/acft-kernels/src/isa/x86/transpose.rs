//! Transposition in blocks of 8 × 8 (AVX) and 4 × 4 (SSE), with a scalar rim.

use std::arch::x86_64::{
    __m256, _mm_loadu_ps, _mm_movehl_ps, _mm_movelh_ps, _mm_storeu_ps, _mm_unpackhi_ps,
    _mm_unpacklo_ps, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

/// See [`super::super::Primitives::transpose`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(
    src: *const f32,
    [rows, columns]: [usize; 2],
    src_stride: usize,
    dst: *mut f32,
    dst_stride: usize,
) {
    let mut r = 0;
    while r < rows {
        let height = match rows - r {
            8.. => 8,
            4.. => 4,
            rest => rest,
        };
        let mut c = 0;
        while c < columns {
            // SAFETY: the caller checked the last element of both matrices; a block lies within `rows` and
            // `columns`, because it is as high as `height` and as wide as the test before it allows.
            unsafe {
                let (from, to) = (src.add(r * src_stride + c), dst.add(c * dst_stride + r));
                if height == 8 && columns - c >= 8 {
                    block8(from, src_stride, to, dst_stride);
                    c += 8;
                } else if height >= 4 && columns - c >= 4 {
                    block4(from, src_stride, to, dst_stride);
                    if height == 8 {
                        block4(from.add(4 * src_stride), src_stride, to.add(4), dst_stride);
                    }
                    c += 4;
                } else {
                    for i in 0..height {
                        *to.add(i) = *from.add(i * src_stride);
                    }
                    c += 1;
                }
            }
        }
        r += height;
    }
}

/// # Safety
/// Eight rows of eight elements must be readable and writable.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn block8(src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize) {
    // SAFETY: promised by the caller.
    let rows: [__m256; 8] =
        std::array::from_fn(|i| unsafe { _mm256_loadu_ps(src.add(i * src_stride)) });
    let mut pairs = [rows[0]; 8];
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = [rows[0]; 8];
    for i in 0..2 {
        for j in 0..2 {
            let (a, b) = (pairs[4 * i + j], pairs[4 * i + 2 + j]);
            fours[4 * i + 2 * j] = _mm256_shuffle_ps::<0x44>(a, b);
            fours[4 * i + 2 * j + 1] = _mm256_shuffle_ps::<0xee>(a, b);
        }
    }
    for i in 0..4 {
        // SAFETY: promised by the caller.
        unsafe {
            let (low, high) = (fours[i], fours[4 + i]);
            _mm256_storeu_ps(
                dst.add(i * dst_stride),
                _mm256_permute2f128_ps::<0x20>(low, high),
            );
            _mm256_storeu_ps(
                dst.add((i + 4) * dst_stride),
                _mm256_permute2f128_ps::<0x31>(low, high),
            );
        }
    }
}

/// # Safety
/// Four rows of four elements must be readable and writable.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn block4(src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| _mm_loadu_ps(src.add(i * src_stride)));
        let (ab_low, ab_high) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(dst, _mm_movelh_ps(ab_low, cd_low));
        _mm_storeu_ps(dst.add(dst_stride), _mm_movehl_ps(cd_low, ab_low));
        _mm_storeu_ps(dst.add(2 * dst_stride), _mm_movelh_ps(ab_high, cd_high));
        _mm_storeu_ps(dst.add(3 * dst_stride), _mm_movehl_ps(cd_high, ab_high));
    }
}
