//! A policy that leads away is given up, a good one is not.
#![cfg(feature = "admm")]

use la_opt::admm::{
    Admm, AdmmError, AdmmOptions, AdmmReport, AdmmStatus, Network, Plan, Safeguard, Schedule,
    SquaredDistance, StepPolicy,
};

/// Large and small steps in turns.
struct Wild;

impl StepPolicy for Wild {
    fn horizon(&self) -> usize {
        200
    }

    fn plan(&mut self, k: usize) -> Plan {
        let alpha = match k % 3 {
            0 => 1e-4,
            1 => 1e4,
            _ => 1.0,
        };
        Plan::Global { alpha, gamma: 1.9 }
    }
}

fn ring(agents: usize) -> Network {
    Network::from_edges(agents, (0..agents).map(|i| (i, (i + 1) % agents))).unwrap()
}

fn solve(
    policy: impl StepPolicy + 'static,
    options: AdmmOptions,
) -> (AdmmReport, Admm<SquaredDistance>) {
    let agents = (0..12).map(|i| SquaredDistance::new(vec![f64::from(i * i), -f64::from(i)]));
    let agents = agents.collect::<Result<Vec<_>, _>>().unwrap();
    let mut admm = Admm::new(&ring(12), agents, options)
        .unwrap()
        .with_policy(policy);
    (admm.solve(), admm)
}

#[test]
fn what_leads_away_is_given_up() {
    let guarded = AdmmOptions::default().with_safeguard(Some(Safeguard::default()));
    let (without, _) = solve(Wild, AdmmOptions::default());
    let (with, admm) = solve(Wild, guarded);
    assert_eq!(without.policy_given_up, None);
    assert_eq!(with.status, AdmmStatus::Converged);
    let given_up = with.policy_given_up.expect("it leads away");
    assert!(given_up < 20, "{given_up}");
    // Later than without the policy by those iterations alone, or sooner.
    let constants = Schedule::default();
    let (plain, _) = solve(constants, AdmmOptions::default());
    let late = with.iterations.saturating_sub(plain.iterations);
    assert!(
        late <= given_up + 10,
        "{late} later, given up after {given_up}"
    );
    let mean = (0..12).map(|i| f64::from(i * i)).sum::<f64>() / 12.0;
    assert!((admm.x(3)[0] - mean).abs() < 1e-3 * mean);
}

#[test]
fn what_leads_to_the_solution_is_not() {
    let steps = (0..40).map(|k| (0.5 + 0.1 * f64::from(k % 4), 1.8));
    let policy = Schedule::new(steps.collect());
    let guarded = AdmmOptions::default().with_safeguard(Some(Safeguard::default()));
    let (with, admm) = solve(policy.clone(), guarded);
    let (without, other) = solve(policy, AdmmOptions::default());
    assert_eq!(with.policy_given_up, None);
    assert_eq!(with.iterations, without.iterations);
    assert_eq!(admm.states(), other.states());
}

#[cfg(feature = "serde")]
#[test]
fn a_checkpoint_remembers() {
    let agents = || {
        let each = (0..12).map(|i| SquaredDistance::new(vec![f64::from(i * i)]).unwrap());
        each.collect::<Vec<_>>()
    };
    // Two iterations, of which the first is kept; the policy is given up after the next ones.
    let options = AdmmOptions::default()
        .with_safeguard(Some(Safeguard::default()))
        .with_max_iters(2);
    let start = || {
        let admm = Admm::new(&ring(12), agents(), options.clone()).unwrap();
        admm.with_policy(Wild)
    };
    let mut first = start();
    assert_eq!(first.solve().policy_given_up, None);
    let mut second = start();
    second.restore(&first.checkpoint()).unwrap();
    for admm in [&mut first, &mut second] {
        (0..20).for_each(|_| admm.advance().unwrap());
        assert!(admm.solve().policy_given_up.is_some());
    }
    assert_eq!(first.states(), second.states());
}

#[test]
fn impossible_rules_are_errors() {
    let agents = || vec![SquaredDistance::new(vec![1.0]).unwrap(); 3];
    for (rule, name) in [
        (Safeguard::default().with_growth(0.5), "growth"),
        (Safeguard::default().with_growth(f64::NAN), "growth"),
        (Safeguard::default().with_patience(0), "patience"),
    ] {
        let options = AdmmOptions::default().with_safeguard(Some(rule));
        match Admm::new(&ring(3), agents(), options).err() {
            Some(AdmmError::InvalidOption { option, .. }) => assert_eq!(option, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}
