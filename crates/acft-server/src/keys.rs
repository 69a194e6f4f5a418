//! Which key of the keyboard gives which class. A class that is named by a
//! digit has that digit, so that no key says one class and gives another.

/// The keys of classes by their names, in their order: the digits 1 to 9, and
/// 0 for a class that is named so.
pub(crate) fn keys(names: &[&str]) -> Vec<Option<char>> {
    let own = own_digits(names);
    let mut free = ('1'..='9').filter(|digit| !own.contains(&Some(*digit)));
    own.iter().map(|own| own.or_else(|| free.next())).collect()
}

/// The digits that classes are named by. `grade 2` is named by one too, as long
/// as no other class has the same.
fn own_digits(names: &[&str]) -> Vec<Option<char>> {
    let exact: Vec<Option<char>> = names.iter().map(|name| whole(name)).collect();
    let within: Vec<Option<char>> = names.iter().map(|name| only_digit(name)).collect();
    (0..names.len())
        .map(|at| {
            exact[at].or_else(|| {
                let alone = within.iter().filter(|other| **other == within[at]).count() == 1;
                within[at].filter(|_| alone)
            })
        })
        .collect()
}

/// The digit that is all of a name.
fn whole(name: &str) -> Option<char> {
    let mut letters = name.trim().chars();
    let digit = letters.next().filter(char::is_ascii_digit)?;
    letters.next().is_none().then_some(digit)
}

/// The one digit of a name.
fn only_digit(name: &str) -> Option<char> {
    let mut digits = name.chars().filter(char::is_ascii_digit);
    let digit = digits.next()?;
    digits.next().is_none().then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn gives(names: &[&str], expected: &str) {
        let given: String = keys(names).iter().map(|key| key.unwrap_or('-')).collect();
        assert_eq!(given, expected, "{names:?}");
    }

    #[test]
    fn classes_have_the_digits_in_their_order() {
        gives(&["benign", "malignant"], "12");
        gives(
            &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
            "123456789-",
        );
    }

    #[test]
    fn a_class_that_is_a_digit_has_its_own_key() {
        gives(&["0", "1"], "01");
        gives(&["1", "0"], "10");
        gives(&["3", "1", "2"], "312");
        gives(&["none", "1", "2"], "312");
        gives(&["grade 2", "grade 0", "grade 1"], "201");
        gives(&["10", "1", "0"], "210");
        gives(&["left 1", "right 1", "x"], "123");
        gives(&["1", "stage 1"], "12");
    }

    #[test]
    fn no_key_is_the_name_of_another_class() {
        let names = [
            "0", "1", "2", "7", "x", "grade 3", "9", "y", "z", "5", "6", "w",
        ];
        let given = keys(&names);
        for (at, key) in given.iter().enumerate() {
            for (other, name) in names.iter().enumerate() {
                let says = key.is_some_and(|key| *name == key.to_string());
                assert!(!says || at == other, "the key of {} says {name}", names[at]);
            }
        }
        let mut used: Vec<char> = given.into_iter().flatten().collect();
        let count = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), count);
    }
}
