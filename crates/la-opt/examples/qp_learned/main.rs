//! Trains networks that guess active sets, and counts iterations of the solver from their guesses:
//!
//! ```text
//! cargo run --release -p la-opt --features torch --example qp_learned -- MODE [ARGUMENTS] [seeds=1] [epochs=N] [save=FOLDER]
//!   mlp FAMILY.npz ...             perceptrons on q and b, one for each family
//!   published FAMILY.npz ...       the published graph network, one for each family; with recipe=ours trained as ours
//!   sizes TRAIN.npz ... TEST.npz   networks trained on several families, tested on the last
//!   varying                        networks for problems with other matrices each, n = 20 to 60, tested on these sizes and n = 100
//! ```
//!
//! Iterations are means over the feasible test problems. The thresholds are those with the fewest iterations on validation problems. Controls:
//! the same network untrained, the same trained with the labels of other problems, and guessing the constraints that are active most often; for networks on the
//! least-distance form the steps of splitting alone. The time of a guess of those two holds a set-up of their own, which a caller who reads the form out of the
//! workspace (`predict_in`) saves.

mod problems;

use std::collections::HashMap;
use std::ops::ControlFlow;

use la_gnn::Provenance;
use la_gnn::active_set::{GnnConfig, LeastDistanceConfig, MlpConfig, Parameters};
use la_gnn::torch::active_set::{ActiveSetNetwork, train};
use la_gnn::torch::tch;
use la_gnn::training::active_set::ActiveSetTrainOptions;
use la_opt::OptError;
use la_opt::qp::learned::{
    GnnPredictor, LeastDistancePredictor, MlpPredictor, ThresholdScore, best_threshold,
};
use la_opt::qp::{ActiveSetPredictor, QuadraticProgram, Side};
use problems::{Problems, RULES, Result, Splitting, THRESHOLDS};

/// Shares of a run.
struct Run {
    seeds: u64,
    epochs: Option<usize>,
    save: Option<String>,
    settings: HashMap<String, String>,
    files: Vec<String>,
}

impl Run {
    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> Result<T> {
        match self.settings.get(key) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{key}={text}").into()),
        }
    }
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let (mut settings, mut files) = (HashMap::new(), Vec::new());
    for argument in arguments {
        match argument.split_once('=') {
            Some((key, value)) => drop(settings.insert(key.to_owned(), value.to_owned())),
            None => files.push(argument),
        }
    }
    let mut run = Run {
        seeds: 1,
        epochs: None,
        save: settings.get("save").cloned(),
        settings,
        files,
    };
    run.seeds = run.number("seeds", 1)?;
    if run.settings.contains_key("epochs") {
        run.epochs = Some(run.number("epochs", 0)?);
    }
    match mode.as_str() {
        "mlp" => run.files.iter().try_for_each(|file| perceptron(&run, file)),
        "published" => run.files.iter().try_for_each(|file| published(&run, file)),
        "sizes" => sizes(&run),
        "varying" => varying(&run),
        _ => Err("one of mlp, published, sizes, varying is needed".into()),
    }
}

/// Guesses the constraints that are active in the largest share of the training problems.
struct MostFrequent(Vec<(usize, Side, f64)>);

impl MostFrequent {
    fn new(problems: &Problems) -> Self {
        let mut counts: HashMap<(usize, Side), usize> = HashMap::new();
        for set in problems.active_sets() {
            set.iter()
                .for_each(|&slot| *counts.entry(slot).or_default() += 1);
        }
        let all = problems.len() as f64;
        let share = |((j, side), count)| (j, side, f64::from(count as u32) / all);
        let mut list: Vec<_> = counts.into_iter().map(share).collect();
        list.sort_by_key(|entry| entry.0);
        Self(list)
    }
}

impl ActiveSetPredictor<f64> for MostFrequent {
    fn predict(
        &mut self,
        _: &QuadraticProgram,
        guess: &mut Vec<(usize, Side, f64)>,
    ) -> std::result::Result<(), OptError> {
        guess.clone_from(&self.0);
        Ok(())
    }
}

type Maker<'a> = &'a dyn Fn(&Problems) -> Result<Box<dyn ActiveSetPredictor<f64>>>;

/// Chooses the threshold on validation problems, and prints the mean iterations on test problems.
fn row(
    name: &str,
    make: Maker<'_>,
    validation: &[&Problems],
    test: &[&Problems],
    details: bool,
) -> Result<()> {
    for (rule, (_, rule_name)) in RULES.iter().enumerate() {
        let mut total: Vec<ThresholdScore> = Vec::new();
        for problems in validation {
            let scores = problems.sweep(rule, &mut *make(problems)?, &THRESHOLDS)?;
            if total.is_empty() {
                total = scores;
            } else {
                for (total, score) in total.iter_mut().zip(scores) {
                    total.iterations += score.iterations;
                    total.problems += score.problems;
                }
            }
        }
        let threshold = best_threshold(&total);
        for problems in test {
            let mut predictor = make(problems)?;
            let score = problems.sweep(rule, &mut *predictor, &[threshold])?[0];
            print!(
                "{name:24} n = {:3} {rule_name:17} t = {threshold:4.2}: {:7.2} iterations",
                problems.base().num_variables(),
                score.mean()
            );
            if details {
                let (p, r) = problems.precision_and_recall(&mut *predictor, threshold)?;
                let [guess, cold, warm] = problems.times(rule, &mut *predictor, threshold)?;
                print!(", precision {p:.3} recall {r:.3}");
                print!(", µs: guess {guess:.1}, cold {cold:.1}, warm {warm:.1}");
            }
            println!();
        }
    }
    Ok(())
}

fn header(title: &str, test: &[&Problems]) -> Result<()> {
    println!("{title}");
    for problems in test {
        for (rule, (_, rule_name)) in RULES.iter().enumerate() {
            println!(
                "{:24} n = {:3} {rule_name:17}          : {:7.2} iterations cold, {:.2} from the solution; {} problems, {} infeasible left out",
                "",
                problems.base().num_variables(),
                problems.cold(rule),
                problems.oracle(rule)?,
                problems.len(),
                problems.infeasible,
            );
        }
    }
    Ok(())
}

fn fit<C: ActiveSetNetwork>(
    run: &Run,
    config: &C,
    seed: u64,
    options: ActiveSetTrainOptions,
    training: &[C::Group],
    validation: &[C::Group],
) -> Result<Parameters<C>> {
    let mut options = options.with_seed(seed);
    if let Some(epochs) = run.epochs {
        options = options.with_epochs(epochs);
    }
    let start = Parameters::initialize(config, seed)?;
    let verbose = run.settings.contains_key("verbose");
    let trained = train(&start, training, validation, &options, &mut |log| {
        if verbose {
            println!(
                "  epoch {} {:.1} s: {:.4} {:.4}",
                log.losses.len(),
                log.seconds,
                log.losses[log.losses.len() - 1],
                log.validations[log.validations.len() - 1]
            );
        }
        ControlFlow::Continue(())
    })?;
    let log = &trained.log;
    println!(
        "trained {} with seed {seed}: {} epochs, {:.1} s, lowest validation loss {:.4}",
        C::ARCHITECTURE,
        log.losses.len(),
        log.seconds,
        log.best().map_or(f64::NAN, |(_, loss)| loss)
    );
    if let Some(folder) = &run.save {
        let file = format!("{folder}/{}-s{seed}.safetensors", C::ARCHITECTURE);
        trained
            .parameters
            .to_weights(Provenance::default())
            .save(file)?;
    }
    Ok(trained.parameters)
}

/// The labels of each problem given to the next.
fn shifted(active: &mut [bool], constraints: usize) {
    active.rotate_left(constraints);
}

fn perceptron(run: &Run, file: &str) -> Result<()> {
    let [training, validation, test] = Problems::open(file)?;
    let (validate, tests) = ([&validation], [&test]);
    header(file, &tests)?;
    let frequent = |_: &Problems| -> Result<Box<dyn ActiveSetPredictor<f64>>> {
        Ok(Box::new(MostFrequent::new(&training)))
    };
    row("most frequent", &frequent, &validate, &tests, false)?;
    let (group, check) = (training.samples.group(), validation.samples.group());
    let hidden = run.number("hidden", 128)?;
    let config = MlpConfig::new(group.variables, group.constraints).with_hidden(hidden);
    let options = ActiveSetTrainOptions::default();
    let options = options
        .clone()
        .with_epochs(run.number("epochs", 100)?)
        .with_learning_rate(run.number("rate", 3e-3)?)
        .with_weight_decay(run.number("decay", 0.01)?)
        .with_batch(run.number("batch", 32)?);
    let predictor = |parameters: &Parameters<MlpConfig>| {
        let parameters = parameters.clone();
        move |problems: &Problems| -> Result<Box<dyn ActiveSetPredictor<f64>>> {
            let predictor = MlpPredictor::new(&parameters, problems.base())?;
            Ok(Box::new(predictor.with_threshold(0.0)?))
        }
    };
    for seed in 0..run.seeds {
        let (group, check) = ([group.clone()], [check.clone()]);
        let trained = fit(run, &config, seed, options.clone(), &group, &check)?;
        row("perceptron", &predictor(&trained), &validate, &tests, true)?;
    }
    let untrained = predictor(&Parameters::initialize(&config, 0)?);
    row("untrained", &untrained, &validate, &tests, false)?;
    let (mut group, mut check) = (group.clone(), check.clone());
    shifted(&mut group.active, group.constraints);
    shifted(&mut check.active, check.constraints);
    let mislead = fit(run, &config, 0, options, &[group], &[check])?;
    row(
        "labels of others",
        &predictor(&mislead),
        &validate,
        &tests,
        false,
    )
}

fn gnn_predictor(
    parameters: &Parameters<GnnConfig>,
) -> impl Fn(&Problems) -> Result<Box<dyn ActiveSetPredictor<f64>>> + use<> {
    let parameters = parameters.clone();
    move |problems: &Problems| {
        let predictor = GnnPredictor::new(&parameters, problems.base())?;
        let predictor = predictor.with_matrices(problems.matrices);
        Ok(Box::new(predictor.with_threshold(0.0)?) as Box<dyn ActiveSetPredictor<f64>>)
    }
}

fn least_predictor(
    parameters: &Parameters<LeastDistanceConfig>,
) -> impl Fn(&Problems) -> Result<Box<dyn ActiveSetPredictor<f64>>> + use<> {
    let parameters = parameters.clone();
    move |problems: &Problems| {
        let predictor = LeastDistancePredictor::new(&parameters, &mut problems.workspace(1)?)?;
        let predictor = predictor.with_matrices(problems.matrices);
        Ok(Box::new(predictor.with_threshold(0.0)?) as Box<dyn ActiveSetPredictor<f64>>)
    }
}

fn published(run: &Run, file: &str) -> Result<()> {
    let [training, validation, test] = Problems::open(file)?;
    header(file, &[&test])?;
    let config = GnnConfig::default();
    for seed in 0..run.seeds {
        let (group, check) = (training.samples.group(), validation.samples.group());
        let options = match run.settings.get("recipe").map(String::as_str) {
            Some("ours") => ActiveSetTrainOptions::default(),
            _ => ActiveSetTrainOptions::published(),
        };
        let (group, check) = ([group.clone()], [check.clone()]);
        let trained = fit(run, &config, seed + 123, options, &group, &check)?;
        let make = gnn_predictor(&trained);
        let (p, r) = test.precision_and_recall(&mut *make(&test)?, 0.5)?;
        println!("at t = 0.5: precision {p:.3}, recall {r:.3}");
        row("published network", &make, &[&validation], &[&test], true)?;
    }
    Ok(())
}

fn least_config(run: &Run) -> Result<LeastDistanceConfig> {
    let ridges = match run.settings.get("ridges") {
        None => LeastDistanceConfig::default().ridges,
        Some(list) => list
            .split(',')
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?,
    };
    let default = LeastDistanceConfig::default();
    Ok(LeastDistanceConfig::default()
        .with_ridges(ridges)
        .with_steps(run.number("steps", default.steps)?)
        .with_gram(run.number("gram", default.gram)?)
        .with_width(run.number("width", default.width)?)
        .with_layers(run.number("layers", default.layers)?))
}

/// Trains both kinds of graph networks, and prints rows.
fn compare(
    run: &Run,
    training: &[Problems],
    validation: &[Problems],
    test: &[&Problems],
) -> Result<()> {
    let validate: Vec<&Problems> = validation.iter().collect();
    let options = ActiveSetTrainOptions::default()
        .with_epochs(run.number("epochs", 60)?)
        .with_learning_rate(run.number("rate", 2e-3)?)
        .with_batch(run.number("batch", 32)?);
    let rows = |problems: &[Problems]| -> Vec<_> {
        problems.iter().map(|p| p.rows.group().clone()).collect()
    };
    let graphs = |problems: &[Problems]| -> Vec<_> {
        problems.iter().map(|p| p.samples.group().clone()).collect()
    };
    let config = least_config(run)?;
    let (group, check) = (rows(training), rows(validation));
    for seed in 0..run.seeds {
        let trained = fit(run, &config, seed, options.clone(), &group, &check)?;
        row(
            "least-distance network",
            &least_predictor(&trained),
            &validate,
            test,
            true,
        )?;
    }
    if run.number("controls", true)? {
        for steps in [10, 30, config.steps] {
            let ridge = run.number("ridge", 1e-3)?;
            let splitting = |problems: &Problems| -> Result<Box<dyn ActiveSetPredictor<f64>>> {
                Ok(Box::new(Splitting::new(problems, ridge, steps)?))
            };
            row(
                &format!("{steps} steps of splitting"),
                &splitting,
                &validate,
                test,
                true,
            )?;
        }
        let untrained = least_predictor(&Parameters::initialize(&config, 0)?);
        row("untrained", &untrained, &validate, test, false)?;
        let [mut group, mut check] = [group, check];
        for group in group.iter_mut().chain(&mut check) {
            shifted(&mut group.active, group.constraints);
        }
        let mislead = fit(run, &config, 0, options, &group, &check)?;
        row(
            "labels of others",
            &least_predictor(&mislead),
            &validate,
            test,
            false,
        )?;
    }
    if run.number("published", true)? {
        let (group, check) = (graphs(training), graphs(validation));
        let options = ActiveSetTrainOptions::published();
        let trained = fit(run, &GnnConfig::default(), 123, options, &group, &check)?;
        row(
            "published network",
            &gnn_predictor(&trained),
            &validate,
            test,
            true,
        )?;
    }
    Ok(())
}

fn sizes(run: &Run) -> Result<()> {
    let (mut training, mut validation) = (Vec::new(), Vec::new());
    let (last, files) = run.files.split_last().ok_or("files are needed")?;
    for file in files {
        let [first, second, _] = Problems::open(file)?;
        training.push(first);
        validation.push(second);
    }
    let [_, _, test] = Problems::open(last)?;
    header(last, &[&test])?;
    compare(run, &training, &validation, &[&test])
}

fn varying(run: &Run) -> Result<()> {
    const SIZES: [usize; 5] = [20, 30, 40, 50, 60];
    let count = run.number("count", 400)?;
    let shift = run.number("shift", 1.0)?;
    let draw = |sizes: &[usize], count: usize, seed: u64| -> Result<Vec<Problems>> {
        sizes
            .iter()
            .map(|&n| Problems::random(n, count, seed, shift))
            .collect()
    };
    let training = draw(&SIZES, count, 1)?;
    let validation = draw(&SIZES, 30, 2)?;
    let test = draw(&[20, 40, 60, 100], 50, 3)?;
    let test: Vec<&Problems> = test.iter().collect();
    header("P and A of each problem drawn anew, m = 2 n", &test)?;
    compare(run, &training, &validation, &test)
}
