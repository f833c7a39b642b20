//! `report.html`: one self-contained page, written as XHTML-clean HTML 5.
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::figure::Svg;
use super::table::{counts, ours, paper, problems, spread};
use super::{ReportError, Results, Verdict, escape, write_atomic};

const STYLE: &str = include_str!("page.css");

/// A picture with its caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its file without `.svg`: ASCII letters, digits, `-` and `_`.
    pub name: String,
    /// What it shows and what to see in it.
    pub caption: String,
    /// The picture.
    pub svg: Svg,
}

impl Figure {
    /// A figure; see [`super::figure`] for the plots and [`Svg::parse`] for pictures drawn elsewhere.
    ///
    /// # Errors
    /// [`ReportError::FileName`] if the name cannot be that of a file.
    pub fn new(
        name: impl Into<String>,
        caption: impl Into<String>,
        svg: Svg,
    ) -> Result<Self, ReportError> {
        let name = name.into();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(good) {
            return Err(ReportError::FileName { name });
        }
        Ok(Self {
            name,
            caption: caption.into(),
            svg,
        })
    }
}

/// An experiment whose outcome is known beforehand, run to see that the machinery can tell right from wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// What was done: "labels shuffled".
    pub name: String,
    /// What was expected and what came out.
    pub outcome: String,
    /// Whether the outcome is the expected one.
    pub passed: bool,
}

/// What the report says beside the results.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Title of the experiment.
    pub title: String,
    /// A table as text, shown as it is below the summary; empty for none.
    pub overview: String,
    /// One paragraph: the headline verdicts first.
    pub summary: String,
    /// The figures in order.
    pub figures: Vec<Figure>,
    /// The controls.
    pub controls: Vec<Control>,
    /// The command that reproduces this report.
    pub command: String,
    /// Where the experiment departs from the paper.
    pub deviations: Vec<String>,
    /// Anything else a reader should know.
    pub notes: Vec<String>,
}

impl Page {
    /// Writes the page as text; everything but the pictures is escaped.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::{Environment, Page, Results};
    /// let results = Results::new("gnp", "smoke", 0, "cpu", Environment::capture(".".as_ref(), 1, None));
    /// let page = Page { title: "1 < 2".to_owned(), ..Page::default() };
    /// assert!(page.to_html(&results).contains("<h1>1 &lt; 2</h1>"));
    /// ```
    #[must_use]
    pub fn to_html(&self, results: &Results) -> String {
        let mut html = String::new();
        let title = escape(&self.title);
        // Formatting into a `String` cannot fail.
        let _ = write!(
            html,
            "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\" />\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n\
             <p class=\"meta\">{} · profile {} · seed {} · {} · {}</p>\n",
            escape(&results.paper),
            escape(&results.profile),
            results.seed,
            escape(&results.device),
            escape(&results.environment.started),
        );
        verdict_counts(&mut html, results);
        if !self.summary.is_empty() {
            let _ = writeln!(html, "<p class=\"summary\">{}</p>", escape(&self.summary));
        }
        html.push_str("</header>\n");
        if !self.overview.is_empty() {
            let _ = writeln!(
                html,
                "<section>\n<h2>Overview</h2>\n<pre class=\"scroll\"><code>{}</code></pre>\n</section>",
                escape(&self.overview)
            );
        }
        // A long table of numbers without anything to compare with hides those that have it.
        let judged = judged_only(results);
        let short = judged.measurements.is_empty() || results.measurements.len() <= LONG;
        measurement_table(&mut html, if short { results } else { &judged });
        self.pictures(&mut html);
        self.control_list(&mut html);
        list(&mut html, "Deviations from the paper", &self.deviations);
        list(&mut html, "Notes", &self.notes);
        if !short {
            html.push_str("<section>\n<h2>All measurements</h2>\n<details>\n<summary>Show the table</summary>\n");
            rows(&mut html, results);
            html.push_str("</details>\n</section>\n");
        }
        self.environment(&mut html, results);
        html.push_str("</main>\n</body>\n</html>\n");
        html
    }

    fn pictures(&self, html: &mut String) {
        if self.figures.is_empty() {
            return;
        }
        html.push_str("<section>\n<h2>Figures</h2>\n<div class=\"figures\">\n");
        for (i, figure) in self.figures.iter().enumerate() {
            let _ = write!(
                html,
                "<figure id=\"figure-{}\">\n<div class=\"picture\">{}</div>\n<figcaption><b>Figure {}.</b> {}</figcaption>\n</figure>\n",
                escape(&figure.name),
                figure.svg.as_str(),
                i + 1,
                escape(&figure.caption)
            );
        }
        html.push_str("</div>\n</section>\n");
    }

    fn control_list(&self, html: &mut String) {
        if self.controls.is_empty() {
            return;
        }
        html.push_str("<section>\n<h2>Controls</h2>\n<ul class=\"controls\">\n");
        for control in &self.controls {
            let (class, word) = if control.passed {
                ("met", "as expected")
            } else {
                ("not-met", "not as expected")
            };
            let _ = writeln!(
                html,
                "<li><b>{}</b> <span class=\"verdict {class}\">{word}</span><br />{}</li>",
                escape(&control.name),
                escape(&control.outcome)
            );
        }
        html.push_str("</ul>\n</section>\n");
    }

    fn environment(&self, html: &mut String, results: &Results) {
        html.push_str("<section>\n<h2>Reproduce</h2>\n");
        if !self.command.is_empty() {
            let _ = writeln!(html, "<pre><code>{}</code></pre>", escape(&self.command));
        }
        let e = &results.environment;
        html.push_str("<dl>\n");
        for (term, value) in [
            ("commit", e.commit.clone()),
            ("processor", e.cpu.clone()),
            ("threads", e.threads.to_string()),
            ("device", results.device.clone()),
            (
                "LibTorch",
                e.libtorch.clone().unwrap_or_else(|| "not used".to_owned()),
            ),
            ("seed", results.seed.to_string()),
            ("started", e.started.clone()),
            ("took", duration(e.seconds)),
        ] {
            let _ = writeln!(html, "<dt>{term}</dt><dd>{}</dd>", escape(&value));
        }
        html.push_str("</dl>\n</section>\n");
    }
}

fn verdict_counts(html: &mut String, results: &Results) {
    html.push_str("<ul class=\"counts\">\n");
    for verdict in [Verdict::NotMet, Verdict::Met, Verdict::NoReference] {
        let count = results.count(verdict);
        if count > 0 {
            let _ = writeln!(
                html,
                "<li><span class=\"verdict {}\">{count} {verdict}</span></li>",
                class(verdict)
            );
        }
    }
    html.push_str("</ul>\n");
}

/// Measurements above which those without a reference stand in a table of their own.
const LONG: usize = 40;

/// The measurements that have something to compare with.
fn judged_only(results: &Results) -> Results {
    let mut judged = results.clone();
    judged
        .measurements
        .retain(|m| m.verdict != Verdict::NoReference);
    judged
}

fn measurement_table(html: &mut String, results: &Results) {
    html.push_str("<section>\n<h2>Ours beside the paper’s</h2>\n");
    if results.measurements.is_empty() {
        html.push_str("<p>No measurements.</p>\n</section>\n");
        return;
    }
    rows(html, results);
    html.push_str("</section>\n");
}

fn rows(html: &mut String, results: &Results) {
    html.push_str(
        "<div class=\"scroll\" role=\"region\" aria-label=\"measurements\" tabindex=\"0\">\n<table>\n<thead><tr><th scope=\"col\">method</th>\
         <th scope=\"col\">quantity</th><th scope=\"col\" class=\"number\">ours</th>\
         <th scope=\"col\" class=\"number\">paper</th><th scope=\"col\">verdict</th></tr></thead>\n",
    );
    for problem in problems(results) {
        let _ = writeln!(
            html,
            "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"5\" class=\"problem\">{}</th></tr>",
            escape(problem)
        );
        for m in results.measurements.iter().filter(|m| m.problem == problem) {
            let quartiles = match spread(m) {
                s if s.is_empty() => s,
                s => format!("<small>{} ({} samples)</small>", escape(&s), m.samples),
            };
            let source = m
                .source
                .as_ref()
                .map_or(String::new(), |s| format!("<small>{}</small>", escape(s)));
            let _ = writeln!(
                html,
                "<tr><td class=\"name\">{}</td><td class=\"name\">{}</td><td class=\"number\">{}{quartiles}</td>\
                 <td class=\"number\">{}{source}</td><td><span class=\"verdict {}\">{}</span></td></tr>",
                escape(&m.method),
                quantity(&m.quantity),
                escape(&ours(m)),
                escape(&paper(m)),
                class(m.verdict),
                m.verdict
            );
        }
        html.push_str("</tbody>\n");
    }
    let _ = writeln!(
        html,
        "</table>\n</div>\n<p class=\"meta\">{}. Under our number: first and third quartile. In brackets: the tolerance.</p>",
        counts(results)
    );
}

/// A quantity that breaks before its `@` and not inside the tolerance after it.
fn quantity(name: &str) -> String {
    match name.split_once('@') {
        Some((what, at)) => {
            format!(
                "{}<wbr /><span class=\"whole\">@{}</span>",
                escape(what),
                escape(at)
            )
        }
        None => escape(name),
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not-met",
        Verdict::NoReference => "no-reference",
    }
}

fn list(html: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(html, "<section>\n<h2>{title}</h2>\n<ul>\n");
    for item in items {
        let _ = writeln!(html, "<li>{}</li>", escape(item));
    }
    html.push_str("</ul>\n</section>\n");
}

/// "41 s", "6 min 52 s", "3 h 20 min".
fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{} s", super::format_number(seconds)),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

/// Writes `results.json`, `report.html` and every figure as `<name>.svg` into a folder, each whole or not at all.
///
/// # Errors
/// As [`Results::write`]; [`ReportError::Duplicate`] if two figures have one name. Nothing is written then.
pub fn write_folder(folder: &Path, results: &Results, page: &Page) -> Result<(), ReportError> {
    for (i, figure) in page.figures.iter().enumerate() {
        if page.figures[..i]
            .iter()
            .any(|f| f.name.eq_ignore_ascii_case(&figure.name))
        {
            return Err(ReportError::Duplicate {
                what: format!("figure {}", figure.name),
            });
        }
    }
    let json = results.to_json()?;
    for figure in &page.figures {
        write_atomic(
            &folder.join(format!("{}.svg", figure.name)),
            figure.svg.to_document().as_bytes(),
        )?;
    }
    write_atomic(
        &folder.join("report.html"),
        page.to_html(results).as_bytes(),
    )?;
    write_atomic(&folder.join("results.json"), json.as_bytes())
}
