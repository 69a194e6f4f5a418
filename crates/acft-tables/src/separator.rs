//! What stands between the cells of a row.

/// The separators that are known, the likeliest first.
const KNOWN: [u8; 3] = [b',', b';', b'\t'];

/// The separator that occurs most often in a header, outside quotes.
/// `tab_first` decides for the tab where another occurs as often.
pub(crate) fn of_header(line: &[u8], tab_first: bool) -> u8 {
    let mut counts = [0usize; 3];
    let mut is_quoted = false;
    for byte in line {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                if let Some(at) = KNOWN.iter().position(|known| known == byte) {
                    counts[at] += 1;
                }
            }
        }
    }
    let order: [usize; 3] = if tab_first { [2, 0, 1] } else { [0, 1, 2] };
    let most = counts.into_iter().max().unwrap_or_default();
    let first = order.into_iter().find(|at| counts[*at] == most);
    KNOWN[first.unwrap_or_default()]
}

/// Its name in errors.
pub(crate) fn name(separator: u8) -> &'static str {
    match separator {
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "comma",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_that_is_there_most_often_outside_quotes_is_taken() {
        for (line, tab_first, want) in [
            ("file,label", false, b','),
            ("file;label\nx,y,z", false, b';'),
            ("file\tlabel", false, b'\t'),
            ("\"a,b,c\";label", false, b';'),
            ("a,b;c", false, b','),
            ("a,b\tc", true, b'\t'),
            ("file", true, b'\t'),
            ("file", false, b','),
            ("a,b", true, b','),
            ("", false, b','),
        ] {
            assert_eq!(of_header(line.as_bytes(), tab_first), want, "{line:?}");
        }
    }
}
