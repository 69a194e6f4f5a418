//! A typed SVG builder: every name and text is escaped, every number is written the same way on every machine.

use std::fmt::{self, Display, Write as _};

use super::style::{FONT_FAMILY, PAPER};

/// One SVG element with its attributes, in the order they were set, and its children.
#[derive(Clone, Debug)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// An empty element.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Sets an attribute to a text.
    pub fn set(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// Sets an attribute to a number, in user units, with at most two decimals.
    pub fn at(self, name: &'static str, value: f64) -> Self {
        self.set(name, number(value))
    }

    /// Appends a child.
    pub fn with(mut self, child: Element) -> Self {
        self.push(child);
        self
    }

    /// Appends text, escaped when written.
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// Appends a child in place.
    pub fn push(&mut self, child: Element) {
        self.children.push(Node::Element(child));
    }

    fn write(&self, out: &mut String, depth: usize) -> fmt::Result {
        write!(out, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(out, " {name}=\"{}\"", escape(value))?;
        }
        if self.children.is_empty() {
            return out.write_str("/>");
        }
        out.write_char('>')?;
        // Spaces inside a text element would be drawn, so an element that holds text is written on one line.
        let inline = self.name == "text"
            || self
                .children
                .iter()
                .any(|child| matches!(child, Node::Text(_)));
        for child in &self.children {
            if !inline {
                write!(out, "\n{:indent$}", "", indent = 2 * (depth + 1))?;
            }
            match child {
                Node::Element(element) => element.write(out, depth + 1)?,
                Node::Text(text) => out.write_str(&escape(text))?,
            }
        }
        if !inline {
            write!(out, "\n{:indent$}", "", indent = 2 * depth)?;
        }
        write!(out, "</{}>", self.name)
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, 0)?;
        f.write_str(&out)
    }
}

/// A whole figure on white paper: `body` on a canvas of `width` × `height`, named for screen readers.
pub fn document(width: f64, height: f64, title: &str, body: Vec<Element>) -> String {
    let mut root = Element::new("svg")
        .set("xmlns", "http://www.w3.org/2000/svg")
        .at("width", width)
        .at("height", height)
        .set(
            "viewBox",
            format_args!("0 0 {} {}", number(width), number(height)),
        )
        .set("role", "img")
        .set("font-family", FONT_FAMILY)
        .with(Element::new("title").with_text(title))
        .with(rect(0.0, 0.0, width, height).set("fill", PAPER));
    for element in body {
        root.push(element);
    }
    format!("{root}\n")
}

/// A group.
pub fn group() -> Element {
    Element::new("g")
}

/// A rectangle from its upper left corner.
pub fn rect(x: f64, y: f64, width: f64, height: f64) -> Element {
    Element::new("rect")
        .at("x", x)
        .at("y", y)
        .at("width", width)
        .at("height", height)
}

/// A straight line.
pub fn line(from: (f64, f64), to: (f64, f64)) -> Element {
    Element::new("line")
        .at("x1", from.0)
        .at("y1", from.1)
        .at("x2", to.0)
        .at("y2", to.1)
}

/// An open line through `points`, not filled.
pub fn polyline(points: &[(f64, f64)]) -> Element {
    Element::new("polyline")
        .set("points", coordinates(points))
        .set("fill", "none")
}

/// A closed area around `points`.
pub fn polygon(points: &[(f64, f64)]) -> Element {
    Element::new("polygon").set("points", coordinates(points))
}

/// A line of text whose baseline starts at (`x`, `y`).
pub fn text(x: f64, y: f64, size: f64, content: &str) -> Element {
    Element::new("text")
        .at("x", x)
        .at("y", y)
        .at("font-size", size)
        .with_text(content)
}

fn coordinates(points: &[(f64, f64)]) -> String {
    let pairs: Vec<String> = points
        .iter()
        .map(|&(x, y)| format!("{},{}", number(x), number(y)))
        .collect();
    pairs.join(" ")
}

fn number(value: f64) -> String {
    debug_assert!(value.is_finite(), "a coordinate must be finite");
    let rounded = format!("{value:.2}");
    match rounded.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A file name may hold what XML 1.0 forbids even when escaped.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_minus_zero() {
        for (value, expected) in [
            (1.0, "1"),
            (0.126, "0.13"),
            (-0.001, "0"),
            (10.0, "10"),
            (100.5, "100.5"),
            (-2.25, "-2.25"),
        ] {
            assert_eq!(number(value), expected, "{value}");
        }
    }

    #[test]
    fn what_xml_forbids_is_escaped_or_replaced() {
        assert_eq!(
            escape("a<b>&\"c'\u{1}"),
            "a&lt;b&gt;&amp;&quot;c&apos;\u{fffd}"
        );
    }

    #[test]
    fn text_is_written_without_spaces_around_it() {
        let element =
            group().with(text(1.0, 2.0, 12.0, "a").with(Element::new("tspan").with_text("b")));
        let expected =
            "<g>\n  <text x=\"1\" y=\"2\" font-size=\"12\">a<tspan>b</tspan></text>\n</g>";
        assert_eq!(element.to_string(), expected);
    }
}
