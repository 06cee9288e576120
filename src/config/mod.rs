//! Policy text into a compiled policy, or every error with its place.
