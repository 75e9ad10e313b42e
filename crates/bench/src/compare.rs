//! Rounds: everyone does the work in turns, so that a noisy moment hits all of them, and the best round of each counts.

use anyhow::Result;

/// One who does the work.
pub(crate) type Side<'a, T> = Box<dyn FnMut() -> Result<T> + 'a>;

/// Who does the same work.
pub(crate) struct Sides<'a, T> {
    /// The node.
    pub(crate) wharf: Side<'a, T>,
    /// Native code.
    pub(crate) native: Option<Side<'a, T>>,
    /// Erlang.
    pub(crate) erlang: Option<Side<'a, T>>,
}

/// The best round of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared<T> {
    /// The node.
    pub(crate) wharf: T,
    /// Native code.
    pub(crate) native: Option<T>,
    /// Erlang.
    pub(crate) erlang: Option<T>,
}

impl<T> Compared<T> {
    /// The same of each.
    pub(crate) fn map<U>(&self, f: impl Fn(&T) -> U) -> Compared<U> {
        Compared { wharf: f(&self.wharf), native: self.native.as_ref().map(&f), erlang: self.erlang.as_ref().map(&f) }
    }
}

impl<T> Sides<'_, T> {
    /// Takes turns. The best round is the one of least cost.
    pub(crate) fn compare(mut self, rounds: usize, cost: impl Fn(&T) -> f64) -> Result<Compared<T>> {
        let mut best =
            Compared { wharf: (self.wharf)()?, native: once(&mut self.native)?, erlang: once(&mut self.erlang)? };
        for _ in 1..rounds {
            keep_better(&mut best.wharf, (self.wharf)()?, &cost);
            for (best, side) in [(&mut best.native, &mut self.native), (&mut best.erlang, &mut self.erlang)] {
                if let (Some(best), Some(again)) = (best, once(side)?) {
                    keep_better(best, again, &cost);
                }
            }
        }
        Ok(best)
    }
}

fn once<T>(side: &mut Option<Side<'_, T>>) -> Result<Option<T>> {
    side.as_mut().map(|side| side()).transpose()
}

fn keep_better<T>(best: &mut T, again: T, cost: impl Fn(&T) -> f64) {
    if cost(&again) < cost(best) {
        *best = again;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn counting_down_from(mut next: f64) -> Side<'static, f64> {
        Box::new(move || {
            next -= 1.0;
            Ok(next)
        })
    }

    #[test]
    fn the_best_round_of_each_counts_and_who_is_absent_stays_absent() {
        let sides = Sides { wharf: counting_down_from(10.0), native: Some(counting_down_from(5.0)), erlang: None };
        let best = sides.compare(3, |figure| *figure).unwrap();
        assert_eq!(best, Compared { wharf: 7.0, native: Some(2.0), erlang: None });
    }

    #[test]
    fn a_later_round_that_is_worse_changes_nothing() {
        let sides = Sides { wharf: counting_down_from(10.0), native: None, erlang: None };
        assert_eq!(sides.compare(3, |figure| -figure).unwrap().wharf, 9.0);
    }
}
