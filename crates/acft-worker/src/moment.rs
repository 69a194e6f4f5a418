//! Moments as people and programs read them.

use acft_project::Moment;

/// A moment as people and programs read it: 2026-11-25T02:08:14Z.
pub fn iso(moment: Moment) -> String {
    jiff::Timestamp::from_second(moment.0.div_euclid(1000))
        .map_or_else(|_| moment.0.to_string(), |at| at.to_string())
}

/// The time of day of a moment: 02:08 UTC.
pub fn clock(moment: Moment) -> String {
    let text = iso(moment);
    text.get(11..16)
        .map_or_else(|| text.clone(), |minute| format!("{minute} UTC"))
}

/// The day and minute of a moment: 2026-11-25 02:08.
pub fn minute(moment: Moment) -> String {
    let text = iso(moment);
    text.get(..16)
        .map_or_else(|| text.clone(), |minute| minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_for_people() {
        let at = Moment(1_793_758_094_321);
        assert_eq!(iso(at), "2026-11-04T02:08:14Z");
        assert_eq!(minute(at), "2026-11-04 02:08");
        assert_eq!(clock(at), "02:08 UTC");
    }
}
