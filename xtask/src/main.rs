//! Set-up, process control and progress for the workspace.
fn main() {}
