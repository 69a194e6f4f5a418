//! Axes: round ticks, their labels, and the map from values to the canvas.

/// A linear map from the values `low..=high` to the canvas coordinates `start..=end`.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The value at the start.
    pub low: f64,
    /// The value at the end.
    pub high: f64,
    /// Where the axis begins, in pixels.
    pub start: f64,
    /// Where the axis ends, in pixels.
    pub end: f64,
}

impl Scale {
    /// Where `value` lies on the canvas.
    pub fn map(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }
}

/// Evenly spaced round values and the texts that name them.
#[derive(Clone, Debug)]
pub struct Ticks {
    step: f64,
    decimals: usize,
}

impl Ticks {
    /// The smallest step of 1, 2 or 5 times a power of ten that needs at most `most` ticks from `low` to `high`.
    pub fn new(low: f64, high: f64, most: usize) -> Self {
        let span = (high - low).max(f64::MIN_POSITIVE);
        let mut exponent = (span / most as f64).log10().floor() as i32;
        loop {
            for mantissa in [1.0, 2.0, 5.0] {
                let ticks = Self {
                    step: mantissa * 10f64.powi(exponent),
                    decimals: (-exponent).max(0) as usize,
                };
                if ticks.range(low, high).count() <= most.max(2) {
                    return ticks;
                }
            }
            exponent += 1;
        }
    }

    /// `low` and `high` moved outwards to the nearest ticks.
    pub fn enclose(&self, low: f64, high: f64) -> (f64, f64) {
        (
            self.value((low / self.step + 1e-9).floor()),
            self.value((high / self.step - 1e-9).ceil()),
        )
    }

    /// The ticks within `low..=high`, ascending.
    pub fn within(&self, low: f64, high: f64) -> Vec<f64> {
        self.range(low, high)
            .map(|index| self.value(index as f64))
            .collect()
    }

    /// The text beside a tick: as many decimals as the step needs, thousands set apart.
    pub fn label(&self, value: f64) -> String {
        format_value(value, self.decimals)
    }

    /// The text of a measured value: one decimal more than the ticks have.
    pub fn reading(&self, value: f64) -> String {
        format_value(value, self.decimals + 1)
    }

    fn range(&self, low: f64, high: f64) -> std::ops::RangeInclusive<i64> {
        // A tick that rounding puts a hair outside still belongs to the axis.
        ((low / self.step - 1e-9).ceil() as i64)..=((high / self.step + 1e-9).floor() as i64)
    }

    fn value(&self, index: f64) -> f64 {
        index * self.step
    }
}

/// `value` with `decimals` decimals, a true minus sign, and commas from 10,000 on.
pub fn format_value(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    if value < 0.0 && digits.contains(|c: char| c.is_ascii_digit() && c != '0') {
        out.push('\u{2212}');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && whole.len() > 4 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(low: f64, high: f64, most: usize, expected: &[&str]) {
        let ticks = Ticks::new(low, high, most);
        let labels: Vec<String> = ticks
            .within(low, high)
            .into_iter()
            .map(|value| ticks.label(value))
            .collect();
        assert_eq!(labels, expected, "{low}..{high}");
    }

    #[test]
    fn ticks_are_round() {
        check(
            0.0,
            400.0,
            9,
            &["0", "50", "100", "150", "200", "250", "300", "350", "400"],
        );
        check(
            0.6,
            0.95,
            8,
            &[
                "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90", "0.95",
            ],
        );
        check(0.0, 1.0, 6, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(
            0.93,
            0.94,
            6,
            &["0.930", "0.932", "0.934", "0.936", "0.938", "0.940"],
        );
        check(-1.0, 1.0, 5, &["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        check(
            0.0,
            25_000.0,
            6,
            &["0", "5000", "10,000", "15,000", "20,000", "25,000"],
        );
    }

    #[test]
    fn a_range_grows_outwards_to_its_ticks_and_not_beyond() {
        let ticks = Ticks::new(0.613, 0.941, 8);
        let (low, high) = ticks.enclose(0.613, 0.941);
        assert_eq!(
            (ticks.label(low), ticks.label(high)),
            ("0.60".into(), "0.95".into())
        );
        let ticks = Ticks::new(0.6, 0.9, 8);
        let (low, high) = ticks.enclose(0.6, 0.9);
        assert_eq!(
            (ticks.label(low), ticks.label(high)),
            ("0.60".into(), "0.90".into())
        );
    }

    #[test]
    fn values_are_written_as_in_print() {
        for (value, decimals, expected) in [
            (1234.0, 0, "1234"),
            (12345.678, 1, "12,345.7"),
            (-0.04, 1, "0.0"),
            (-2.5, 1, "−2.5"),
        ] {
            assert_eq!(format_value(value, decimals), expected);
        }
    }
}
