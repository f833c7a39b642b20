//! Checkpoints in files: a manifest, and beside it one file for each process that wrote it.
//!
//! `run.json` names `run.json.1200.0-of-3`, `run.json.1200.1-of-3` and so on, of iteration 1200. Every file is written under another name and renamed, the manifest last and after all others: whenever a
//! run is killed, the manifest names files that are complete. Those of the checkpoint before are removed then.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::checkpoint::AdmmCheckpoint;
use super::collective::agree;
use super::exchange::Exchange;
use super::objective::LocalObjective;
use super::solver::Admm;
use super::{AdmmError, CheckpointError};

const FORMAT: &str = "la-opt admm checkpoint";
const VERSION: u32 = 1;

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    version: u32,
    ranks: usize,
    iteration: usize,
    agents: usize,
    network: u64,
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// Writes a checkpoint. Collective.
    ///
    /// # Errors
    /// [`AdmmError::Checkpoint`], which names the file; [`AdmmError::Elsewhere`] on the other processes. An earlier checkpoint at this path stays.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<(), AdmmError> {
        let path = path.as_ref();
        let (rank, ranks) = (self.exchange.rank(), self.exchange.ranks());
        let saved = self.checkpoint();
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            ranks,
            iteration: saved.common.iteration,
            agents: saved.common.agents,
            network: saved.common.network,
        };
        let before = read_manifest(path).ok();
        let written = write(&shard_path(path, &manifest, rank), &saved);
        agree(written.map_err(AdmmError::from), &mut self.exchange)?;
        let written = if rank == 0 {
            write(path, &manifest)
        } else {
            Ok(())
        };
        agree(written.map_err(AdmmError::from), &mut self.exchange)?;
        // Nobody needs the files of the checkpoint before; one that cannot be removed does no harm.
        if let Some(before) = before.filter(|before| *before != manifest) {
            for old in (rank..before.ranks).step_by(ranks) {
                let _ = fs::remove_file(shard_path(path, &before, old));
            }
        }
        Ok(())
    }

    /// Goes on from a checkpoint in files that any number of processes has written. Collective.
    ///
    /// # Errors
    /// [`AdmmError::Checkpoint`]: a file is missing, truncated, damaged, of another run; it names the file. [`AdmmError::Elsewhere`] on the other processes. The iterates stay.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), AdmmError> {
        let read = self.read(path.as_ref()).map_err(AdmmError::from);
        let checkpoint = agree(read, &mut self.exchange)?;
        self.restore(&checkpoint)
    }

    /// Own agents, from all files.
    fn read(&self, path: &Path) -> Result<AdmmCheckpoint, CheckpointError> {
        let manifest = read_manifest(path)?;
        let mut mine = vec![false; self.agents];
        for &id in &self.shard.ids()[..self.shard.owned()] {
            mine[id as usize] = true;
        }
        let mut whole: Option<AdmmCheckpoint> = None;
        for rank in 0..manifest.ranks {
            let file = shard_path(path, &manifest, rank);
            let mut part: AdmmCheckpoint = read(&file)?;
            let common = &part.common;
            if (common.iteration, common.agents, common.network)
                != (manifest.iteration, manifest.agents, manifest.network)
            {
                return Err(CheckpointError::Mismatch { file });
            }
            part.states
                .retain(|state| mine.get(state.id as usize) == Some(&true));
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => whole.states.append(&mut part.states),
            }
        }
        whole.ok_or_else(|| CheckpointError::Mismatch {
            file: path.to_owned(),
        })
    }
}

fn read_manifest(path: &Path) -> Result<Manifest, CheckpointError> {
    let manifest: Manifest = read(path)?;
    if manifest.format == FORMAT && manifest.version == VERSION {
        return Ok(manifest);
    }
    Err(CheckpointError::Format {
        file: path.to_owned(),
        format: manifest.format,
        version: manifest.version,
    })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    name.into()
}

fn shard_path(path: &Path, manifest: &Manifest, rank: usize) -> PathBuf {
    let Manifest {
        iteration, ranks, ..
    } = manifest;
    with_suffix(path, &format!(".{iteration}.{rank}-of-{ranks}"))
}

/// 64 bits that change with every byte (FNV-1a).
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| {
        (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn write(path: &Path, content: &impl serde::Serialize) -> Result<(), CheckpointError> {
    let failed = |source: std::io::Error| CheckpointError::Io {
        file: path.to_owned(),
        why: source.to_string(),
    };
    let text = serde_json::to_string(content).map_err(|error| failed(error.into()))?;
    let temporary = with_suffix(path, ".partial");
    let mut file = fs::File::create(&temporary).map_err(failed)?;
    let head = format!("{:016x}\n", checksum(text.as_bytes()));
    file.write_all(head.as_bytes()).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    // A file that is renamed before it is on the disk can be empty after a crash of the machine.
    file.sync_all().map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CheckpointError> {
    let text = fs::read_to_string(path).map_err(|error| CheckpointError::Io {
        file: path.to_owned(),
        why: error.to_string(),
    })?;
    let damaged = |why: String| CheckpointError::Damaged {
        file: path.to_owned(),
        why,
    };
    let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
    if head != format!("{:016x}", checksum(body.as_bytes())) {
        return Err(damaged(
            "its checksum is wrong: it is truncated or was changed".to_owned(),
        ));
    }
    serde_json::from_str(body).map_err(|error| damaged(error.to_string()))
}
