mod conformance;
mod language;
mod robustness;
