#![allow(clippy::unwrap_used)]

use image::{ImageFormat, Luma, LumaA, Rgb, Rgba};

use super::*;

fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn read_back(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    decode(Path::new("a.bin"), bytes, None)
}

fn colours() -> RgbImage {
    RgbImage::from_fn(5, 3, |x, y| {
        Rgb([x as u8 * 40, y as u8 * 80, 200 - x as u8])
    })
}

/// 5 × 3 pixels. Made with Pillow 13.0.0, which writes what our encoder cannot:
/// `Image.new("CMYK", (5, 3), (200, 30, 60, 10)).save("cmyk.jpg", quality=50, optimize=True)`.
const CMYK: &[u8] = include_bytes!("../../tests/fixtures/cmyk.jpg");

/// A photograph-like JPEG, large enough to be cut.
fn jpeg() -> Vec<u8> {
    let image = RgbImage::from_fn(64, 48, |x, y| {
        Rgb([(x * y) as u8, (x * 3) as u8, (y * 5) as u8])
    });
    encode(&image.into(), ImageFormat::Jpeg)
}

#[test]
fn lossless_formats_give_the_same_pixels() {
    use ImageFormat::{Bmp, Png, WebP};
    for format in [Png, Bmp, WebP] {
        let bytes = encode(&colours().into(), format);
        assert_eq!(read_back(&bytes).unwrap(), colours(), "{format:?}");
        assert_eq!(dimensions(Path::new("a"), &bytes).unwrap(), (5, 3));
    }
}

#[test]
fn every_sample_type_becomes_rgb8() {
    let rows: [(DynamicImage, [u8; 3]); 7] = [
        (
            image::ImageBuffer::from_pixel(2, 2, Luma([9u8])).into(),
            [9; 3],
        ),
        (
            image::ImageBuffer::from_pixel(2, 2, LumaA([9u8, 0])).into(),
            [9; 3],
        ),
        (
            image::ImageBuffer::from_pixel(2, 2, Luma([0x12FFu16])).into(),
            [0x12; 3],
        ),
        (
            image::ImageBuffer::from_pixel(2, 2, LumaA([0x12FFu16, 0])).into(),
            [0x12; 3],
        ),
        (
            image::ImageBuffer::from_pixel(2, 2, Rgba([1u8, 2, 3, 0])).into(),
            [1, 2, 3],
        ),
        (
            image::ImageBuffer::from_pixel(2, 2, Rgb([0x01FFu16, 0x0200, 0xFFFF])).into(),
            [1, 2, 255],
        ),
        (
            image::ImageBuffer::from_pixel(2, 2, Rgba([0x01FFu16, 0x0200, 0xFFFF, 0])).into(),
            [1, 2, 255],
        ),
    ];
    for (image, want) in rows {
        let got = read_back(&encode(&image, ImageFormat::Png)).unwrap();
        assert_eq!(
            got,
            RgbImage::from_pixel(2, 2, Rgb(want)),
            "{:?}",
            image.color()
        );
    }
}

#[test]
fn what_is_no_image_is_named() {
    let rows: [(&[u8], &str); 4] = [
        (b"", "a.bin: empty file"),
        (b"patient,age\n1,50\n", "a.bin: not an image"),
        (
            b"\x89PNG\r\n\x1a\n",
            "a.bin: truncated: the file ends before its pixels do",
        ),
        (
            b"GIF89a\x01\x00\x01\x00\x00",
            "a.bin: a file of the kind Gif, which is not read: save it as PNG",
        ),
    ];
    for (bytes, want) in rows {
        let error = read_back(bytes).unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }
}

#[test]
fn truncated_files_are_refused_in_every_format() {
    use ImageFormat::{Bmp, Png, WebP};
    let image = DynamicImage::from(colours());
    let whole = [Png, Bmp, WebP].map(|format| encode(&image, format));
    for bytes in whole.iter().chain([&jpeg()]) {
        assert!(read_back(bytes).is_ok());
        for keep in [bytes.len() / 2, bytes.len() * 3 / 4] {
            assert!(
                read_back(&bytes[..keep]).is_err(),
                "kept {keep} of {:?}",
                &bytes[..4]
            );
        }
    }
    let cut = &jpeg()[..jpeg().len() - 30];
    let error = read_back(cut).unwrap_err().to_string();
    assert_eq!(
        error,
        "a.bin: truncated: the file ends before its pixels do"
    );
}

/// A bitmap's header, whose claims cost nothing to make.
fn bmp_header(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = encode(&colours().into(), ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&width.to_le_bytes());
    bytes[22..26].copy_from_slice(&height.to_le_bytes());
    bytes
}

#[test]
fn sizes_beyond_the_limits_are_refused_before_the_pixels() {
    let rows = [
        (20_000, 20_000, "20000 x 20000 pixels, more than the limit"),
        (16_385, 1, "16385 x 1 pixels, more than the limit"),
        (16_000, 16_000, "16000 x 16000 pixels, more than the limit"),
        (0, 3, "0 x 3 pixels: it has no pixels"),
    ];
    for (width, height, want) in rows {
        let error = dimensions(Path::new("a.bin"), &bmp_header(width, height)).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    }
}

#[test]
fn a_png_of_no_pixels_is_named() {
    let mut bytes = encode(&colours().into(), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&[0; 4]);
    let error = read_back(&bytes).unwrap_err().to_string();
    assert_eq!(error, "a.bin: 0 x 3 pixels: it has no pixels");
}

/// Inserts an EXIF segment that says "turn by 90 degrees" after the JPEG's first marker.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let length = u16::try_from(tiff.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &tiff, &jpeg[2..]].concat()
}

#[test]
fn the_exif_orientation_is_applied() {
    let plain = read_back(&jpeg()).unwrap();
    let turned_bytes = with_orientation(&jpeg(), 6);
    let turned = read_back(&turned_bytes).unwrap();
    assert_eq!(turned, image::imageops::rotate90(&plain));
    assert_eq!(dimensions(Path::new("a"), &turned_bytes).unwrap(), (48, 64));
}

#[test]
fn a_header_says_what_a_browser_would_show_rightly() {
    use ImageFormat::{Bmp, Jpeg, Png, WebP};
    let rgb = || DynamicImage::from(colours());
    let of = |image: DynamicImage, format| encode(&image, format);
    let grey16 = || image::ImageBuffer::from_pixel(5, 3, Luma([0x1234u16]));
    let (png, jpeg_type) = (Some("image/png"), Some("image/jpeg"));
    let rows: [(&str, Vec<u8>, bool, Option<&str>); 11] = [
        ("rgb png", of(rgb(), Png), false, png),
        ("grey png", of(rgb().into_luma8().into(), Png), false, png),
        ("rgb jpeg", of(rgb(), Jpeg), false, jpeg_type),
        (
            "grey jpeg",
            of(rgb().into_luma8().into(), Jpeg),
            false,
            jpeg_type,
        ),
        // Alpha is dropped here, and composited there.
        ("rgba", of(rgb().into_rgba8().into(), Png), false, None),
        (
            "grey alpha",
            of(rgb().into_luma_alpha8().into(), Png),
            false,
            None,
        ),
        // The high byte here, and rounded there; and experts want all of it.
        ("grey 16", of(grey16().into(), Png), true, None),
        ("rgb 16", of(rgb().into_rgb16().into(), Png), false, None),
        // Browsers go by the colour profile here.
        ("cmyk jpeg", CMYK.to_vec(), false, None),
        // Not every browser shows these.
        ("bmp", of(rgb(), Bmp), false, None),
        ("webp", of(rgb(), WebP), false, None),
    ];
    for (name, bytes, grey16, plain) in rows {
        let header = header(Path::new("a"), &bytes).unwrap();
        let expected = Header {
            width: 5,
            height: 3,
            grey16,
            deep: name.contains("16").then_some(Deep::PLAIN),
            plain,
        };
        assert_eq!(header, expected, "{name}");
        let decoded = read_back(&bytes).unwrap();
        assert_eq!(
            (header.width, header.height),
            decoded.dimensions(),
            "{name}"
        );
    }
}

#[test]
fn a_header_of_a_turned_image_tells_the_upright_size() {
    let upright = header(Path::new("a"), &with_orientation(&jpeg(), 1)).unwrap();
    assert_eq!((upright.width, upright.height), (64, 48));
    assert_eq!(upright.plain, Some("image/jpeg"));
    let turned = header(Path::new("a"), &with_orientation(&jpeg(), 6)).unwrap();
    assert_eq!((turned.width, turned.height), (48, 64));
    assert_eq!(turned.plain, None);
    let error = header(Path::new("a.bin"), b"no image").unwrap_err();
    assert!(error.to_string().starts_with("a.bin: not an image"));
}

#[test]
fn grey_values_of_16_bits_are_all_kept() {
    let pixel = |x: u32, y: u32| (x * 9000 + y * 257) as u16;
    let grey = image::ImageBuffer::from_fn(5, 3, |x, y| Luma([pixel(x, y)]));
    let with_alpha = image::ImageBuffer::from_fn(5, 3, |x, y| LumaA([pixel(x, y), 7u16]));
    let expected: Vec<u16> = (0..15).map(|at| pixel(at % 5, at / 5)).collect();
    for (bytes, name) in [
        (encode(&grey.into(), ImageFormat::Png), "png"),
        (encode(&with_alpha.into(), ImageFormat::Png), "with alpha"),
    ] {
        let found = decode_grey16(Path::new("a"), &bytes).unwrap().unwrap();
        assert_eq!((found.width, found.height), (5, 3), "{name}");
        assert_eq!(found.values, expected, "{name}");
        assert_eq!(found.bits, 16, "{name}");
        // Without a window the network sees the high byte of the same values.
        let seen = read_back(&bytes).unwrap();
        for (pixel, value) in seen.pixels().zip(&found.values) {
            assert_eq!(pixel[0], (value >> 8) as u8, "{name}");
        }
        let cut = &bytes[..bytes.len() / 2];
        assert!(decode_grey16(Path::new("a"), cut).is_err(), "{name}");
    }
    for other in [
        DynamicImage::from(colours()),
        DynamicImage::from(colours()).into_luma8().into(),
        DynamicImage::from(colours()).into_rgb16().into(),
    ] {
        let bytes = encode(&other, ImageFormat::Png);
        assert_eq!(decode_grey16(Path::new("a"), &bytes).unwrap(), None);
    }
}

#[test]
fn a_decoder_that_panics_is_an_image_that_cannot_be_read() {
    let failed = guarded::<()>(Path::new("a.png"), || panic!("index out of bounds")).unwrap_err();
    assert!(matches!(failed.fault, ImageFault::Panicked));
    assert_eq!(
        failed.to_string(),
        "a.png: its decoder failed in a way that it should not"
    );
}
