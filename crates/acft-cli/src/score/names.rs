//! Names of candidates one after the other in one text: a million of them in pieces of their own take longer to put
//! away, and more memory, than their scores.

/// Names in the order in which they came.
#[derive(Default)]
pub(super) struct Names {
    text: String,
    /// Where each name ends.
    ends: Vec<usize>,
}

impl Names {
    /// Takes one in.
    pub(super) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// The name at a place.
    ///
    /// # Panics
    /// Where no name has this place.
    pub(super) fn at(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_at_its_place() {
        let all = ["a", "", "ünder", "a"];
        let mut names = Names::default();
        for name in all {
            names.push(name);
        }
        assert_eq!([0, 1, 2, 3].map(|place| names.at(place)), all);
    }
}
