//! The whole path; read this first.
