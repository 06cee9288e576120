//! Sums up: why an event may not pass, with its stable code.
