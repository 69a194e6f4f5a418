//! How wide a text is drawn, and where to break one that is too wide.

use resvg::usvg::Node;

use super::png::parse;
use super::svg;

/// Weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// As text is set.
    Regular,
    /// As headings are set.
    Bold,
}

/// A text of a given size and weight, to be measured or written.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    /// In pixels.
    pub size: f64,
    /// How heavy.
    pub weight: Weight,
}

impl Font {
    /// The regular face at `size` user units.
    pub const fn regular(size: f64) -> Self {
        Self {
            size,
            weight: Weight::Regular,
        }
    }

    /// The bold face at `size` user units.
    pub const fn bold(size: f64) -> Self {
        Self {
            size,
            weight: Weight::Bold,
        }
    }

    /// `content` with its baseline starting at (`x`, `y`).
    pub fn write(self, x: f64, y: f64, content: &str) -> svg::Element {
        let element = svg::text(x, y, self.size, content);
        match self.weight {
            Weight::Regular => element,
            Weight::Bold => element.set("font-weight", "bold"),
        }
    }

    /// Width of `content` in user units, as the embedded font draws it.
    pub fn width(self, content: &str) -> f64 {
        let probe = svg::document(1.0, 1.0, "", vec![self.write(0.0, 0.0, content)]);
        let tree = parse(&probe).expect("the builder writes well-formed SVG");
        let widths = tree.root().children().iter().filter_map(|node| match node {
            Node::Text(text) => Some(f64::from(text.bounding_box().width())),
            _ => None,
        });
        widths.fold(0.0, f64::max)
    }

    /// Breaks `content` into lines no wider than `limit`: at spaces but those that forbid it (U+00A0), after `/`, `_` and `+` as paths and names have them, and
    /// anywhere where even that is too wide. There is always a line, and every character but the spaces at breaks is kept.
    pub fn wrap(self, content: &str, limit: f64) -> Vec<String> {
        let mut lines = vec![String::new()];
        let breaks = |c: char| c.is_whitespace() && c != '\u{a0}';
        for word in content.split(breaks).filter(|word| !word.is_empty()) {
            let mut space = " ";
            for piece in word.split_inclusive(['/', '_', '+']) {
                let current = lines.last_mut().expect("there is always a line");
                let gap = if current.is_empty() { "" } else { space };
                space = "";
                let joined = format!("{current}{gap}{piece}");
                if self.width(&joined) <= limit {
                    *current = joined;
                } else {
                    self.break_anywhere(piece, limit, &mut lines);
                }
            }
        }
        lines
    }

    /// Puts `piece` on new lines, as many characters on each as fit.
    fn break_anywhere(self, piece: &str, limit: f64, lines: &mut Vec<String>) {
        let mut current = String::new();
        for c in piece.chars() {
            let longer = format!("{current}{c}");
            if !current.is_empty() && self.width(&longer) > limit {
                lines.push(std::mem::replace(&mut current, c.to_string()));
            } else {
                current = longer;
            }
        }
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.push(current);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_add_up_and_follow_size_and_weight() {
        let font = Font::regular(10.0);
        assert_eq!(font.width(""), 0.0);
        // A digit of DejaVu Sans is 1303 of 2048 units wide.
        assert!(
            (font.width("0000") - 4.0 * 10.0 * 1303.0 / 2048.0).abs() < 0.1,
            "{}",
            font.width("0000")
        );
        assert!((Font::regular(20.0).width("label") - 2.0 * font.width("label")).abs() < 0.2);
        assert!(Font::bold(10.0).width("label") > font.width("label"));
    }

    #[test]
    fn a_space_that_forbids_a_break_is_kept() {
        let lines = Font::regular(12.0).wrap("majority  (α\u{a0}=\u{a0}0.25)", 70.0);
        assert_eq!(lines, ["majority", "(α\u{a0}=\u{a0}0.25)"]);
    }

    #[test]
    fn lines_fit_and_lose_no_character() {
        let font = Font::regular(12.0);
        let words = "a_very_long_file_name_without_any_space_in_it.png beside/a few short wordsthatmustbebrokenanywhere";
        for limit in [60.0, 120.0, 1000.0] {
            let lines = font.wrap(words, limit);
            assert!(
                lines.iter().all(|line| font.width(line) <= limit),
                "{lines:?}"
            );
            assert_eq!(lines.concat().replace(' ', ""), words.replace(' ', ""));
        }
        assert_eq!(font.wrap("", 10.0), [""]);
        assert_eq!(
            font.wrap("images/one two", font.width("images/on")),
            ["images/", "one two"]
        );
        assert_eq!(
            font.wrap(
                "entropy+majority+randomness",
                font.width("entropy+majority+ran")
            ),
            ["entropy+majority+", "randomness"]
        );
    }
}
