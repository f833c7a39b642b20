//! Classical preconditioners.
