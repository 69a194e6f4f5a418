//! Colours of print and of television as RGB, as Pillow and libjpeg make it.

/// Cyan, magenta, yellow and black, 255 being all of the ink.
pub(super) fn rgb_of_cmyk(pixel: &[u8; 4]) -> [u8; 3] {
    let [c, m, y, k] = pixel.map(u32::from);
    let white = 255 - k;
    [c, m, y].map(|ink| {
        // Pillow's rounded division by 255.
        let product = ink * white + 128;
        (white - (((product >> 8) + product) >> 8).min(white)) as u8
    })
}

/// Luma and two chromas, of the full range.
pub(super) fn rgb_of_ycbcr(pixel: [u8; 3]) -> [u8; 3] {
    let [y, cb, cr] = pixel.map(i32::from);
    let (cb, cr) = (cb - 128, cr - 128);
    const HALF: i32 = 1 << 15;
    // Shares of 2^16, as in libjpeg.
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|level| level.clamp(0, 255) as u8)
}
