//! Measurements of one thing, many times over, and how they are shown: milliseconds, and ratios of
//! pairs.
//!
//! A ratio is of two measurements made one right after the other, so that what else the machine
//! does falls on both.

use std::fmt;
use std::time::Duration;

/// In the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn of_times(times: impl IntoIterator<Item = Duration>) -> Self {
        Self(times.into_iter().map(|time| time.as_secs_f64() * 1000.0).collect())
    }

    /// Pair by pair.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.at(0.99)
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * part).round() as usize]
    }
}

/// Median, minimum and maximum.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median(), self.at(0.0), self.at(1.0))
    }
}

/// A figure that has a limit.
#[derive(Debug)]
pub(crate) struct Bound<'a> {
    pub(crate) name: &'a str,
    pub(crate) figure: f64,
    pub(crate) most: f64,
}

impl Bound<'_> {
    pub(crate) fn is_met(&self) -> bool {
        self.figure <= self.most
    }
}

impl fmt::Display for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = if self.is_met() { "met" } else { "**missed**" };
        write!(f, "| {} | {:.2} | {} | {result} |", self.name, self.figure, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_extremes_are_of_the_pairs() {
        let times =
            |milliseconds: [u64; 3]| Figures::of_times(milliseconds.map(Duration::from_millis));
        let ratios = times([30, 10, 40]).over(&times([10, 10, 20]));
        assert_eq!(ratios.to_string(), "2.00 (1.00–3.00)");
        assert_eq!((times([1, 2, 6]).mean(), times([1, 2, 6]).p99()), (3.0, 6.0));
    }
}
