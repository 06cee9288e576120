//! Everything that a call is judged by, compiled.
