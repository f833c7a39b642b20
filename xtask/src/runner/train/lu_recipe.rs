//! What a learned LU network is trained on: a loss, and how many solutions per matrix.

use anyhow::{Result, bail};
use la_gnn::training::lu::{LuLoss, LuObjective, LuPower};
use serde::{Deserialize, Serialize};

/// A loss with the number of stored solutions that it draws from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LuRecipe {
    /// The loss.
    pub(crate) loss: LuLoss,
    /// Pairs `A x = b` of every training matrix; 0 for losses that need none.
    pub(crate) pairs: usize,
}

/// Pairs per matrix where a fresh one at every update is meant.
const MANY: usize = 32;

impl LuRecipe {
    /// Reads the name of a loss, with `:norm` for a norm that is not squared.
    ///
    /// `l_min_hat` is `l_min` with one stored pair per matrix.
    pub(crate) fn parse(text: &str, alpha: Option<f64>, pairs: Option<usize>) -> Result<Self> {
        let (name, power) = match text.split_once(':') {
            None => (text, LuPower::Square),
            Some((name, "norm")) => (name, LuPower::Norm),
            Some((_, other)) => bail!("loss `{text}`: `{other}` is not `norm`"),
        };
        let (objective, usual) = match name {
            "l_max" => (LuObjective::Max, 0),
            "l_min" => (LuObjective::Min, MANY),
            "l_min_hat" => (LuObjective::Min, 1),
            "l_com" => (LuObjective::Combined, MANY),
            "log_max" => (LuObjective::LogMax, 0),
            "log_min" => (LuObjective::LogMin, MANY),
            "log_both" => (LuObjective::LogBoth, MANY),
            _ => bail!(
                "unknown loss `{name}`; learned LU has l_max, l_min, l_min_hat, l_com, log_max, log_min and log_both"
            ),
        };
        let mut loss = LuLoss::default()
            .with_objective(objective)
            .with_power(power);
        if let Some(alpha) = alpha {
            if objective != LuObjective::Combined {
                bail!("--alpha weighs the second term of l_com: leave it out with {name}");
            }
            loss = loss.with_alpha(alpha);
        }
        loss.validate()?;
        let pairs = match (loss.needs_pairs(), pairs) {
            (true, Some(0)) => bail!("{name} looks at solutions: --pairs must be at least 1"),
            (true, given) => given.unwrap_or(usual),
            (false, None) => 0,
            (false, Some(_)) => bail!("{name} looks at no solutions: leave --pairs out"),
        };
        Ok(Self { loss, pairs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_by_name() {
        let recipe = |text| LuRecipe::parse(text, None, None).unwrap();
        assert_eq!(recipe("l_max").pairs, 0);
        assert_eq!(recipe("l_min_hat").pairs, 1);
        assert_eq!(recipe("l_min_hat").loss, recipe("l_min").loss);
        assert_eq!(recipe("l_com:norm").loss.power, LuPower::Norm);
        let alpha = LuRecipe::parse("l_com", Some(0.5), Some(4)).unwrap();
        assert_eq!((alpha.loss.alpha, alpha.pairs), (0.5, 4));
    }

    #[test]
    fn nonsense_is_named() {
        for (text, alpha, pairs, part) in [
            ("default", None, None, "unknown loss `default`"),
            ("l_max:square", None, None, "`square` is not `norm`"),
            ("l_max", Some(1.0), None, "--alpha"),
            ("l_com", Some(-1.0), None, "alpha"),
            ("l_min", None, Some(0), "at least 1"),
            ("l_max", None, Some(3), "leave --pairs out"),
        ] {
            let error = LuRecipe::parse(text, alpha, pairs).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
