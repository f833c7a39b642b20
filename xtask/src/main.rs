//! `cargo xtask`: set-up, checks, and the way to the commands that compute.
//!
//! This program is small on purpose: it compiles in seconds and depends on none of the library crates but `la-mpi`, of which it needs how programs are started.
//! What computes (`reproduce`, `solve`, `train`, `bench`) is the program `runner`, which it builds in
//! release mode and becomes.

mod checksum;
mod cli;
mod commands;
mod console;
mod libtorch;
mod mpi;
mod pip;
mod project;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Usage errors exit 1, where clap would exit 2; help and version are no errors.
            let code = u8::from(error.use_stderr());
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    match commands::run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            console::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
