//! Threads as the processes of a training.

pub(crate) mod bowls;

use std::sync::{Arc, Barrier, Mutex};

use la_gnn::GnnError;
use la_gnn::training::Exchange;

/// One of the processes.
pub(crate) struct Threads {
    rank: usize,
    shared: Arc<Shared>,
}

struct Shared {
    barrier: Barrier,
    parts: Mutex<Vec<Vec<f64>>>,
}

impl Exchange for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.parts.lock().unwrap().len()
    }

    fn sum(&self, values: &mut [f64]) -> Result<(), GnnError> {
        self.shared.parts.lock().unwrap()[self.rank] = values.to_vec();
        self.shared.barrier.wait();
        values.fill(0.0);
        for part in self.shared.parts.lock().unwrap().iter() {
            assert_eq!(part.len(), values.len(), "messages of one length");
            values.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        self.shared.barrier.wait();
        Ok(())
    }
}

/// What every one of `size` threads makes of it.
pub(crate) fn on_threads<T: Send>(size: usize, body: impl Fn(&Threads) -> T + Sync) -> Vec<T> {
    let shared = Arc::new(Shared {
        barrier: Barrier::new(size),
        parts: Mutex::new(vec![Vec::new(); size]),
    });
    std::thread::scope(|scope| {
        let body = &body;
        let start = |rank| {
            let shared = Arc::clone(&shared);
            scope.spawn(move || body(&Threads { rank, shared }))
        };
        let threads: Vec<_> = (0..size).map(start).collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results.map(Result::unwrap).collect()
    })
}
