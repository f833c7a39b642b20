//! Training and test matrices: a fifth of them for tests, chosen by a hash of the name.

use super::systems::{Case, seed};

/// Whether near-duplicates may stand on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// Matrix by matrix.
    Matrix,
    /// Whole families.
    Family,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Matrix => "matrices",
            Self::Family => "families",
        }
    }
}

/// Places of the matrices of one split; every eighth of those that are not for tests decides when training ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) training: Vec<usize>,
    pub(super) validation: Vec<usize>,
    pub(super) tests: Vec<usize>,
}

/// The split of this number. No place is in two parts, and no matrix is left out.
pub(super) fn split(cases: &[&Case], mode: Mode, number: u64) -> Split {
    let number = number.to_string();
    let hash = |text: &str| seed(&["split", mode.name(), &number, text]);
    let key = |k: &usize| match mode {
        Mode::Matrix => (hash(&cases[*k].name), 0),
        // Members of a family stay together.
        Mode::Family => (hash(&cases[*k].family), hash(&cases[*k].name)),
    };
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(key);
    let mut tests = cases.len().div_ceil(5);
    if mode == Mode::Family {
        let together = |k: usize| cases[order[k]].family == cases[order[k - 1]].family;
        while tests > 0 && tests < cases.len() && together(tests) {
            tests += 1;
        }
    }
    let mut rest = order.split_off(tests);
    rest.sort_by_key(|&k| seed(&["validation", &number, &cases[k].name]));
    let training = rest.split_off(rest.len().div_ceil(8));
    Split {
        training,
        validation: rest,
        tests: order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_partitions_and_families_stay_together() {
        let all: Vec<Case> = (0..40)
            .map(|k| Case::named(&format!("m{k}"), &format!("f{}", k % 9)))
            .collect();
        let cases: Vec<&Case> = all.iter().collect();
        for mode in [Mode::Matrix, Mode::Family] {
            let s = split(&cases, mode, 3);
            let mut places = [s.training.clone(), s.validation.clone(), s.tests.clone()].concat();
            places.sort_unstable();
            assert_eq!(places, (0..40).collect::<Vec<_>>());
            assert!((8..16).contains(&s.tests.len()), "{}", s.tests.len());
            assert_eq!(s, split(&cases, mode, 3));
            assert_ne!(s.tests, split(&cases, mode, 4).tests);
            if mode == Mode::Family {
                let tested: Vec<&str> = s.tests.iter().map(|&k| cases[k].family.as_str()).collect();
                let rest = s.training.iter().chain(&s.validation);
                assert!(
                    rest.into_iter()
                        .all(|&k| !tested.contains(&cases[k].family.as_str()))
                );
            }
        }
    }
}
