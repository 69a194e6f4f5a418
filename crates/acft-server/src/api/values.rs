//! Values of requests that can be read and may still be meaningless.

use acft_project::EventId;
use serde::{Deserialize, Deserializer, Serialize};

use crate::problem::Problem;
use crate::vision::Region;

/// Nobody looks at one image for longer than a day.
const SECONDS_LIMIT: f64 = 86_400.0;
/// Characters of a note.
const NOTE_LIMIT: usize = 2000;

/// The answer of whatever was kept.
#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    pub(crate) event: EventId,
}

/// A body with nothing in it: `{}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Seconds spent, where they are a time that a person can have spent.
pub(crate) fn seconds(seconds: Option<f64>) -> Result<Option<f64>, Problem> {
    match seconds {
        Some(given) if !(0.0..=SECONDS_LIMIT).contains(&given) => Err(Problem::unprocessable(
            format!("{given} seconds were not spent on one candidate"),
            "send the seconds from showing it to the answer, or leave them out",
        )),
        seconds => Ok(seconds),
    }
}

/// A note, as it is kept.
pub(crate) fn note(note: &str) -> Result<String, Problem> {
    let note = note.trim();
    if note.chars().count() <= NOTE_LIMIT {
        return Ok(note.to_owned());
    }
    Err(Problem::unprocessable(
        "the note is too long",
        format!("{NOTE_LIMIT} characters are the most"),
    ))
}

/// A field that may be null and must be there: leaving it out by mistake must
/// not mean null.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

/// Where to look in an image, by the parameters `box` and `point`.
pub(crate) fn region(
    corners: Option<&str>,
    point: Option<&str>,
) -> Result<Option<Region>, Problem> {
    match (corners, point) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Problem::malformed(
            "both a box and a point are given",
            "give one of them",
        )),
        (Some(text), None) => {
            let [x0, y0, x1, y1] = numbers(text).ok_or_else(|| {
                Problem::malformed(
                    format!("{text:?} is no box"),
                    "a box is x0,y0,x1,y1 in whole pixels",
                )
            })?;
            if x0 >= x1 || y0 >= y1 {
                return Err(Problem::unprocessable(
                    format!("the box {text} has nothing in it"),
                    "a box is x0,y0,x1,y1 with x0 < x1 and y0 < y1",
                ));
            }
            Ok(Some(Region::Box([x0, y0, x1, y1])))
        }
        (None, Some(text)) => {
            let point = numbers(text).ok_or_else(|| {
                Problem::malformed(
                    format!("{text:?} is no point"),
                    "a point is x,y in whole pixels",
                )
            })?;
            Ok(Some(Region::Point(point)))
        }
    }
}

fn numbers<const N: usize>(text: &str) -> Option<[u32; N]> {
    let parts: Option<Vec<u32>> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect();
    parts?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn regions_are_checked() {
        let good = region(Some("1,2, 30,40"), None).unwrap();
        assert_eq!(good, Some(Region::Box([1, 2, 30, 40])));
        let good = region(None, Some("5,6")).unwrap();
        assert_eq!(good, Some(Region::Point([5, 6])));
        assert_eq!(region(None, None).unwrap(), None);
        for (corners, point, status) in [
            (Some("1,2,3"), None, 400),
            (Some("1,2,3,4,5"), None, 400),
            (Some("-1,2,3,4"), None, 400),
            (Some("../../etc"), None, 400),
            (Some("99999999999,2,3,4"), None, 400),
            (Some("5,5,5,9"), None, 422),
            (Some("9,5,5,9"), None, 422),
            (None, Some("1"), 400),
            (None, Some("1.5,2"), 400),
            (Some("1,2,3,4"), Some("1,2"), 400),
        ] {
            let refused = region(corners, point).unwrap_err();
            assert_eq!(refused.status, status, "{corners:?} {point:?}");
        }
    }

    #[test]
    fn seconds_are_those_of_a_person() {
        for good in [None, Some(0.0), Some(2.5), Some(86_400.0)] {
            assert_eq!(seconds(good).unwrap(), good);
        }
        for bad in [-0.1, 86_401.0, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(seconds(Some(bad)).unwrap_err().status, 422);
        }
    }
}
