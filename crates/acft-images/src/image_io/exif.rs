//! Which way up an image is meant to be shown: the orientation in its EXIF
//! or XMP metadata, read as Pillow reads it.

use image::metadata::Orientation;

use super::tiff::Tiff;

/// The tag of the orientation in an EXIF block and in a TIFF.
const ORIENTATION: u16 = 274;

/// What the metadata say of the orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing, or "upright" in the way that every viewer reads.
    Upright,
    /// Something that viewers may read differently: a turn, or a tag of
    /// another type than the standard asks for.
    Turned(Orientation),
}

impl Told {
    /// How the stored pixels have to be turned.
    pub(super) fn orientation(self) -> Orientation {
        match self {
            Self::Upright => Orientation::NoTransforms,
            Self::Turned(orientation) => orientation,
        }
    }
}

/// Reads the orientation of an EXIF block (which may begin with `Exif\0\0`),
/// and where that has none, of an XMP packet.
///
/// Damaged metadata is no reason to refuse sound pixels: it tells nothing.
pub(super) fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Told {
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    if let Some(exif) = exif
        && let Some(told) = of_exif(exif)
    {
        return told;
    }
    xmp.and_then(of_xmp).map_or(Told::Upright, told)
}

fn of_exif(exif: &[u8]) -> Option<Told> {
    let tiff = Tiff::open(exif).ok()?;
    let directory = tiff.first_directory().ok()?;
    let value = *tiff.numbers(&directory, ORIENTATION).ok()??.first()?;
    let told = told(u8::try_from(value).ok()?);
    // Pillow reads the number whatever its type is, browsers read SHORT only.
    let standard = directory.is_short(ORIENTATION);
    Some(match told {
        Told::Upright if !standard => Told::Turned(Orientation::NoTransforms),
        told => told,
    })
}

/// The first `tiff:Orientation` of an XMP packet, as attribute or element.
fn of_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = xmp.windows(NAME.len()).position(|text| text == NAME)?;
    let digit = match &xmp[at + NAME.len()..] {
        [b'=', b'"' | b'\'', digit, ..] | [b'>', digit, ..] => *digit,
        _ => return None,
    };
    digit.is_ascii_digit().then(|| digit - b'0')
}

/// The orientation that a TIFF's own tag or XMP packet tells.
pub(super) fn told(value: u8) -> Told {
    match Orientation::from_exif(value) {
        None | Some(Orientation::NoTransforms) => Told::Upright,
        Some(turned) => Told::Turned(turned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An EXIF block whose only tag is the orientation, of the given type.
    fn exif(kind: u8, value: [u8; 4]) -> Vec<u8> {
        let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01".to_vec();
        block.extend([kind, 0, 1, 0, 0, 0]);
        block.extend(value);
        block.extend([0; 4]);
        block
    }

    #[test]
    fn every_whole_number_type_is_read() {
        for (kind, turned) in [(3, Orientation::Rotate90), (4, Orientation::Rotate90)] {
            let block = exif(kind, [6, 0, 0, 0]);
            assert_eq!(orientation(Some(&block), None), Told::Turned(turned));
            let prefixed = [b"Exif\0\0", block.as_slice()].concat();
            assert_eq!(orientation(Some(&prefixed), None), Told::Turned(turned));
        }
        assert_eq!(
            orientation(Some(&exif(3, [1, 0, 0, 0])), None),
            Told::Upright
        );
        // A LONG says "upright", but not every viewer reads it.
        let long = orientation(Some(&exif(4, [1, 0, 0, 0])), None);
        assert_eq!(long, Told::Turned(Orientation::NoTransforms));
        assert_eq!(
            orientation(Some(&exif(3, [99, 0, 0, 0])), None),
            Told::Upright
        );
        assert_eq!(orientation(Some(b"no exif"), None), Told::Upright);
    }

    #[test]
    fn xmp_speaks_where_exif_is_silent() {
        let turned = Told::Turned(Orientation::Rotate180);
        let attribute = br#"<x tiff:Orientation="3" y="1">"#;
        let element = b"<tiff:Orientation>3</tiff:Orientation>";
        assert_eq!(orientation(None, Some(attribute)), turned);
        assert_eq!(orientation(None, Some(element)), turned);
        let exif = exif(3, [1, 0, 0, 0]);
        assert_eq!(orientation(Some(&exif), Some(element)), Told::Upright);
        assert_eq!(orientation(None, Some(b"tiff:Orientation")), Told::Upright);
    }
}
