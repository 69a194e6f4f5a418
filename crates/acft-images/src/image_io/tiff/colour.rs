//! From samples to colours, as Pillow makes RGB of them.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Pixel, Rgb, RgbImage};

use super::super::{ImageFault, cmyk};
use super::assemble::Samples;
use super::page::{Page, Photometric};

/// An image of the samples of a page.
pub(super) fn image(samples: Samples, page: &Page<'_>) -> Result<DynamicImage, ImageFault> {
    match samples {
        Samples::Narrow(samples) => narrow(samples, page),
        Samples::Wide(samples) => wide(samples, page),
    }
}

fn narrow(mut samples: Vec<u8>, page: &Page<'_>) -> Result<DynamicImage, ImageFault> {
    if let Some([red, green, blue]) = &page.palette {
        let colour = |at: &u8| {
            let at = usize::from(*at);
            [red[at], green[at], blue[at]]
        };
        return Ok(rgb(page, samples.iter().flat_map(colour).collect())?.into());
    }
    let most = (1u16 << page.bits) - 1;
    if most < 255 {
        for sample in &mut samples {
            *sample = ((u16::from(*sample) * 255 + most / 2) / most) as u8;
        }
    }
    Ok(match page.photometric {
        Photometric::WhiteIsZero | Photometric::BlackIsZero => {
            let mut samples = colours_of(samples, page, 255);
            if page.photometric == Photometric::WhiteIsZero {
                samples
                    .iter_mut()
                    .for_each(|sample| *sample = 255 - *sample);
            }
            let image = GrayImage::from_raw(page.width, page.height, samples);
            image.ok_or(ImageFault::Truncated)?.into()
        }
        Photometric::Rgb | Photometric::Palette => {
            rgb(page, colours_of(samples, page, 255))?.into()
        }
        // A JPEG inside has been converted already.
        Photometric::YCbCr if page.is_converted() => rgb(page, samples)?.into(),
        Photometric::YCbCr => {
            let colour = |pixel: &[u8; 3]| cmyk::rgb_of_ycbcr(*pixel);
            let (pixels, _) = samples.as_chunks();
            rgb(page, pixels.iter().flat_map(colour).collect())?.into()
        }
        Photometric::Cmyk => {
            let (pixels, _) = samples.as_chunks();
            rgb(page, pixels.iter().flat_map(cmyk::rgb_of_cmyk).collect())?.into()
        }
    })
}

fn wide(samples: Vec<u16>, page: &Page<'_>) -> Result<DynamicImage, ImageFault> {
    let most = ((1u32 << page.bits) - 1) as u16;
    Ok(match page.photometric {
        Photometric::Cmyk => {
            let high: Vec<u8> = samples
                .iter()
                .map(|sample| (sample >> (page.bits - 8)) as u8)
                .collect();
            let (pixels, _) = high.as_chunks();
            rgb(page, pixels.iter().flat_map(cmyk::rgb_of_cmyk).collect())?.into()
        }
        Photometric::Rgb => {
            let samples = colours_of(samples, page, most);
            buffer::<Rgb<u16>>(page, samples)?.into()
        }
        _ => {
            let mut samples = colours_of(samples, page, most);
            if page.photometric == Photometric::WhiteIsZero {
                samples
                    .iter_mut()
                    .for_each(|sample| *sample = most - *sample);
            }
            buffer::<Luma<u16>>(page, samples)?.into()
        }
    })
}

fn rgb(page: &Page<'_>, samples: Vec<u8>) -> Result<RgbImage, ImageFault> {
    RgbImage::from_raw(page.width, page.height, samples).ok_or(ImageFault::Truncated)
}

fn buffer<P: Pixel>(
    page: &Page<'_>,
    samples: Vec<P::Subpixel>,
) -> Result<ImageBuffer<P, Vec<P::Subpixel>>, ImageFault> {
    ImageBuffer::from_raw(page.width, page.height, samples).ok_or(ImageFault::Truncated)
}

/// The colours alone: where they were multiplied by an alpha, divided by it.
fn colours_of<T>(samples: Vec<T>, page: &Page<'_>, most: T) -> Vec<T>
where
    T: Copy + Into<u32> + TryFrom<u32> + Default,
{
    if !page.associated_alpha {
        return samples;
    }
    let most: u32 = most.into();
    let colours = page.photometric.colours();
    let mut out = Vec::with_capacity(samples.len() / (colours + 1) * colours);
    for pixel in samples.chunks_exact(colours + 1) {
        let alpha: u32 = pixel[colours].into();
        for sample in &pixel[..colours] {
            let sample: u32 = (*sample).into();
            // Where nothing is to be seen there is no colour.
            let whole = (sample * most).checked_div(alpha).unwrap_or(0).min(most);
            out.push(T::try_from(whole).unwrap_or_default());
        }
    }
    out
}
