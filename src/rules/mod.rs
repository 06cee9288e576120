//! Facts into nothing or a violation.
