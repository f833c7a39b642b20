//! Collects measurements, prints them as a table and writes `results.json`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use xtask::report::{
    Centre, Environment, Key, Measurement, Reference, Results, Summary, Tolerance, Unit, Verdict,
    format_number,
};

use super::{Args, Size};

/// Measurements of one area.
pub(super) struct Record {
    results: Results,
    notes: Vec<String>,
    start: Instant,
}

impl Record {
    pub(super) fn new(area: &str, args: &Args, root: PathBuf) -> Self {
        let profile = match args.size {
            Size::Smoke => "smoke",
            Size::Small => "small",
            Size::Full => "full",
        };
        let libtorch = cfg!(feature = "torch").then(|| "2.11.0".to_owned());
        let environment = Environment::capture(&root, args.threads.into(), libtorch);
        Self {
            results: Results::new(area, profile, 0, "cpu", environment),
            notes: Vec::new(),
            start: Instant::now(),
        }
    }

    /// Seconds of one contestant: median and quartiles.
    pub(super) fn seconds(
        &mut self,
        problem: &str,
        method: &str,
        quantity: &str,
        samples: &[f64],
    ) -> Result<()> {
        let key = Key::new(problem, method, quantity);
        let measurement = Measurement::from_samples(key, Unit::Seconds, samples, Centre::Median)?;
        Ok(self.results.push(measurement)?)
    }

    /// A measurement that is made already.
    pub(super) fn push(&mut self, measurement: Measurement) -> Result<()> {
        Ok(self.results.push(measurement)?)
    }

    /// Ours over theirs: the ratio of the medians, with the quartiles of the ratios round by round.
    pub(super) fn ratio(
        &mut self,
        problem: &str,
        peer: &str,
        quantity: &str,
        ours: &[f64],
        theirs: &[f64],
    ) -> Result<()> {
        self.ratio_within(problem, peer, quantity, ours, theirs, None)
    }

    /// [`Self::ratio`], and whether it is at most `limit`.
    pub(super) fn ratio_within(
        &mut self,
        problem: &str,
        peer: &str,
        quantity: &str,
        ours: &[f64],
        theirs: &[f64],
        limit: Option<f64>,
    ) -> Result<()> {
        let rounds: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        let key = Key::new(problem, peer, quantity);
        let mut measurement = Measurement::from_samples(key, Unit::Ratio, &rounds, Centre::Median)?;
        let median = |samples| Summary::of(quantity, samples).map(|s| s.median);
        measurement.value = Some(median(ours)? / median(theirs)?);
        if let Some(limit) = limit {
            let reference = Reference::new(limit, "goal", Tolerance::AtMost(limit))?;
            measurement = measurement.compare(reference);
        }
        Ok(self.results.push(measurement)?)
    }

    /// A number without a spread.
    pub(super) fn value(
        &mut self,
        problem: &str,
        method: &str,
        quantity: &str,
        unit: Unit,
        value: f64,
    ) -> Result<()> {
        let key = Key::new(problem, method, quantity);
        Ok(self
            .results
            .push(Measurement::from_value(key, unit, value)?)?)
    }

    /// How far the result of a peer is from ours, and whether that is near enough.
    pub(super) fn agreement(
        &mut self,
        problem: &str,
        peer: &str,
        quantity: &str,
        difference: f64,
        allowed: f64,
    ) -> Result<()> {
        let key = Key::new(problem, peer, quantity);
        let reference = Reference::new(allowed, "agreement", Tolerance::AtMost(allowed))?;
        let measurement = Measurement::from_value(key, Unit::Dimensionless, difference)?;
        Ok(self.results.push(measurement.compare(reference))?)
    }

    /// A ratio of counts, and whether it is at most `limit`.
    pub(super) fn quotient(
        &mut self,
        problem: &str,
        peer: &str,
        quantity: &str,
        (ours, theirs): (u64, u64),
        limit: f64,
    ) -> Result<()> {
        let key = Key::new(problem, peer, quantity);
        let reference = Reference::new(limit, "goal", Tolerance::AtMost(limit))?;
        let ratio = ours as f64 / theirs as f64;
        let measurement = Measurement::from_value(key, Unit::Ratio, ratio)?;
        Ok(self.results.push(measurement.compare(reference))?)
    }

    /// A row for a peer that is not there.
    pub(super) fn missing(
        &mut self,
        problem: &str,
        peer: &str,
        quantity: &str,
        why: &str,
    ) -> Result<()> {
        self.note(format!("missing peer {peer}: {why}"));
        let key = Key::new(problem, peer, quantity);
        Ok(self.results.push(Measurement::failed(key, Unit::Ratio)?)?)
    }

    /// What has been recorded.
    #[cfg(test)]
    pub(super) fn results(&self) -> &Results {
        &self.results
    }

    /// A line below the table; said once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Prints the table and writes `results.json` into `folder`.
    pub(super) fn finish(mut self, folder: &Path) -> Result<PathBuf> {
        self.results.environment.set_elapsed(self.start.elapsed());
        print!("{}", table(&self.results, &self.notes));
        std::fs::create_dir_all(folder)?;
        let path = folder.join("results.json");
        self.results.write(&path)?;
        Ok(path)
    }
}

/// Rows grouped by problem, then the notes.
fn table(results: &Results, notes: &[String]) -> String {
    let e = &results.environment;
    let mut text = format!(
        "bench {} ({}), {} thread{}, {}, commit {}\n",
        results.paper,
        results.profile,
        e.threads,
        if e.threads == 1 { "" } else { "s" },
        e.cpu,
        e.commit.get(..12).unwrap_or(&e.commit),
    );
    text += "A ratio is ours over the method named in its row: below 1, ours is faster.\n";
    let mut problem = "";
    for m in &results.measurements {
        if m.problem != problem {
            problem = &m.problem;
            text += &format!("\n{problem}\n");
        }
        let value = m
            .value
            .map_or_else(|| "missing".to_owned(), |v| number(v, m.unit));
        let spread = match (m.low, m.high) {
            (Some(low), Some(high)) => {
                format!("{} .. {}", number(low, m.unit), number(high, m.unit))
            }
            _ => String::new(),
        };
        let verdict = match m.tolerance {
            Some(_) if spread.is_empty() => {
                format!("{} ({})", m.verdict, format_number(m.paper.unwrap_or(0.0)))
            }
            Some(_) => {
                let limit = format_number(m.paper.unwrap_or(0.0));
                format!("{spread}  {} ({limit})", m.verdict)
            }
            None => spread,
        };
        text += &format!(
            "  {:<24} {:<31} {value:>10}  {verdict}\n",
            m.method, m.quantity
        );
    }
    text += &format!(
        "\nGoals and agreements: {} met, {} not met.\n",
        results.count(Verdict::Met),
        results.count(Verdict::NotMet),
    );
    for note in notes {
        text += &format!("note: {note}\n");
    }
    text
}

fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value < 1e-3 => format!("{} µs", format_number(value * 1e6)),
        Unit::Seconds if value < 1.0 => format!("{} ms", format_number(value * 1e3)),
        Unit::Seconds => format!("{} s", format_number(value)),
        _ => format!("{}{}", format_number(value), unit.symbol()),
    }
}
