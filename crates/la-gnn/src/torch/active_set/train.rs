//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::super::tensors::{Context, Tch, to_f64};
use super::loss::{Judged, loss};
use super::{ActiveSetNetwork, Stacked, flat};
use crate::GnnError;
use crate::active_set::Parameters;
use crate::training::active_set::{ActiveSetLog, ActiveSetTrainOptions, Kept, LossNodes};
use crate::training::{AdamW, TrainOptions};

/// Problems of a batch of the validation set.
const VALIDATION_BATCH: usize = 64;

/// A trained network and the story of its training.
#[derive(Debug, Clone)]
pub struct ActiveSetTrained<C> {
    /// Those that [`ActiveSetTrainOptions::keep`] names.
    pub parameters: Parameters<C>,
    /// What happened.
    pub log: ActiveSetLog,
}

/// Weights of inactive and active nodes, `w_c = N / (2 N_c)` over all nodes that count; 1 where there is only one class.
///
/// # Errors
/// [`GnnError::Torch`] if LibTorch refuses.
pub fn class_weights<X>(
    groups: &[Stacked<X>],
    options: &ActiveSetTrainOptions,
) -> Result<Option<[f64; 2]>, GnnError> {
    if !options.balanced {
        return Ok(None);
    }
    let (mut active, mut all) = (0.0, 0.0);
    for group in groups {
        let sum = group
            .labels
            .f_sum(Kind::Double)
            .context("counting labels")?;
        active += sum.double_value(&[]);
        let skipped = match options.nodes {
            LossNodes::All => 0,
            LossNodes::Constraints => group.skip * group.count,
        };
        all += (group.labels.numel() - skipped) as f64;
    }
    let inactive = all - active;
    if active == 0.0 || inactive == 0.0 {
        return Ok(Some([1.0, 1.0]));
    }
    Ok(Some([all / (2.0 * inactive), all / (2.0 * active)]))
}

/// Loss of all problems of all groups as one batch, with their class weights, and its gradient.
///
/// # Errors
/// As [`train`].
pub fn loss_and_gradient<C: ActiveSetNetwork>(
    parameters: &Parameters<C>,
    groups: &[C::Group],
    options: &ActiveSetTrainOptions,
    kind: Kind,
) -> Result<(f64, Vec<f64>), GnnError> {
    options.validate()?;
    parameters.check()?;
    let config = &parameters.config;
    let stack = |group| config.stack(&parameters.statistics, group, kind);
    let groups = groups.iter().map(stack).collect::<Result<Vec<_>, _>>()?;
    check_problems("groups", &groups)?;
    let weights = class_weights(&groups, options)?;
    let values = flat(parameters, kind)
        .and_then(|values| values.f_set_requires_grad(true))
        .context("parameters as a tensor")?;
    let all = |group: &Stacked<_>| (0..group.count as i64).collect();
    let batch = groups.iter().map(all).enumerate().collect();
    gradient(config, &values, &groups, &batch, weights, options).context("loss and gradient")
}

/// Logits of all problems of a group as one batch, problems × outputs.
///
/// # Errors
/// As [`train`].
pub fn logits<C: ActiveSetNetwork>(
    parameters: &Parameters<C>,
    group: &C::Group,
    kind: Kind,
) -> Result<Vec<f64>, GnnError> {
    parameters.check()?;
    let config = &parameters.config;
    let group = config.stack(&parameters.statistics, group, kind)?;
    let run = || {
        let values = flat(parameters, kind)?;
        let all: Vec<i64> = (0..group.count as i64).collect();
        to_f64(&config.forward(&values, &group.data, &Tensor::f_from_slice(&all)?)?)
    };
    run().context("logits")
}

fn check_problems<X>(field: &'static str, groups: &[Stacked<X>]) -> Result<(), GnnError> {
    if groups.iter().any(|group| group.count > 0) {
        return Ok(());
    }
    let reason = "holds no problems".into();
    Err(GnnError::Config { field, reason })
}

/// Which problems of which groups an update sees; each group once at most.
type Batch = Vec<(usize, Vec<i64>)>;

fn gradient<C: ActiveSetNetwork>(
    config: &C,
    values: &Tensor,
    groups: &[Stacked<C::Stacked>],
    batch: &Batch,
    weights: Option<[f64; 2]>,
    options: &ActiveSetTrainOptions,
) -> Tch<(f64, Vec<f64>)> {
    let value = loss(&judge(config, values, groups, batch)?, weights, options)?;
    let gradients = Tensor::f_run_backward(&[&value], &[values], false, false)?;
    Ok((value.f_double_value(&[])?, to_f64(&gradients[0])?))
}

/// Outputs for a batch, with their labels.
fn judge<C: ActiveSetNetwork>(
    config: &C,
    values: &Tensor,
    groups: &[Stacked<C::Stacked>],
    batch: &Batch,
) -> Tch<Vec<Judged>> {
    let parts = batch.iter();
    let parts =
        parts.map(|(group, indices)| Ok((&groups[*group].data, Tensor::f_from_slice(indices)?)));
    let parts = parts.collect::<Tch<Vec<_>>>()?;
    let outputs = config.forward_parts(values, &parts)?;
    let outputs = outputs.into_iter().zip(parts).zip(batch);
    outputs
        .map(|((logits, (_, indices)), (group, _))| {
            let group = &groups[*group];
            Ok(Judged {
                logits,
                labels: group.labels.f_index_select(0, &indices)?,
                skip: group.skip,
            })
        })
        .collect()
}

/// Trains a network on problems of one or several sizes: AdamW on the balanced cross entropy.
///
/// Tensors that are measured are measured on the training set first; `watch` is called after every epoch and may break off. The same seeds give the same
/// network with the same number of threads of LibTorch.
///
/// # Errors
/// [`GnnError::Config`] for options or parameters out of range or no problems to train or validate on; [`GnnError::Matrix`] and
/// [`GnnError::NonFinite`] for groups that do not fit; [`GnnError::Diverged`] if a loss is not finite; [`GnnError::Torch`] if LibTorch refuses.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use la_gnn::active_set::{MlpConfig, Parameters};
/// use la_gnn::torch::active_set::train;
/// use la_gnn::training::active_set::{ActiveSetTrainOptions, ProblemGroup};
///
/// // x ≤ b with the minimiser of ½ x² + f x: active where -f > b.
/// let f: Vec<f64> = (0..64).map(|k| f64::from(k) / 32.0 - 1.0).collect();
/// let group = ProblemGroup {
///     variables: 1,
///     constraints: 1,
///     matrices: vec![(vec![1.0], vec![1.0])],
///     upper: vec![0.0; 64],
///     active: f.iter().map(|f| *f < 0.0).collect(),
///     linear: f,
///     ..ProblemGroup::default()
/// };
/// let start = Parameters::initialize(&MlpConfig::new(1, 1).with_hidden(16), 0)?;
/// let options = ActiveSetTrainOptions::default().with_epochs(30).with_batch(8).with_learning_rate(1e-2);
/// let group = [group];
/// let trained = train(&start, &group, &group, &options, &mut |_| ControlFlow::Continue(()))?;
/// let log = &trained.log;
/// assert!(log.best().is_some_and(|(_, best)| best < 0.5 * log.validations[0]));
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, arXiv 2511.13174, section 5, is [`ActiveSetTrainOptions::published`].
pub fn train<C: ActiveSetNetwork>(
    start: &Parameters<C>,
    training: &[C::Group],
    validation: &[C::Group],
    options: &ActiveSetTrainOptions,
    watch: &mut dyn FnMut(&ActiveSetLog) -> ControlFlow<()>,
) -> Result<ActiveSetTrained<C>, GnnError> {
    options.validate()?;
    let began = Instant::now();
    let config = &start.config;
    let mut current = start.clone();
    current.statistics = config.measure(training)?;
    current.check()?;
    let stack = |groups: &[C::Group]| {
        let stack = |group| config.stack(&current.statistics, group, Kind::Float);
        groups.iter().map(stack).collect::<Result<Vec<_>, _>>()
    };
    let (training, validation) = (stack(training)?, stack(validation)?);
    check_problems("training", &training)?;
    check_problems("validation", &validation)?;
    let weights = class_weights(&training, options)?;
    let per_epoch = order(&training, options, 0).len();
    let schedule = TrainOptions {
        updates: (per_epoch * options.epochs).max(1),
        learning_rate: options.learning_rate,
        schedule: options.schedule,
        ..TrainOptions::default()
    };
    let mut optimizer = AdamW::new(current.values.len());
    let mut values = flat(&current, Kind::Float)
        .and_then(|values| values.f_set_requires_grad(true))
        .context("parameters as a tensor")?;
    let mut best = current.clone();
    let mut log = ActiveSetLog::default();
    for epoch in 0..options.epochs {
        let mut total = 0.0;
        for batch in order(&training, options, epoch) {
            let (loss, slope) = gradient(config, &values, &training, &batch, weights, options)
                .context("loss and gradient")?;
            if !(loss.is_finite() && slope.iter().all(|g| g.is_finite())) {
                return Err(GnnError::Diverged {
                    update: log.updates,
                    reason: format!("loss {loss} in epoch {epoch}"),
                });
            }
            let rate = schedule.learning_rate_at(log.updates);
            optimizer.update(&mut current.values, &slope, rate, options.weight_decay);
            let mut copy = || values.f_copy_(&Tensor::f_from_slice(&current.values)?);
            tch::no_grad(&mut copy).context("updating parameters")?;
            total += loss;
            log.updates += 1;
        }
        let score = tch::no_grad(|| validate(config, &values, &validation, weights, options))
            .context("validation")?;
        if log.best().is_none_or(|(_, lowest)| score < lowest) {
            best.values.clone_from(&current.values);
        }
        log.losses.push(total / per_epoch as f64);
        log.validations.push(score);
        log.seconds = began.elapsed().as_secs_f64();
        let stuck = log.epochs_without_improvement(options.min_improvement);
        if watch(&log).is_break() || stuck >= options.patience {
            break;
        }
    }
    best.statistics.clone_from(&current.statistics);
    let parameters = match options.keep {
        Kept::Best => best,
        Kept::Last => current,
    };
    Ok(ActiveSetTrained { parameters, log })
}

/// The batches of an epoch: each group in a random order, and the batches of all groups too; or all problems in a random order.
fn order<X>(groups: &[Stacked<X>], options: &ActiveSetTrainOptions, epoch: usize) -> Vec<Batch> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(epoch as u64);
    let numbered = groups.iter().enumerate();
    if options.mixed_sizes && groups.len() > 1 {
        let places = |(which, group): (usize, &Stacked<X>)| {
            (0..group.count as i64).map(move |index| (which, index))
        };
        let mut all: Vec<(usize, i64)> = numbered.flat_map(places).collect();
        all.shuffle(&mut rng);
        let by_group = |chunk: &[(usize, i64)]| {
            let mut batch: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
            for &(which, index) in chunk {
                batch.entry(which).or_default().push(index);
            }
            batch.into_iter().collect()
        };
        return all.chunks(options.batch).map(by_group).collect();
    }
    let mut batches = Vec::new();
    for (which, group) in numbered {
        let mut indices: Vec<i64> = (0..group.count as i64).collect();
        indices.shuffle(&mut rng);
        let chunks = indices.chunks(options.batch);
        batches.extend(chunks.map(|chunk| vec![(which, chunk.to_vec())]));
    }
    batches.shuffle(&mut rng);
    batches
}

/// Mean over batches, each counted by its outputs.
fn validate<C: ActiveSetNetwork>(
    config: &C,
    values: &Tensor,
    groups: &[Stacked<C::Stacked>],
    weights: Option<[f64; 2]>,
    options: &ActiveSetTrainOptions,
) -> Tch<f64> {
    let weights = weights.filter(|_| options.weighted_validation);
    let plain = ActiveSetTrainOptions {
        sparsity: if options.weighted_validation {
            options.sparsity
        } else {
            0.0
        },
        ..options.clone()
    };
    let (mut total, mut nodes) = (0.0, 0.0);
    for (which, group) in groups.iter().enumerate() {
        let indices: Vec<i64> = (0..group.count as i64).collect();
        for batch in indices.chunks(VALIDATION_BATCH) {
            let parts = judge(config, values, groups, &vec![(which, batch.to_vec())])?;
            let value = loss(&parts, weights, &plain)?;
            let count = parts[0].labels.numel() as f64;
            total += value.f_double_value(&[])? * count;
            nodes += count;
        }
    }
    Ok(total / nodes)
}
