//! Boxes as manifests give them: by two corners, by a corner and a size, or by
//! the centre and a size; in pixels, in shares of the image, or in percent.
//!
//! The names of the columns say which. Where they leave the unit open the
//! numbers decide: all within 0 and 1 are shares, and all else are pixels.
//! What may be read in two ways is refused.

use super::columns::folded;

/// What the four columns of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The left, upper, right and lower side.
    Corners,
    /// The left and upper side, the width and the height.
    Size,
    /// The centre, the width and the height.
    Centre,
}

/// In what the numbers of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Pixels,
    Shares,
    Percent,
}

/// A box whose sides are known: left, upper, right, lower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GivenBox {
    pub(super) sides: [f64; 4],
    /// Whether the sides are shares of the image, and not pixels.
    pub(super) is_share: bool,
}

/// The four columns of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BoxColumns {
    pub(super) columns: [usize; 4],
    pub(super) shape: Shape,
    /// As the names say, if they do.
    pub(super) unit: Option<Unit>,
    /// Whether `x` and `y` may be a corner or the centre.
    is_open: bool,
    names: [String; 4],
}

const CORNERS: [[&str; 4]; 9] = [
    ["xmin", "ymin", "xmax", "ymax"],
    ["minx", "miny", "maxx", "maxy"],
    ["x0", "y0", "x1", "y1"],
    ["x1", "y1", "x2", "y2"],
    ["left", "top", "right", "bottom"],
    ["xtl", "ytl", "xbr", "ybr"],
    ["xstart", "ystart", "xend", "yend"],
    ["startx", "starty", "endx", "endy"],
    ["xleft", "ytop", "xright", "ybottom"],
];
const CENTRES: [[&str; 2]; 7] = [
    ["cx", "cy"],
    ["xc", "yc"],
    ["xcenter", "ycenter"],
    ["xcentre", "ycentre"],
    ["centerx", "centery"],
    ["centrex", "centrey"],
    ["xmid", "ymid"],
];
const SIZES: [[&str; 2]; 2] = [["w", "h"], ["width", "height"]];
const PREFIXES: [&str; 5] = ["", "bbox", "box", "boundingbox", "roi"];
const UNITS: [(&str, Unit); 15] = [
    ("percent", Unit::Percent),
    ("percentage", Unit::Percent),
    ("pct", Unit::Percent),
    ("%", Unit::Percent),
    ("normalized", Unit::Shares),
    ("normalised", Unit::Shares),
    ("norm", Unit::Shares),
    ("relative", Unit::Shares),
    ("rel", Unit::Shares),
    ("fraction", Unit::Shares),
    ("frac", Unit::Shares),
    ("share", Unit::Shares),
    ("pixels", Unit::Pixels),
    ("pixel", Unit::Pixels),
    ("px", Unit::Pixels),
];

/// A column's name without what it says of the unit.
fn parted(name: &str) -> (String, Option<Unit>) {
    let name = folded(name);
    let unit = UNITS.iter().find_map(|(word, unit)| {
        let rest = name.strip_suffix(word).filter(|rest| !rest.is_empty())?;
        Some((rest.to_owned(), Some(*unit)))
    });
    unit.unwrap_or((name, None))
}

/// Every set of four names, and what a box of these is.
fn sets() -> Vec<([&'static str; 4], Shape)> {
    let mut sets: Vec<_> = CORNERS
        .iter()
        .map(|names| (*names, Shape::Corners))
        .collect();
    for [w, h] in SIZES {
        sets.extend(CENTRES.iter().map(|[x, y]| ([*x, *y, w, h], Shape::Centre)));
        sets.push((["x", "y", w, h], Shape::Size));
        sets.extend(
            CORNERS
                .iter()
                .map(|[x, y, ..]| ([*x, *y, w, h], Shape::Size)),
        );
    }
    sets
}

impl BoxColumns {
    /// Finds four columns that make a box by their names.
    ///
    /// # Errors
    /// The names of the four say different units.
    pub(super) fn find(
        existing: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Option<Self>, String> {
        let parts: Vec<_> = existing.iter().map(|name| parted(name)).collect();
        for (names, shape) in sets() {
            for prefix in PREFIXES {
                let place = |name: &str| {
                    let wanted = format!("{prefix}{name}");
                    parts.iter().position(|(part, _)| *part == wanted)
                };
                let [Some(a), Some(b), Some(c), Some(d)] = names.map(place) else {
                    continue;
                };
                let found = Self::of([a, b, c, d], shape, existing);
                let units = [a, b, c, d].map(|at| parts[at].1);
                if units.iter().any(|unit| *unit != units[0]) {
                    return Err(format!(
                        "the columns of the boxes ({}) are in different units by their names: \
                         rename them",
                        found.names.join(", ")
                    ));
                }
                return Ok(Some(Self {
                    unit: units[0],
                    ..found
                }));
            }
        }
        notes.extend(unused(existing));
        Ok(None)
    }

    /// The four columns that the user named: two corners, unless their names
    /// say another shape.
    pub(super) fn named(columns: [usize; 4], existing: &[String]) -> Self {
        let parts = columns.map(|at| parted(&existing[at]));
        let is_set = |(names, _): &([&str; 4], Shape)| {
            let same = |prefix: &str| {
                let pairs = names.iter().zip(&parts);
                pairs
                    .into_iter()
                    .all(|(name, (part, _))| *part == format!("{prefix}{name}"))
            };
            PREFIXES.iter().any(|prefix| same(prefix))
        };
        let shape = sets().into_iter().find(is_set);
        let shape = shape.map_or(Shape::Corners, |(_, shape)| shape);
        let unit = parts[0]
            .1
            .filter(|unit| parts.iter().all(|part| part.1 == Some(*unit)));
        Self {
            unit,
            ..Self::of(columns, shape, existing)
        }
    }

    fn of(columns: [usize; 4], shape: Shape, existing: &[String]) -> Self {
        let names = columns.map(|at| existing[at].clone());
        let plain = parted(&names[0]).0;
        let is_x = PREFIXES.iter().any(|prefix| plain == format!("{prefix}x"));
        Self {
            columns,
            shape,
            unit: None,
            is_open: shape == Shape::Size && is_x,
            names,
        }
    }

    /// The unit of all boxes of a manifest; `given` are their four numbers each.
    ///
    /// # Errors
    /// The numbers may be read in two ways, or in none.
    pub(super) fn unit(&self, given: &[[f64; 4]]) -> Result<Unit, String> {
        if let Some(unit) = self.unit {
            return Ok(unit);
        }
        let numbers = || given.iter().flatten().filter(|number| number.is_finite());
        let highest = numbers().copied().fold(f64::NEG_INFINITY, f64::max);
        let names = self.names.join(", ");
        if highest == f64::NEG_INFINITY || highest > 2.0 {
            return Ok(Unit::Pixels);
        }
        if highest > MOST_SHARE || numbers().any(|number| *number < LEAST_SHARE) {
            return Err(format!(
                "the boxes ({names}) have no number above {highest}: they are too small for \
                 pixels, and are no shares, which lie within 0 and 1; correct them"
            ));
        }
        if self.is_open {
            return Err(format!(
                "the boxes ({names}) are shares of the image, and {} and {} may be their centre \
                 or their corner: rename them to cx and cy, or to left and top",
                self.names[0], self.names[1]
            ));
        }
        Ok(Unit::Shares)
    }

    /// The sides of one box.
    ///
    /// # Errors
    /// The reason to leave the candidate out.
    pub(super) fn sides(&self, given: [f64; 4], unit: Unit) -> Result<GivenBox, String> {
        let [a, b, c, d] = given;
        let shown = format!("box {a},{b},{c},{d}");
        if given.iter().any(|number| !number.is_finite()) {
            return Err(format!("{shown} is not made of finite numbers"));
        }
        let is_share = |number: &f64| (LEAST_SHARE..=MOST_SHARE).contains(number);
        if unit == Unit::Pixels && given.iter().all(is_share) {
            return Err(format!(
                "{shown} has shares of the image, and other rows have pixels; write one or the other"
            ));
        }
        let sides = match self.shape {
            Shape::Corners => given,
            Shape::Size => [a, b, a + c, b + d],
            Shape::Centre => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
        };
        let is_size = self.shape != Shape::Corners;
        if is_size && (c <= 0.0 || d <= 0.0) {
            return Err(format!(
                "{shown} is degenerate: its width or height is not above 0"
            ));
        }
        let [left, top, right, bottom] = sides;
        if left > right || top > bottom {
            return Err(format!(
                "{shown} is degenerate: its right or lower side comes before the other; are they \
                 swapped, or a width and a height?"
            ));
        }
        let sides = match unit {
            Unit::Percent => sides.map(|side| side / 100.0),
            Unit::Pixels | Unit::Shares => sides,
        };
        if unit != Unit::Pixels && !sides.iter().all(is_share) {
            let all = if unit == Unit::Percent {
                "0 and 100"
            } else {
                "0 and 1"
            };
            return Err(format!(
                "{shown} does not lie within the image: within {all}"
            ));
        }
        Ok(GivenBox {
            sides,
            is_share: unit != Unit::Pixels,
        })
    }

    /// What is said of how the boxes were read; nothing of two corners in pixels.
    pub(super) fn note(&self, unit: Unit) -> Option<String> {
        let unit = match unit {
            Unit::Pixels if self.shape == Shape::Corners => return None,
            Unit::Pixels => "in pixels",
            Unit::Shares => "in shares of the image",
            Unit::Percent => "in percent of the image",
        };
        let shape = match self.shape {
            Shape::Corners => "two corners",
            Shape::Size => "the upper left corner and a size",
            Shape::Centre => "the centre and a size",
        };
        Some(format!(
            "boxes ({}) are {shape}, {unit}",
            self.names.join(", ")
        ))
    }
}

/// Shares that rounding has brought a little out of the image are within it.
const LEAST_SHARE: f64 = -0.01;
const MOST_SHARE: f64 = 1.01;

/// A sentence about columns that look like places in an image, where they make no box.
fn unused(existing: &[String]) -> Option<String> {
    let mut places: Vec<&str> = CENTRES.iter().flatten().copied().collect();
    places.extend([
        "x",
        "y",
        "bbox",
        "box",
        "boundingbox",
        "boundingboxes",
        "bboxes",
    ]);
    // Left, top, right and bottom alone may be words of anatomy.
    let corners = CORNERS.iter().filter(|names| names[0] != "left");
    places.extend(corners.flatten());
    let is_place = |name: &&String| {
        let name = parted(name).0;
        let bare = PREFIXES
            .iter()
            .rev()
            .find_map(|prefix| name.strip_prefix(prefix));
        places.contains(&name.as_str()) || bare.is_some_and(|bare| places.contains(&bare))
    };
    let named: Vec<String> = existing
        .iter()
        .filter(is_place)
        .map(|name| format!("`{name}`"))
        .collect();
    // A `y` with no other place beside it is a usual name for labels.
    let is_label = named.len() == 1 && named[0].eq_ignore_ascii_case("`y`");
    (!named.is_empty() && !is_label).then(|| {
        format!(
            "{} {} not used: a box is read from four columns (xmin, ymin, xmax, ymax; or left, top, \
             width, height; or cx, cy, width, height)",
            named.join(", "),
            if named.len() == 1 { "is" } else { "are" }
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn find(header: &str) -> Option<BoxColumns> {
        let existing: Vec<String> = header.split(',').map(str::to_owned).collect();
        BoxColumns::find(&existing, &mut Vec::new()).unwrap()
    }

    #[test]
    fn names_say_the_shape_and_the_unit() {
        use {Shape::*, Unit::*};
        for (header, columns, shape, unit) in [
            ("file,xmin,ymin,xmax,ymax", [1, 2, 3, 4], Corners, None),
            (
                "width,height,XMin,YMin,XMax,YMax",
                [2, 3, 4, 5],
                Corners,
                None,
            ),
            ("x0,y0,x1,y1", [0, 1, 2, 3], Corners, None),
            ("x2,y2,x1,y1", [2, 3, 0, 1], Corners, None),
            ("Left,Top,Right,Bottom", [0, 1, 2, 3], Corners, None),
            ("x,y,width,height", [0, 1, 2, 3], Size, None),
            ("bbox_x,bbox_y,bbox_w,bbox_h", [0, 1, 2, 3], Size, None),
            ("left,top,width,height", [0, 1, 2, 3], Size, None),
            ("xmin,ymin,w,h", [0, 1, 2, 3], Size, None),
            ("x_center,y_center,width,height", [0, 1, 2, 3], Centre, None),
            ("cx,cy,w,h", [0, 1, 2, 3], Centre, None),
            (
                "xmin_pct,ymin_pct,xmax_pct,ymax_pct",
                [0, 1, 2, 3],
                Corners,
                Some(Percent),
            ),
            ("x (%),y (%),w (%),h (%)", [0, 1, 2, 3], Size, Some(Percent)),
            (
                "cx_norm,cy_norm,w_norm,h_norm",
                [0, 1, 2, 3],
                Centre,
                Some(Shares),
            ),
            (
                "xmin_px,ymin_px,xmax_px,ymax_px",
                [0, 1, 2, 3],
                Corners,
                Some(Pixels),
            ),
        ] {
            let found = find(header).unwrap();
            assert_eq!(
                (found.columns, found.shape, found.unit),
                (columns, shape, unit),
                "{header}"
            );
        }
        for header in [
            "file,x,y",
            "file,width,height",
            "file,xmin,ymin,xmax",
            "w,h,x1",
        ] {
            assert_eq!(find(header), None, "{header}");
        }
        let mixed = ["xmin_px", "ymin", "xmax", "ymax"].map(str::to_owned);
        assert!(
            BoxColumns::find(&mixed, &mut Vec::new())
                .unwrap_err()
                .contains("different units")
        );
    }

    #[test]
    fn columns_that_make_no_box_are_named() {
        let notes = |header: &str| {
            let existing: Vec<String> = header.split(',').map(str::to_owned).collect();
            let mut notes = Vec::new();
            BoxColumns::find(&existing, &mut notes).unwrap();
            notes.join(" ")
        };
        assert!(notes("file,x,y").starts_with("`x`, `y` are not used"));
        assert!(notes("file,BBox").starts_with("`BBox` is not used"));
        assert!(notes("file,xmin,ymin").starts_with("`xmin`, `ymin` are not used"));
        assert_eq!(notes("file,left,width,height"), "");
    }

    #[test]
    fn numbers_decide_where_names_do_not() {
        let unit = |header: &str, given: &[[f64; 4]]| find(header).unwrap().unit(given);
        let corners = "xmin,ymin,xmax,ymax";
        assert_eq!(
            unit(corners, &[[0.1, 0.2, 0.4, 0.6], [0.0, 0.0, 1.0, 1.0]]),
            Ok(Unit::Shares)
        );
        assert_eq!(
            unit(corners, &[[0.1, 0.2, 0.4, 0.6], [1.0, 1.0, 9.0, 9.0]]),
            Ok(Unit::Pixels)
        );
        assert_eq!(unit(corners, &[]), Ok(Unit::Pixels));
        assert!(
            unit(corners, &[[0.1, 0.2, 1.4, 0.6]])
                .unwrap_err()
                .contains("no number above 1.4")
        );
        assert!(
            unit("x,y,w,h", &[[0.5, 0.5, 0.2, 0.2]])
                .unwrap_err()
                .contains("rename them to cx")
        );
        assert_eq!(unit("cx,cy,w,h", &[[0.5, 0.5, 0.2, 0.2]]), Ok(Unit::Shares));
        assert_eq!(
            unit("left,top,w,h", &[[0.5, 0.5, 0.2, 0.2]]),
            Ok(Unit::Shares)
        );
    }

    #[test]
    fn sides_are_worked_out_or_the_reason_is_told() {
        let sides = |header: &str, given, unit| {
            find(header)
                .unwrap()
                .sides(given, unit)
                .map(|given| given.sides)
        };
        let corners = "xmin,ymin,xmax,ymax";
        assert_eq!(
            sides("x,y,w,h", [1.0, 2.0, 3.0, 4.0], Unit::Pixels),
            Ok([1.0, 2.0, 4.0, 6.0])
        );
        let centre = sides("cx,cy,w,h", [0.5, 0.5, 0.25, 0.5], Unit::Shares);
        assert_eq!(centre, Ok([0.375, 0.25, 0.625, 0.75]));
        let percent = sides(corners, [0.0, 50.0, 25.0, 100.0], Unit::Percent);
        assert_eq!(percent, Ok([0.0, 0.5, 0.25, 1.0]));
        for (header, given, unit, want) in [
            (
                corners,
                [9.0, 2.0, 3.0, 4.0],
                Unit::Pixels,
                "are they swapped",
            ),
            (
                corners,
                [0.1, 0.2, 0.3, 0.4],
                Unit::Pixels,
                "other rows have pixels",
            ),
            (
                corners,
                [0.1, 0.2, 1.3, 0.4],
                Unit::Shares,
                "within 0 and 1",
            ),
            (
                corners,
                [1.0, 2.0, 130.0, 4.0],
                Unit::Percent,
                "within 0 and 100",
            ),
            (corners, [f64::NAN, 2.0, 3.0, 4.0], Unit::Pixels, "finite"),
            (
                "x,y,w,h",
                [1.0, 2.0, -3.0, 4.0],
                Unit::Pixels,
                "not above 0",
            ),
        ] {
            let error = sides(header, given, unit).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
