//! A verdict into a record, records into batches for a log cluster; a delivery queue as a value.
