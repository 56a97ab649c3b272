//! What is wrong in a request, and where: every fault at once.

use serde::Serialize;
use shared::job::Invalid;

use super::excerpt;

/// Most faults that are told at once; how many more there are is told as a number.
const MOST: usize = 50;

/// Where a fault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In the body: `#` and a JSON pointer (RFC 6901), as in `#/3/priority`.
    Pointer(String),
    /// In the query: the parameter's name.
    Parameter(String),
}

impl Place {
    /// The body as a whole.
    pub(crate) fn body() -> Self {
        Self::Pointer("#".to_owned())
    }

    /// The query as a whole.
    pub(crate) fn query() -> Self {
        Self::Parameter(String::new())
    }

    /// A member or an item of what is here; dots lead further down.
    pub(crate) fn at(&self, field: &str) -> Self {
        field
            .split('.')
            .fold(self.clone(), |place, name| place.member(name))
    }

    /// The member with exactly this name, which may hold any character.
    pub(crate) fn member(&self, name: &str) -> Self {
        match self {
            Self::Pointer(base) => {
                let name = excerpt(name.replace('~', "~0").replace('/', "~1"));
                Self::Pointer(format!("{base}/{name}"))
            }
            Self::Parameter(_) => Self::Parameter(excerpt(name.to_owned())),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// Where.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// What, and what would be right.
    pub(crate) detail: String,
}

/// All that is wrong, in the order in which it was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Faults {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(skip_serializing_if = "is_zero")]
    errors_left_out: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Faults {
    /// Just this one.
    pub(crate) fn one(place: Place, detail: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(place, detail);
        faults
    }

    /// One more.
    pub(crate) fn add(&mut self, place: Place, detail: impl Into<String>) {
        if self.errors.len() < MOST {
            let detail = excerpt(detail.into());
            self.errors.push(Fault { place, detail });
        } else {
            self.errors_left_out += 1;
        }
    }

    /// The value, or `None` and one fault more, placed by the field that it names within `base`.
    pub(crate) fn keep<T>(&mut self, base: &Place, value: Result<T, Invalid>) -> Option<T> {
        value
            .map_err(|invalid| self.add(base.at(invalid.field), invalid.why))
            .ok()
    }

    /// All of the others too.
    pub(crate) fn join(&mut self, others: Self) {
        for fault in others.errors {
            self.add(fault.place, fault.detail);
        }
        self.errors_left_out += others.errors_left_out;
    }

    /// Where the one fault is, and what is wrong there.
    #[cfg(test)]
    pub(super) fn only(&self) -> (String, String) {
        let [fault] = &self.errors[..] else {
            panic!("not one fault: {self:?}");
        };
        let (Place::Pointer(place) | Place::Parameter(place)) = &fault.place;
        (place.clone(), fault.detail.clone())
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_json_pointer_whatever_the_names_hold() {
        let place = Place::body().at("3").at("unique.key");
        assert_eq!(place, Place::Pointer("#/3/unique/key".to_owned()));
        let place = Place::body().member("a/b~c.d");
        assert_eq!(place, Place::Pointer("#/a~1b~0c.d".to_owned()));
    }

    #[test]
    fn ten_thousand_faults_are_not_ten_thousand_lines() {
        let mut faults = Faults::default();
        for _ in 0..10_000 {
            faults.add(Place::body(), "is wrong");
        }
        assert_eq!(faults.errors.len(), MOST);
        assert_eq!(faults.errors_left_out, 10_000 - MOST);
    }

    #[test]
    fn a_long_text_of_the_caller_is_cut() {
        let faults = Faults::one(Place::body(), "x".repeat(1_000_000));
        assert!(faults.errors[0].detail.len() < 1000);
    }
}
